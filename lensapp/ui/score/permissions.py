"""Switches by which a run reads cutouts that differ from those it was trained on."""

import streamlit as st

from lensapp.core.errors import LensAppError, SizeMismatch, UnitMismatch
from lensapp.services.train import runs
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.widgets import empty_state, error_box, offer_middle

REMEMBERED = "The run remembers it, and the scores and exports say so."
PARTICIPLES = {"Score": "scored", "Map": "mapped"}


def ask_permissions(ws: Workspace, run: Run, source: Source, *, verb: str) -> dict[str, bool] | None:
    """Ask for what reading a source that differs needs; None where it cannot be or is not wanted.

    Parameters
    ----------
    verb
        What is done with the cutouts: "Score" or "Map".
    """
    given: dict[str, bool] = {}
    key = f"{run.id}-{source.id}"
    for _ in range(3):  # sizes are compared first, then units
        try:
            runs.check_source_fits(ws, run, source, **given)
        except SizeMismatch as error:
            given["crop"] = offer_middle(
                error, label="Look at the middle of each only", key=f"crop-{key}", help_text=REMEMBERED
            )
            if not given["crop"]:
                empty_state(
                    f"{source.name} cannot be {PARTICIPLES[verb]} whole by {run.name}",
                    f"Its cutouts have {source.width}×{source.height} pixels, more than the network takes. "
                    "Look at the middle of each, or choose another run.",
                    icon=":material/crop:",
                )
                return None
        except UnitMismatch as error:
            error_box(error)
            given["allow_unknown_units"] = st.toggle(
                f"{verb} all the same", key=f"allow-units-{key}", help=REMEMBERED
            )
            if not given["allow_unknown_units"]:
                return None
        except LensAppError as error:
            error_box(error)
            return None
        else:
            return given
    return given
