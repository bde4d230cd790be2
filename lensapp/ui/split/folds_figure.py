"""The scheme of a cross-validation: which fold each run holds out, with real counts."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from lensapp.core.split.splits import LABELS
from lensapp.ui.shared import figures
from lensapp.ui.shared.widgets import counted, number

ROW, HEAD = 34, 96  # pixels
GAP_SHARE = 0.015  # of all cutouts, between the folds and the test part


def show_folds(folds: Sequence[Mapping[str, int]], test: Mapping[str, int], *, key: str) -> None:
    """Show what each run of a cross-validation learns from and holds out."""
    members = sum(sum(fold.values()) for fold in folds)
    figures.show_figure(
        folds_figure(folds, test, colours=figures.part_colours(), ink=figures.ink()),
        title=f"{len(folds)} runs, each measured on a fold it has not seen",
        caption=f"{counted(members, 'cutout')} dealt to the folds by whole groups; "
        f"{counted(sum(test.values()), 'cutout')} of the test part kept aside.",
        csv=lambda: figures.csv_text(
            {
                "fold": [*range(1, len(folds) + 1)],
                **{label: [fold.get(label, 0) for fold in folds] for label in LABELS},
            }
        ),
        key=key,
        height=HEAD + ROW * len(folds),
    )


def folds_figure(
    folds: Sequence[Mapping[str, int]], test: Mapping[str, int], *, colours: Mapping[str, str], ink: str
) -> go.Figure:
    """Draw a row for each run: the folds it learns from, the one it holds out, and the test part."""
    figure, sizes = go.Figure(), [sum(fold.values()) for fold in folds]
    held_back, total = sum(test.values()), sum(sizes)
    rows = [_row_name(number_of, fold) for number_of, fold in enumerate(folds, 1)]
    starts = [sum(sizes[:place]) for place in range(len(folds))]
    training = [
        (row, starts[fold], sizes[fold], folds[fold], fold)
        for place, row in enumerate(rows)
        for fold in range(len(folds))
        if fold != place
    ]
    held_out = [
        (row, start, size, fold, place)
        for place, (row, start, size, fold) in enumerate(zip(rows, starts, sizes, folds, strict=True))
    ]
    aside = [(row, round(total * (1 + GAP_SHARE)), held_back, test, None) for row in rows]
    for name, part, segments, opacity in (
        ("training", "train", training, 0.35),
        ("held out", "validation", held_out, 0.95),
        ("test", "test", aside if held_back else [], 0.35),
    ):
        if segments:
            figure.add_bar(
                y=[row for row, *_ in segments],
                x=[size for _, _, size, _, _ in segments],
                base=[start for _, start, *_ in segments],
                orientation="h",
                name=name,
                marker={
                    "color": figures.faded(colours[part], opacity),
                    "line": {"color": figures.ground(), "width": 2},
                },
                customdata=[_in_words(fold) for *_, fold, _ in segments],
                hovertemplate="%{customdata}",
            )
    figure.update_layout(barmode="overlay", bargap=0.22, legend={"traceorder": "normal"})
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont={"color": ink})
    figure.update_xaxes(title="cutouts", showgrid=False)
    return figure


def _in_words(counts: Mapping[str, int]) -> str:
    return f"{counted(counts.get(LABELS[0], 0), 'lens')}, {counted(counts.get(LABELS[1], 0), 'non-lens')}"


def _row_name(number_of: int, fold: Mapping[str, int]) -> str:
    lenses, nonlenses = (number(fold.get(label, 0)) for label in LABELS)
    return f"fold {number_of}: {lenses} lenses, {nonlenses} non-lenses"
