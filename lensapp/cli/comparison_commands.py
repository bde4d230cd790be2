"""Commands that put several networks together or side by side."""

import argparse
from typing import Any

from lensapp.storage.workspace import Workspace


def committee(arguments: argparse.Namespace) -> dict[str, Any]:
    """Make a committee of trained runs."""
    from lensapp.services.committees import make_committee

    run = make_committee(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        members=[name for name in arguments.members.split(",") if name],
        combine=arguments.combine,
    )
    return {"run": run.name} | {key: run.spec[key] for key in ("members", "combine", "reference")}
