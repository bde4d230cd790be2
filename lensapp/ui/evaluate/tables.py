"""Figures of merit as tables to copy, each column explained in one sentence with its source."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.numerals import fixed
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.widgets import download, heading, name_cell, number

NAME_PIXELS = 215  # of the first column: "completeness at FPR 0.0001"
FEW_COLUMNS = 3  # a table of so few is as wide as what it says
MOST_ROWS = 6  # of such a table, one below the other
NUMBER = r"[<+−-]? ?\d|–$"
TERMS = {
    "AUROC": "Chance that a random lens scores higher than a random non-lens; 1 is perfect, 0.5 is a coin "
    "(Hanley & McNeil 1982, Radiology 143, 29).",
    "average precision": "Purity averaged over completeness, step by step; honest where lenses are rare "
    "(Davis & Goadrich 2006, ICML).",
    "TPR0": "Share of the lenses that score higher than every non-lens: completeness with no false positive "
    "(Metcalf et al. 2019, A&A 625, A119).",
    "TPR10": "Completeness with fewer than ten false positives; equal scores are accepted together "
    "(Metcalf et al. 2019, A&A 625, A119).",
    "accuracy": "Share of all cutouts decided correctly at the threshold; says little where lenses are rare.",
    "purity": "Share of the accepted cutouts that are lenses (precision), at the threshold.",
    "completeness": "Share of the lenses that are accepted (recall), at the threshold.",
    "Brier": "Mean squared difference of score and truth; 0 is perfect, and scores that are calibrated "
    "probabilities make it small (Brier 1950, Monthly Weather Review 78, 1).",
    "scatter under rotation": "Standard deviation of the score when the image is rotated by 0, 90, 180 and "
    "270°, mean over the cutouts; smaller is better (Ivashkov 2022 reports about 0.04).",
}
CLASS_TERMS = {
    "AUROC": "Area under the ROC of the class against all others (Hanley & McNeil 1982).",
    "average precision": "Purity averaged over completeness, step by step (Davis & Goadrich 2006).",
    "purity": "Share of the cutouts predicted to be of this class that belong to it.",
    "completeness": "Fraction of the class recovered.",
}
VALUE_TERMS = {
    "68 % error": "Half of the width that holds the central 68 % of the errors.",
    "|error| 68 %": "68th percentile of the absolute error, which counts a bias too.",
    "bias": "Mean of estimate minus truth.",
    "RMSE": "Root of the mean squared error.",
    "mean σ": "Mean uncertainty that the network states.",
    "within 68 %": "Share of truths within the central 68 % that the network states; 0.68 if it is true.",
    "within 95 %": "Share of truths within the central 95 % that the network states.",
    "NLL": "Mean negative log-likelihood, the value in units of its spread in the truth.",
    "correlation": "Pearson's, of estimate and truth.",
}


def show_table(
    table: pd.DataFrame,
    *,
    title: str,
    caption: str,
    terms: Mapping[str, str | None],
    digits: int,
    file_name: str,
    key: str,
    narrow: Sequence[str] = (),
    meaning: str | None = None,
) -> None:
    """Show a table under its title, with the meaning of each column in `terms`, and ways to take it away.

    Columns in `narrow` leave their width to the others; `meaning`, in Markdown, explains the rows. A long
    table of few columns is shown in two halves beside each other.
    """
    heading(title, meaning=meaning)
    counts = list(table.select_dtypes("integer").columns)
    values = [name for name in table.select_dtypes("floating").columns if name in terms]
    few = len(table.columns) <= FEW_COLUMNS
    halved = few and len(table) > MOST_ROWS
    config = (
        {table.columns[0]: st.column_config.Column(width=NAME_PIXELS)} if few and not halved else {}
    ) | {name: st.column_config.Column(alignment="right") for name in _columns_of_numbers(table)}
    config |= dict.fromkeys(narrow, st.column_config.Column(width="small"))
    config |= number_columns(terms, digits=None, narrow=narrow)
    config |= {name: _titled(name, config.get(name, {})) for name in table if " " not in name}
    middle = (len(table) + 1) // 2
    halves = [table.iloc[:middle], table.iloc[middle:]] if halved else [table]
    places = st.columns(2, gap="medium") if halved else [st.container()]
    for place, half, ending in zip(places, halves, ("", "-rest"), strict=False):
        style = half.style.format(number, subset=counts)
        style = style.format(partial(fixed, digits=digits), subset=values, na_rep="–")
        place.dataframe(
            style if counts or values else half,
            hide_index=True,
            placeholder="–",
            key=f"{key}{ending}",
            height="content",
            width="content" if few and not halved else "stretch",
            column_config=config,
        )
    show_caption_and_copy(table, caption=caption, file_name=file_name)


def _titled(name: str, column: Mapping[str, Any]) -> dict[str, Any]:
    """Return how to show a column that may be called by a long name, such as that of a run."""
    label = name_cell(name)
    return {**column} if label == name else {**column, "label": label, "help": column.get("help") or name}


def _columns_of_numbers(table: pd.DataFrame) -> list[str]:
    """Return the columns, but for the first, whose texts all begin with a number."""
    texts = table.iloc[:, 1:].select_dtypes(exclude="number")
    return [name for name in texts if len(table) and texts[name].astype(str).str.match(NUMBER).all()]


def number_columns(
    terms: Mapping[str, str | None], *, digits: int | None, narrow: Sequence[str] = ()
) -> dict[str, Any]:
    """Return how to show columns of numbers, each with its meaning; as the style has them without digits."""
    return {
        name: st.column_config.NumberColumn(
            format=None if digits is None else f"%.{digits}f",
            help=meaning,
            width="small" if name in narrow else None,
        )
        for name, meaning in terms.items()
    }


def show_caption_and_copy(table: pd.DataFrame, *, caption: str, file_name: str) -> None:
    """Show the caption below a table and, beside it, the table as text, LaTeX and CSV."""
    with st.container(
        key=f"caption-copy-{file_name}", horizontal=True, vertical_alignment="center", gap="small"
    ):
        st.caption(plain(caption), width="stretch")
        with st.popover("Copy", icon=":material/content_copy:", type="tertiary"):
            st.code(table.to_csv(index=False, sep="\t", float_format="%.6g"), language=None)
            download("LaTeX", latex_table(table), file_name=f"{file_name}.tex", mime="text/x-tex")
            download("CSV", table.to_csv(index=False), file_name=f"{file_name}.csv")


def latex_table(table: pd.DataFrame) -> str:
    """Return the table as a LaTeX tabular."""
    rows = [list(table.columns)]
    rows += [
        [f"{value:.4f}" if isinstance(value, float) else str(value) for value in row]
        for row in table.itertuples(index=False)
    ]
    body = " \\\\\n".join(" & ".join(row).replace("_", "\\_") for row in rows)
    return f"\\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}\n{body} \\\\\n\\end{{tabular}}\n"
