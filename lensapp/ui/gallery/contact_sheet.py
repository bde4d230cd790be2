"""Contact sheets of cutouts that open in the lightbox, the same on every page."""

from collections.abc import Mapping, Sequence
from typing import Any

from lensapp.core.data import imaging
from lensapp.services.catalogue.lightbox import can_explain
from lensapp.services.data.known_lenses import kept_known_lenses
from lensapp.services.data.pictures import Pictures, optics_of
from lensapp.services.evaluate.seen_pictures import seen_share
from lensapp.services.inspect.tokens import issue_look_token
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.base_path import base_path
from lensapp.ui.gallery.component import sheet_component, workspace_key
from lensapp.ui.gallery.look_routes import LOOK_API
from lensapp.ui.shared.state import inspector
from lensapp.ui.shared.widgets import errors_shown

USUAL_SIDE = 112


def contact_sheet(
    ws: Workspace,
    cutouts: Sequence[Cutout],
    *,
    key: str,
    captions: Sequence[str] | None = None,
    hints: Sequence[str] | None = None,
    colours: Sequence[str | None] | None = None,
    run_name: str | None = None,
    drawn: Pictures | None = None,
    smallest: int = USUAL_SIDE,
    legend: Mapping[str, str] | None = None,
    with_controls: bool = True,
    together: Sequence[int] = (),
) -> None:
    """Show cutouts in rows that fill the width; a click opens the lightbox, which makes no review.

    Their size and stretch are those that the user chose on any sheet or in the gallery.

    Parameters
    ----------
    key
        Distinguishes sheets on one page.
    captions
        One short line below each, or two.
    hints
        Text that appears on hovering; default: the candidate's name.
    colours
        Colour of a dot before each caption (the class), None for no dot.
    run_name
        Run whose score the lightbox shows first and can explain; what it saw of larger cutouts is framed.
    drawn : uint8, shape (n, row, column, 3)
        What is shown in place of the cutouts' pictures, such as maps over them.
    smallest
        Screen pixels across until the user chooses a size.
    legend
        Meaning → colour of the dots before captions, shown above.
    with_controls
        Whether stretch and size can be chosen above; sheets without follow the others.
    together
        How many of the cutouts, one after the other, each frame holds, as the two of a pair; default: none.
    """
    if not cutouts:
        return
    with errors_shown():  # pixels may be away: the rest of the page still tells
        data = sheet_data(
            ws,
            cutouts,
            captions=captions,
            hints=hints,
            colours=colours,
            run_name=run_name,
            drawn=drawn,
            smallest=smallest,
        )
        data |= {"controls": with_controls, "legend": [*(legend or {}).items()], "together": [*together]}
        sheet_component()(key=f"sheet-{key}", data=data)


def sheet_data(
    ws: Workspace,
    cutouts: Sequence[Cutout],
    *,
    captions: Sequence[str] | None = None,
    hints: Sequence[str] | None = None,
    colours: Sequence[str | None] | None = None,
    run_name: str | None = None,
    drawn: Pictures | None = None,
    smallest: int = USUAL_SIDE,
) -> dict[str, Any]:
    """Return what the client of a contact sheet needs; pictures come over HTTP."""
    source_ids = sorted({cutout.source_id for cutout in cutouts})
    return {
        "api": f"{base_path()}{LOOK_API}",
        "token": issue_look_token(ws, source_ids=source_ids, run_name=run_name),
        "workspace": workspace_key(ws),
        "inspector": inspector(),
        "known_lenses": kept_known_lenses(ws) is not None,
        "explains": can_explain(ws, run_name),
        "sources": {
            str(source_id): optics_of(ws, source_id)
            | {"seen": None if drawn is not None else seen_share(ws, run_name, source_id)}
            for source_id in source_ids
        },
        "items": [
            [
                cutout.id,
                cutout.source_id,
                captions[index] if captions else "",
                hints[index] if hints else cutout.candidate_id,
                colours[index] if colours else None,
            ]
            for index, cutout in enumerate(cutouts)
        ],
        "sprite": None if drawn is None else imaging.sheet_address(drawn),
        "smallest": smallest,
    }
