"""The six cards of the round on the home page, each with a picture of what its stage has made last."""

import html
import re
from collections.abc import Callable

import numpy as np
import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.inspect.grades import COLOURS
from lensapp.services.data.pictures import pictures_by_id, read_pictures
from lensapp.services.overview import (
    Overview,
    Stage,
    best_graded,
    example_cutouts,
    score_histogram,
    validation_losses,
)
from lensapp.services.train.best_epochs import chosen_by
from lensapp.services.train.run_listing import studies_last
from lensapp.services.train.starter import install_starter
from lensapp.storage.records import Run, Source
from lensapp.ui.shared.figures import class_colours, line_colours, part_colours
from lensapp.ui.shared.markup import shortened
from lensapp.ui.shared.pictures import Pictures, bars, line, mosaic, picture_data, stacked
from lensapp.ui.shared.state import get_workspace, go
from lensapp.ui.shared.widgets import number


def show_cards(facts: Overview, *, source_name: str | None) -> None:
    """Show a card per stage: its picture, number, newest, and what to do there.

    The picture of the cutouts is of the source selected, which the next step is about, else of the newest.
    """
    chosen = next((one for one in facts.sources if one.name == source_name), facts.sources[0])
    for index, (cell, stage) in enumerate(zip(st.columns(6, gap="small"), facts.stages, strict=True)):
        with cell.container(border=True, key=f"card-{index}", gap="xsmall"):
            picture, said = "", ""
            if stage.done:
                try:
                    picture, said = _cutouts(chosen) if stage.page == "data" else PICTURES[stage.name](facts)
                except LensAppError as error:  # as of pixels whose disk is away: the other cards still help
                    said = str(error).partition("\n")[0]
            caption = html.escape(said, quote=True)
            st.html(
                f'<div class="card-head">{html.escape(stage.name)}</div>'
                f'<div class="card-picture">{picture}</div>'
                f'<div class="card-caption" title="{caption}">{breaking_well(said)}</div>'
                f'<div class="card-number">{number(stage.count)}</div>'
                f'<div class="card-detail" title="{html.escape(stage.detail, quote=True)}">'
                f"{html.escape(stage.unit)}<br>{breaking_well(stage.detail)}</div>"
            )
            _show_action(stage, facts)


def breaking_well(text: str) -> str:
    """Return a text as HTML whose names break between their words, not before a number or a letter or two.

    Of a name too long for two lines both ends are left.
    """
    words = (html.escape(shortened(word, most=LONGEST_WORD)) for word in text.split(" "))
    return " ".join(BETWEEN_WORDS.sub("<wbr>", word).replace("-", "\u2011") for word in words)


def _show_action(stage: Stage, facts: Overview) -> None:
    if st.button(stage.action, key=f"go-{stage.page}", width="stretch"):
        if stage.page == "score" and not facts.runs:
            go("score", run=install_starter(get_workspace()).name)
        go(stage.page)


def _cutouts(source: Source) -> tuple[str, str]:
    ws = get_workspace()
    examples = example_cutouts(ws, source)
    if not examples:
        return "", ""
    cutouts, pictures = read_pictures(ws, source, examples)
    said = "lenses" if all(cutout.label == "lens" for cutout in cutouts) else "cutouts"
    return _image(mosaic(_close_up(pictures), across=2)), f"{said} of {source.name}"


def _parts(facts: Overview) -> tuple[str, str]:
    counts, colours = facts.datasets[0].counts, part_colours()
    parts = [part for part in colours if part in counts]
    sizes = [float(sum(counts[part].values())) for part in parts]
    return stacked(sizes, colours=[colours[part] for part in parts]), ", ".join(parts)


def _losses(facts: Overview) -> tuple[str, str]:
    """Draw the validation loss of the newest run that has one: imported scores and classifiers have none."""
    runs = studies_last(get_workspace(), facts.runs)
    for run in runs[:LOOKED_AT]:
        losses = validation_losses(get_workspace(), run)
        if len(losses) > 1:
            return line(losses, colour=line_colours()[0]), _loss_in_words(losses, run)
    aurocs = [(run.evaluation or {}).get("auroc") for run in runs]
    measured = [float(value) for value in aurocs[:LOOKED_AT] if value is not None]
    if measured:
        return bars(measured, colours=[line_colours()[0]]), "AUROC of runs"
    return "", ""


def _loss_in_words(losses: list[float], run: Run) -> str:
    """Return the loss that the table of Train has, and by what its epoch was chosen: not by it always."""
    loss = (run.summary.get("best") or {}).get("val_loss")
    if loss is None:
        return f"validation loss, lowest {np.nanmin(losses):.3g}"
    return f"loss {loss:.4f}, best by {chosen_by(get_workspace(), run)}"


def _scores(facts: Overview) -> tuple[str, str]:
    return bars(score_histogram(get_workspace(), facts), colours=[class_colours()["lens"]]), "number by score"


def _votes(facts: Overview) -> tuple[str, str]:
    votes = [float(facts.grades.get(letter, 0)) for letter in COLOURS]
    return bars(votes, colours=list(COLOURS.values())), f"votes {', '.join(COLOURS)}"


def _catalogue(facts: Overview) -> tuple[str, str]:
    grade, graded = best_graded(get_workspace(), facts)
    if not graded:
        return "", ""
    _, pictures = pictures_by_id(get_workspace(), graded)
    return _image(mosaic(_close_up(pictures), across=2)), f"graded {grade} last"


def _close_up(pictures: Pictures) -> Pictures:
    """Return the middles of pictures: as small as a card shows them, whole ones are mostly dark sky."""
    height, width = pictures.shape[1:3]
    if min(height, width) < LEAST_TO_CROP:
        return pictures
    top, left = height // 5, width // 5
    return pictures[:, top : height - top, left : width - left]


def _image(picture: Pictures) -> str:
    return f'<img alt="" src="{picture_data(picture)}">'


LOOKED_AT = 8
LONGEST_WORD = 28  # letters, in two lines of a card at 1280 px
BETWEEN_WORDS = re.compile(r"(?<=[^\W_]{3}[-_])(?=[^\W_]{3})")
LEAST_TO_CROP = 40  # pixels
PICTURES: dict[str, Callable[[Overview], tuple[str, str]]] = {
    "Dataset": _parts,
    "Network": _losses,
    "Scores": _scores,
    "Votes": _votes,
    "Catalogue": _catalogue,
}
"""What draws the picture of a stage after the cutouts, and says what it shows."""
