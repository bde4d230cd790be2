"""The survey to come, on Evaluate and Score: purity, candidates and the time of inspectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.prevalence import Expectation, SurveySpec
from lensapp.core.evaluate.score_axis import at_least, threshold_text
from lensapp.core.numerals import score_text
from lensapp.core.plurals import first_of
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.expectations import (
    budget_columns,
    expectation,
    expectation_columns,
    few_for_survey,
    person_time,
)
from lensapp.services.evaluate.figure_tables import expectation_table, expected_count, purity_in_words
from lensapp.services.inspect.team import MeasuredRates
from lensapp.services.survey_plans import (
    GradedLenses,
    blind_tests_of,
    galaxies_where_scored,
    graded_where_scored,
    survey_values_of_team,
)
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.base_path import base_path
from lensapp.ui.evaluate import survey_figures as draw
from lensapp.ui.evaluate.moves import line_moves
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of, switch
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import address_of
from lensapp.ui.shared.widgets import counted, number

PREVALENCE, PREVALENCE_KEY = "prevalence", "evaluate-prevalence"
# Up to a half: what is searched may be candidates, of which many are lenses.
PREVALENCES = tuple(float(f"{factor}e{power}") for power in range(-6, 0) for factor in (1, 2, 5))
USUAL_PREVALENCE = 1e-3
PERCENT_FROM = 0.01
MOST_NAMED = 3


@dataclass(frozen=True)
class Reached:
    """How far the scores of a source go beside those of the part that gives the rates.

    Attributes
    ----------
    at_threshold, beyond
        Cutouts that have at least the threshold, and more than any of the part.
    highest, part_ends
        The highest score of the source, and that of the part.
    """

    at_threshold: int
    beyond: int
    highest: float
    part_ends: float


def show_survey(ws: Workspace, run: Run, evaluation: Evaluation, *, threshold: float) -> SurveySpec | None:
    """Show what the scores of a run would give in a survey; return the one chosen, None while it is none."""
    graded = graded_where_scored(ws, run)
    searched = galaxies_where_scored(ws, run)  # as Score has it
    survey, rates = show_survey_numbers(ws, evaluation, threshold=threshold, searched=searched, graded=graded)
    if survey is None:
        return None
    expected = expectation(evaluation, survey, threshold=threshold)
    tests = blind_tests_of(rates, survey)
    left, right = st.columns(2)
    columns = expectation_columns(evaluation, survey)
    caption = (
        f"{evaluation.part} part: n = {number(evaluation.counts.n)}, at a prevalence of "
        f"{_share(survey.prevalence)}"
    )
    with left:
        figures.show_figure(
            draw.expected_figure(
                columns,
                threshold=threshold,
                axis=evaluation.score_axis,
                colours=figures.class_colours(),
            ),
            title="Candidates expected against threshold",
            caption=f"{caption}, {number(survey.galaxies)} galaxies; a line ends with the last of the part",
            csv=lambda: figures.csv_text(columns),
            key="evaluate-expected",
            moves=line_moves(evaluation.score_axis),
        )
    with right:
        budget = budget_columns(evaluation, survey, tests)
        tested = f" and of {tests.shown} blind tests" if tests else ""
        figures.show_figure(
            draw.budget_figure(
                budget,
                lenses=survey.galaxies * survey.prevalence,
                inspected=None if expected is None else expected.true_candidates + expected.false_candidates,
                colours=figures.line_colours(),
            ),
            title="Lenses found by candidates inspected",
            caption=f"{caption}; best scores first, band: 95 % limits of the part{tested}, "
            f"{survey.seconds_per_candidate:g} s per candidate",
            csv=lambda: figures.csv_text(budget),
            key="evaluate-budget",
        )
    return survey


def show_survey_numbers(
    ws: Workspace,
    evaluation: Evaluation,
    *,
    threshold: float,
    galaxies: int | None = None,
    lens_share: float | None = None,
    graded: GradedLenses | None = None,
    reached: Reached | None = None,
    searched: Mapping[str, int] | None = None,
) -> tuple[SurveySpec | None, MeasuredRates | None]:
    """Show purity, completeness, candidates and person-time in a survey, at the threshold and at others.

    Parameters
    ----------
    galaxies
        How many the survey has at first; those of the source that is scored, where it is as large as one.
    lens_share
        Share of lenses among the labels of that source, the prevalence at first; None without both.
    graded
        The lenses graded so far, whose share is the prevalence at first where no labels tell.
    reached
        How far the scores of that source go, with how many at the threshold and beyond the part.
    searched
        How many galaxies each source has whose galaxies together are the survey at first, where the page
        names none.

    Returns
    -------
    The survey chosen, None while a field cannot be used, and the inspectors' rates if these are used.
    """
    st.subheader("Your survey, in numbers")
    if few := few_for_survey(evaluation):
        st.caption(f":material/warning: {plain(few)}")
    answer = st.container()
    galaxies = galaxies or sum((searched or {}).values()) or None
    share = lens_share if lens_share is not None else None if graded is None else graded.share
    survey, rates = _choose_survey(ws, galaxies=galaxies, share=share)
    if survey is None:
        return None, rates
    with answer:
        st.caption(assumption_text(survey, lens_share=lens_share, graded=graded, searched=searched))
        _show_answer(evaluation, survey, threshold=threshold, reached=reached)
    show_table(
        expectation_table(evaluation, survey, threshold=threshold),
        title="At each threshold",
        caption=f"From the {evaluation.part} part: n = {number(evaluation.counts.n)}, "
        f"{number(evaluation.counts.n_positive)} of them lenses. Each threshold is named by what it was "
        "chosen for on the validation part; the columns say what is expected at the prevalence above. In "
        f"brackets: 95 % limits{evaluation.objects_once}; where the part has no false positive, only the "
        "lower one of purity.",
        terms={},
        digits=3,
        file_name="survey",
        key="survey-thresholds",
    )
    return survey, rates


def _show_answer(
    evaluation: Evaluation, survey: SurveySpec, *, threshold: float, reached: Reached | None
) -> None:
    """Show what the threshold gives in a survey, or that no score reaches it."""
    expected = expectation(evaluation, survey, threshold=threshold)
    if expected is None:
        told = f"No score reaches {threshold_text(threshold)}; choose a lower threshold."
        if reached is not None and reached.at_threshold:
            told = (
                f"The highest score of the {evaluation.part} part is {score_text(reached.part_ends)}, so it "
                f"cannot tell purity and completeness at {at_least(threshold)}, which "
                f"{counted(reached.at_threshold, 'cutout')} here reach. Choose a lower threshold, or review "
                "them."
            )
        st.info(told, icon=":material/info:")
        return
    _show_expected(expected, survey)
    _, purity = purity_in_words(expected)
    said, by = f"Expected at {at_least(threshold)}", f"from the rates of the {evaluation.part} part"
    if reached is None:
        said += f" {by}"
    else:  # of a page without a slider of thresholds
        link = f"{base_path()}/evaluate{address_of({'run': evaluation.run})}"
        said += f", the threshold of [Evaluate]({link}), {by}, not counted; of the cutouts scored here "
        said += f"{number(reached.at_threshold)} reach it"
    low, high = expected.completeness_low, expected.completeness_high
    st.caption(
        f"{said}. 95\u00a0%{evaluation.objects_once}: purity {purity}, completeness {low:.3f}–{high:.3f}."
    )
    if reached is not None and (beyond := beyond_the_part(reached, part=evaluation.part)):
        st.caption(f":material/info: {beyond}")


def beyond_the_part(reached: Reached, *, part: str) -> str | None:
    """Return how many cutouts score higher than any of the part that gives the rates; None where none do."""
    ends, highest = score_text(reached.part_ends), score_text(reached.highest)
    if not reached.beyond or ends == highest:
        return None
    they = "it scores" if reached.beyond == 1 else "they score"
    return (
        f"{counted(reached.beyond, 'cutout')} scored here lie above {ends}, where the scores of the {part} "
        f"part end, up to {highest}: {they} higher than anything with a known answer, so no rate is known "
        "for them alone."
    ).replace("1 cutout scored here lie", "1 cutout scored here lies")


def assumption_text(
    survey: SurveySpec,
    *,
    lens_share: float | None,
    graded: GradedLenses | None = None,
    searched: Mapping[str, int] | None = None,
) -> str:
    """Return what the numbers assume: how many galaxies and lenses, and where both come from."""
    told = [
        (lens_share, "the share of lenses among the labels of this source; a real survey has far fewer"),
        *([] if graded is None else [(graded.share, graded.in_words())]),
    ]
    origin = next(
        (words for share, words in told if share is not None and survey.prevalence == _slider_value(share)),
        "assumed"
        + ("" if lens_share is None else f"; of this source's labels {_share(lens_share)}")
        + ("" if graded is None else f"; graded as lenses so far {_share(graded.share)}"),
    )
    expected = survey.galaxies * survey.prevalence
    lenses = counted(round(expected), "lens") if round(expected) else "fewer than one lens"
    cutouts = ""
    if searched and survey.galaxies == sum(searched.values()):
        several = len(searched) > 1
        names = [
            f"“{plain(name)}”" + (f" ({number(count)})" if several else "")
            for name, count in searched.items()
        ]
        cutouts = f", the cutouts of {first_of(names, MOST_NAMED)},"
    return (
        f"For {counted(survey.galaxies, 'galaxy')}{cutouts} with {lenses}: a prevalence of "
        f"{_share(survey.prevalence)} ({origin}). Looked at by {counted(survey.inspectors, 'inspector')}, "
        f"{survey.seconds_per_candidate:g}\u00a0s per candidate."
    )


def _slider_value(share: float) -> float:
    return float(f"{share:.2g}")


def _share(value: float) -> str:
    return f"{100 * value:.2g} %" if value >= PERCENT_FROM else figures.power_of_ten(value)


def _choose_survey(
    ws: Workspace, *, galaxies: int | None, share: float | None
) -> tuple[SurveySpec | None, MeasuredRates | None]:
    """Show the survey's fields, which the address keeps. None while a field cannot be used.

    `share` of lenses is the prevalence at first; without it the usual one, or that of a single lens.
    """
    if share is None:
        share = max(USUAL_PREVALENCE, 0 if galaxies is None else 1 / galaxies)
    usual = _slider_value(share)
    offered = sorted({*PREVALENCES, usual})
    rarity, size, people = st.columns([5, 3, 3], vertical_alignment="bottom", gap="medium")
    with rarity:
        prevalence = st.select_slider(
            "Prevalence",
            offered,
            format_func=_share,
            help="Share of the galaxies that are lenses. Purity depends on it; completeness does not.",
            **kept(PREVALENCE, one_of(offered), usual, key=f"{PREVALENCE_KEY}-{usual:g}"),
        )
    with people, st.popover("Inspectors and area", icon=":material/group:", width="stretch"):
        measured, rates = _measured_rates(ws)
        known = measured | ({} if galaxies is None else {"galaxies": galaxies})
        key = "-".join(["evaluate-survey", *(f"{value:g}" for value in known.values())])
        fields = partial(spec_fields, SurveySpec, key=key, values=known, keep="survey.")
        entered = fields(skip=("prevalence", "galaxies"))
    with size:
        entered |= fields(only=("galaxies",), columns=1)
    return validated(SurveySpec, entered | {"prevalence": prevalence}), rates


def _measured_rates(ws: Workspace) -> tuple[dict[str, float], MeasuredRates | None]:
    """Offer the rates and the pace of the own inspectors; return the fields they fill where chosen."""
    if not st.toggle(
        "Rates and pace of our inspectors",
        **kept("own_rates", switch(), default=False, key="evaluate-own-inspectors"),
        help="From the blind tests and the timed votes of all reviews; the fields can still be changed.",
    ):
        return {}, None
    try:
        measured, rates = survey_values_of_team(ws)
    except InvalidInput as error:
        st.info(str(error), icon=":material/info:")
        return {}, None
    words = [f"{rates.inspectors} inspectors"]
    for rate, what in ((rates.completeness, "simulated lenses"), (rates.false_positives, "duds")):
        if rate.cases:
            words.append(
                f"{rate.hits} of {rate.cases} {what} graded B or better "
                f"({draw.share(rate.low)}–{draw.share(rate.high)}, 95 %)"
            )
    st.caption("Measured in all reviews: " + "; ".join(words) + ".")
    return measured, rates


def _show_expected(expected: Expectation, survey: SurveySpec) -> None:
    """Show what a survey would give at one threshold: of the network first, then of those who look."""
    candidates, area = expected.true_candidates + expected.false_candidates, survey.area_deg2
    per_area = [("Per deg²", number(candidates / area), "Candidates per square degree.")] if area else []
    cells = [
        (
            "To inspect",
            expected_count(candidates),
            "Candidates expected in such a survey, by the rates of the part: cutouts that the threshold "
            "accepts.",
        ),
        *per_area,
        (
            "Purity",
            purity_in_words(expected, above="> ")[0],  # in one row with the others
            "Share of the candidates that are lenses. Where the part shows no false positive, the survey "
            "still has some: only a lower limit of its purity is known.",
        ),
        (
            "Completeness",
            f"{expected.completeness:.3f}",
            "Share of the survey's lenses among the candidates.",
        ),
        ("True lenses", expected_count(expected.true_candidates), "Lenses among the candidates."),
        ("Person-time", person_time(expected.hours), "For all inspectors together."),
        (
            "Graded as lenses",
            expected_count(expected.graded_lenses),
            "True lenses left after grading, at the rates of the inspectors.",
        ),
        (
            "Non-lenses left",
            expected_count(expected.graded_false),
            "Non-lenses that the inspectors accept all the same, at their rates.",
        ),
    ]
    with st.container(horizontal=True, gap="small"):
        for label, value, meaning in cells:
            st.metric(label, value, help=meaning)
