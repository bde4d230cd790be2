"""The Slurm script of the documents: bash reads it, and each task of its array scores its own share."""

import os
import re
import shlex
import subprocess
from pathlib import Path

from lensapp.cli.commands import make_parser
from lensapp.core.score.shard_share import ShardShare

PAGE = Path(__file__).parents[2] / "docs" / "scoring-at-scale.md"
TASKS = 20


def script() -> str:
    [found] = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


def run(words: list[str], text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, input=text, text=True, capture_output=True, check=False, env=os.environ | environment
    )


def test_bash_reads_the_script() -> None:
    assert run(["bash", "-n"], script()).returncode == 0
    assert run(["bash", "-n"], script() + "\nif true; then").returncode != 0


def test_each_task_of_a_dry_run_scores_its_own_share(tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/bash\nprintf "%q " "$@"\n')
    python.chmod(0o755)
    assert f"#SBATCH --array=1-{TASKS}\n" in script()
    assert f"shares={TASKS} " in script()
    shares = []
    for task in range(1, TASKS + 1):
        done = run(
            ["bash", "-c", f"cd {shlex.quote(str(tmp_path))} && bash -s cnn-1 survey"], script(),
            LENSAPP_DATABASE_URL="postgresql://x", SLURM_ARRAY_TASK_ID=str(task),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        words = shlex.split(done.stdout)
        assert words[:2] == ["-m", "lensapp"]
        arguments = make_parser().parse_args(words[2:])
        assert (arguments.run, arguments.source) == ("cnn-1", "survey")
        shares.append(ShardShare.parse(arguments.shard))
    assert shares == [ShardShare(task, TASKS) for task in range(1, TASKS + 1)]


def test_without_a_database_the_script_says_what_it_lacks() -> None:
    done = run(["bash", "-s", "a", "b"], "unset LENSAPP_DATABASE_URL\n" + script())
    assert done.returncode != 0
    assert "name the PostgreSQL database" in done.stderr
