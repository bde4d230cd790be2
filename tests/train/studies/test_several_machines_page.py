"""The Slurm script of the documents is one that bash reads, with commands and options that there are."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from lensapp.cli.commands import make_parser
from lensapp.cli.options import given_values
from lensapp.core.train.study_spec import KfoldSpec
from lensapp.core.train.training_spec import TrainingSpec

PAGE = Path(__file__).parents[3] / "docs" / "several-machines.md"


def scripts() -> tuple[str, str]:
    """Return the script of a study and that of one training over several processes."""
    of_study, of_training = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return of_study, of_training


def test_bash_reads_the_scripts_and_refuses_a_broken_one() -> None:
    def status(text: str) -> int:
        return subprocess.run(
            ["bash", "-n"], input=text, text=True, capture_output=True, check=False
        ).returncode

    assert [status(script) for script in scripts()] == [0, 0]
    assert status(scripts()[0] + "\nif true; then") != 0


def test_the_commands_of_the_scripts_are_some_that_there_are() -> None:
    line, divided = (
        next(line for line in script.splitlines() if " -m lensapp " in line) for script in scripts()
    )
    each = shlex.split(divided.replace("$SLURM_PROCID", "2"))[-1]  # what every process of srun runs
    part = make_parser().parse_args(shlex.split(each)[3:])
    assert (part.hosts, part.member, part.name) == ("$HOSTS", 2, "s4")
    assert int(given_values(part, TrainingSpec)["batch_size"]) % 3 == 0
    arguments = make_parser().parse_args(shlex.split(line)[3:])
    assert (int(given_values(arguments, KfoldSpec)["folds"]), arguments.dask) == (3, "$address")


@pytest.mark.parametrize("program", ["scheduler", "worker"])
def test_the_options_given_to_dask_are_its_own(program: str) -> None:
    cli = pytest.importorskip(f"distributed.cli.dask_{program}")
    known = {name for option in cli.main.params for name in [*option.opts, *option.secondary_opts]}
    line = next(line for line in scripts()[0].splitlines() if f"dask {program}" in line)
    given = set(re.findall(r"--[a-z-]+", line))
    assert given
    assert given <= known
