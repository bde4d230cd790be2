"""The Slurm script of the documents is one that bash reads, with commands and options that there are."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from lensapp.cli.commands import make_parser
from lensapp.cli.options import given_values
from lensapp.core.train.study_spec import KfoldSpec

PAGE = Path(__file__).parents[3] / "docs" / "several-machines.md"


def script() -> str:
    found = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def test_bash_reads_the_script_and_refuses_a_broken_one() -> None:
    def status(text: str) -> int:
        return subprocess.run(
            ["bash", "-n"], input=text, text=True, capture_output=True, check=False
        ).returncode

    assert status(script()) == 0
    assert status(script() + "\nif true; then") != 0


def test_the_command_of_the_script_is_one_that_there_is() -> None:
    line = next(line for line in script().splitlines() if " -m lensapp " in line)
    arguments = make_parser().parse_args(shlex.split(line)[3:])
    assert (int(given_values(arguments, KfoldSpec)["folds"]), arguments.dask) == (3, "$address")


@pytest.mark.parametrize("program", ["scheduler", "worker"])
def test_the_options_given_to_dask_are_its_own(program: str) -> None:
    cli = pytest.importorskip(f"distributed.cli.dask_{program}")
    known = {name for option in cli.main.params for name in [*option.opts, *option.secondary_opts]}
    line = next(line for line in script().splitlines() if f"dask {program}" in line)
    given = set(re.findall(r"--[a-z-]+", line))
    assert given
    assert given <= known
