"""The command line: the same services as the web app, headless."""

import json
import os
import sys

from lensapp.cli.reading import result_text
from lensapp.core.errors import LensAppError
from lensapp.core.file_modes import keep_to_oneself


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 2 after one line on stderr for anything the user can mend."""
    from lensapp.cli.commands import USER_ERROR, make_parser
    from lensapp.core.train.transfer_rules import STARTER

    parsed = make_parser().parse_args(arguments)
    keep_to_oneself()
    # TensorFlow's start-up messages would hide ours; a user who wants them sets the variable.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        if getattr(parsed, "run", None) == STARTER:
            from lensapp.services.train.starter import install_starter
            from lensapp.storage.workspace import Workspace

            install_starter(Workspace.open(parsed.workspace))  # it is there without having been trained
        result = parsed.function(parsed)
    except LensAppError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return USER_ERROR
    except BrokenPipeError:
        return 0
    if parsed.json and result is not None:
        sys.stdout.write(json.dumps(result, default=str) + "\n")
    elif result is not None:
        sys.stdout.write(result_text(result) + "\n")
    return 0
