"""Which files may be read in the name of an account: those below folders that were configured."""

import os
from pathlib import Path

from lensapp.core.acting import current_actor
from lensapp.core.errors import NotAllowed

ROOTS_SWITCH = "LENSAPP_IMPORT_ROOTS"


def import_roots() -> list[Path] | None:
    """Return the folders below which files may be read; None where everything may be that the user can read.

    They stand in LENSAPP_IMPORT_ROOTS, as in PATH. Accounts may read none until there are some; commands,
    whose user can read the files anyway, and who works alone are bound only where there are.
    """
    text = os.environ.get(ROOTS_SWITCH, "")
    roots = [Path(part).expanduser().resolve() for part in text.split(os.pathsep) if part.strip()]
    actor = current_actor()
    return roots if roots or actor is None or actor.account_id is not None else None


def check_readable(*paths: Path | str | None, uploads: Path | None = None) -> None:
    """Refuse paths that who acts may not have read; links are followed before they are judged.

    What was sent from a browser to the folder `uploads` may be read, too.

    Raises
    ------
    NotAllowed
        With the folders that are allowed. It does not say whether the path exists.
    """
    roots = import_roots()
    if roots is None:
        return
    within = [*roots, *([uploads.resolve()] if uploads else [])]
    for path in paths:
        if path is None or any(Path(path).expanduser().resolve().is_relative_to(root) for root in within):
            continue
        allowed = " or ".join(map(str, roots)) or f"no folder yet: whoever runs the app sets {ROOTS_SWITCH}"
        raise NotAllowed(f"{path} lies outside the folders that may be read here. Allowed: {allowed}.")
