"""The commands: each is one function, announced by `@command` with its options, in the file of its room."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from lensapp import __version__
from lensapp.cli.options import add_spec_options
from lensapp.core.config import Spec
from lensapp.core.data.ingest_spec import IngestSpec

USER_ERROR = 2
ROOMS = {
    "data": "Data",
    "split": "Split",
    "train": "Train",
    "evaluate": "Evaluate",
    "score": "Score",
    "inspect": "Inspect",
    "catalogue": "Catalogue",
    "running": "Jobs",
    "care": "Workspace",
    "accounts": "Accounts",
}
Arguments = argparse.Namespace
Function = Callable[[Arguments], Any]


@dataclass(frozen=True)
class Option:
    """An argument of a command that no specification knows, as argparse takes it.

    `also` is an option that gives the first argument of a command too.
    """

    names: tuple[str, ...]
    settings: Mapping[str, Any]
    also: str | None = None


@dataclass(frozen=True)
class SpecOptions:
    """Options for the fields of a specification, but those in `skip`; `flags` renames some."""

    spec: type[Spec]
    skip: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """A command: its room, name, help, options and function."""

    room: str
    name: str
    text: str
    options: tuple[Option | SpecOptions, ...]
    function: Function


COMMANDS: dict[str, Command] = {}


def command(name: str, *options: Option | SpecOptions) -> Callable[[Function], Function]:
    """Register the function below as a command of its file's room.

    The first line of its docstring is listed, all of it is the command's help; what it returns is printed.
    """

    def register(function: Function) -> Function:
        room = function.__module__.rpartition(".")[2]
        COMMANDS[name] = Command(room, name, function.__doc__ or "", options, function)
        return function

    return register


def option(*names: str, also: str | None = None, **settings: Any) -> Option:
    """Return an argument or option, described as `argparse.ArgumentParser.add_argument` takes it.

    With `also` the first argument of a command can be given by an option of that name as well.
    """
    return Option(names, settings, also)


def names_in(text: str | None) -> list[str]:
    """Return the names of a list such as "a, b"."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


RUN = option("run", metavar="RUN", help="Name of the run.")
SOURCE = option("source", metavar="N", help="Name of the source.")
DATASET = option("dataset", metavar="DATASET", help="Name of the dataset version.")
REVIEW = option("review", metavar="REVIEW", help="Name of the review.")
CANDIDATE = option("--candidate", required=True, metavar="ID", help="ID of the candidate.")
ALLOW_UNKNOWN_UNITS = option(
    "--allow-unknown-units",
    action="store_true",
    help="Go on where unit of flux or pixel scale cannot be compared with the network's; scores say so.",
)
CROP = option(
    "--crop",
    action="store_true",
    help="Look at the middle of cutouts that are larger than the network's; scores say so.",
)
STATED_OF_FILES = ("zero_point", "pixel_scale_arcsec")
OF_FILES = SpecOptions(
    IngestSpec, skip=tuple(name for name in IngestSpec.model_fields if name not in STATED_OF_FILES)
)


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line that says where to look further."""

    first_by: str | None = None  # the option that gives the first argument as well

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Put the first argument in front where an option gives it."""
        if self.first_by is not None and args is not None:
            given = f"{self.first_by}="
            args = [
                part for text in args for part in (text.split("=", 1) if text.startswith(given) else [text])
            ]
            if self.first_by in args[:-1]:
                place = args.index(self.first_by)
                args = [args[place + 1], *args[:place], *args[place + 2 :]]
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print `message` on one line and exit with status 2."""
        self.exit(USER_ERROR, f"{self.prog}: {message}. See '{self.prog} --help'.\n")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of every room's commands, listed by room."""
    for room in ROOMS:
        import_module(f"lensapp.cli.{room}")
    listing = ["commands (COMMAND --help says more):"]
    for room, title in ROOMS.items():
        listing.append(f"\n  {title}")
        listing += [
            f"    {entry.name:<15}{entry.text.splitlines()[0]}"
            for entry in COMMANDS.values()
            if entry.room == room
        ]
    parser = OneLineParser(
        prog="python -m lensapp",
        description="Find strong gravitational lenses, headless.",
        epilog="\n".join(listing),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--workspace", type=Path, help="Workspace folder; default LENSAPP_WORKSPACE or ./workspace."
    )
    parser.add_argument("--json", action="store_true", help="Print one JSON object on stdout.")
    parsers = parser.add_subparsers(
        metavar="COMMAND", required=True, parser_class=OneLineParser, help="One of those below."
    )
    for entry in COMMANDS.values():
        own = parsers.add_parser(entry.name, description=entry.text)
        # Also after the command; suppressed so that an absent one does not undo the one in front.
        own.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="Print one JSON object."
        )
        own.add_argument("--workspace", type=Path, default=argparse.SUPPRESS, help="Workspace folder.")
        own.set_defaults(function=entry.function)
        for item in entry.options:
            if isinstance(item, SpecOptions):
                add_spec_options(own, item.spec, skip=item.skip, flags=item.flags)
            else:
                own.add_argument(*item.names, **item.settings)
                own.first_by = item.also or own.first_by
    return parser
