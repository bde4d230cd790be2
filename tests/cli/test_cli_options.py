"""Options made from specifications, and the list of commands."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from lensapp.cli import main
from lensapp.cli.commands import COMMANDS, ROOMS, make_parser
from lensapp.cli.options import add_spec_options, given_values, spec_fields
from lensapp.core.config import merged
from lensapp.core.errors import InvalidInput
from lensapp.core.train.training_spec import TrainingSpec


def parse(*arguments: str) -> dict:
    parser = argparse.ArgumentParser()
    add_spec_options(parser, TrainingSpec, flags={})
    return given_values(parser.parse_args(arguments), TrainingSpec)


def test_every_field_has_an_option_and_a_sentence_of_help():
    parser = argparse.ArgumentParser()
    add_spec_options(parser, TrainingSpec, flags={})
    text = parser.format_help()
    for path, field in spec_fields(TrainingSpec):
        assert "--" + "-".join(path).replace("_", "-") in text
        if path[-1] != "kind":
            assert field.description, f"{path} has no description"


def test_only_what_was_given_is_changed():
    assert parse() == {}
    assert parse("--epochs", "3", "--augmentation-rotation-deg", "90") == {
        "epochs": "3",
        "augmentation": {"rotation_deg": "90"},
    }


def test_a_nested_choice_is_parsed_into_its_own_specification():
    spec = TrainingSpec.parse(parse("--schedule-kind", "step", "--schedule-factor", "0.5"))
    assert (spec.schedule.kind, spec.schedule.factor) == ("step", 0.5)


def test_merging_keeps_what_a_preset_says_elsewhere():
    base = {"epochs": 35, "augmentation": {"d4": False, "noise_sigma": 0.1}}
    assert merged(base, {"augmentation": {"d4": True}}) == {
        "epochs": 35,
        "augmentation": {"d4": True, "noise_sigma": 0.1},
    }


def test_options_of_a_network_must_be_a_json_object():
    with pytest.raises(InvalidInput, match="is not JSON"):
        parse("--network-options", "filters=3")


def test_the_help_lists_every_command_once_under_its_room():
    lines = [line.split() for line in make_parser().format_help().splitlines() if line.startswith("    ")]
    listed = [words[0] for words in lines if words and words[0] in COMMANDS]
    assert sorted(listed) == sorted(COMMANDS)
    assert {entry.room for entry in COMMANDS.values()} == set(ROOMS)
    assert all(entry.text.splitlines()[0].endswith(".") for entry in COMMANDS.values())


def test_the_list_of_commands_needs_no_network_library():
    code = (
        "import sys; from lensapp.cli.commands import make_parser; make_parser(); "
        "sys.exit(bool({'keras', 'astropy', 'pandas', 'streamlit'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode
        == 0
    )


def test_only_unfinished_imports_can_be_discarded(tmp_path, capsys):
    assert main(["--workspace", str(tmp_path / "w"), "discard", "nothing"]) == 2
    assert "nothing" in capsys.readouterr().err
