"""What the votes of one inspector tell on their own, and what those of a second one would add."""

from collections import Counter
from collections.abc import Callable

import streamlit as st

from lensapp.core.inspect.grades import LENS_FROM, GradeScheme
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.team import InspectorRecord, Team
from lensapp.storage.workspace import Workspace
from lensapp.ui.inspect import team_figures
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.widgets import counted, number

LEAST_TIMED = 2
SECOND = (
    ":material/group_add: A second inspector on the same candidates would add how far two people agree "
    "(Krippendorff's α, Cohen's κ), which candidates they grade differently, and a scatter to each mean."
)


def show_one_inspector(ws: Workspace, team: Team) -> None:
    """Show the grades, the consistency and the pace of the only inspector of a review."""
    [record] = team.inspectors
    scheme = open_review(ws, team.review.id).spec.scheme
    st.subheader(f"The votes of {plain(record.name)}")
    st.markdown("  \n".join(filter(None, [grades_in_words(record, scheme), consistency_in_words(record)])))
    figures: list[Callable[[], None]] = []
    if len(team_figures.timed(record)) >= LEAST_TIMED:
        figures.append(lambda: team_figures.show_pace(record, scheme))
    if team_figures.tested_both_ways(team):
        figures.append(lambda: team_figures.show_rates(team))
    for place, show in zip(st.columns(len(figures), gap="large") if figures else [], figures, strict=True):
        with place:
            show()
    st.caption(SECOND)


def grades_in_words(record: InspectorRecord, scheme: GradeScheme) -> str:
    """Return how often each grade was given, as Markdown, and how many candidates are lenses by them."""
    given = Counter(grade for grade, _ in record.looks)
    told = plain_all(f"{number(given[letter])} {letter}" for letter in scheme.letters)
    said = f"**{told}** on {counted(record.graded, 'candidate')}"
    lenses = [letter for letter, value in scheme.values.items() if value >= LENS_FROM]
    if not lenses:
        return f"{said}."
    share = 100 * sum(given[letter] for letter in lenses) / record.graded
    return f"{said}: {share:.0f} % graded {plain(lenses[-1])}{' or better' if len(lenses) > 1 else ''}."


def consistency_in_words(record: InspectorRecord) -> str:
    """Return how often a candidate that was shown twice got the same grade; "" where none was."""
    rate = record.self_agreement
    if not rate.cases:
        return ""
    return (
        f"Of {counted(rate.cases, 'candidate')} shown twice **{number(rate.hits)} got the same grade** both "
        f"times, {100 * rate.value:.0f} % ({100 * rate.low:.0f} to {100 * rate.high:.0f} %)."
    )
