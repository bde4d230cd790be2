"""The part of the Evaluate page about the survey to come: purity, candidates and person-hours."""

import streamlit as st

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.prevalence import Expectation, SurveySpec
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.expectations import budget_columns, expectation, expectation_columns
from lensapp.services.evaluate.figure_tables import expectation_table, expected_count
from lensapp.services.inspect.team import MeasuredRates
from lensapp.services.survey_plans import blind_tests_of, survey_values_of_team
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate import survey_figures as draw
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of, switch
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.widgets import number

PREVALENCE, PREVALENCE_KEY = "prevalence", "evaluate-prevalence"
PREVALENCES = (*(float(f"{factor}e{power}") for power in range(-6, -2) for factor in (1, 2, 5)), 0.01)
USUAL_PREVALENCE = 1e-3


def show_survey(ws: Workspace, evaluation: Evaluation, *, threshold: float) -> SurveySpec | None:
    """Show what the scores of a run would give in a survey; return the one chosen, None while it is none."""
    survey, rates = show_survey_numbers(ws, evaluation, threshold=threshold)
    if survey is None:
        return None
    expected = expectation(evaluation, survey, threshold=threshold)
    tests = blind_tests_of(rates, survey)
    left, right = st.columns(2)
    columns = expectation_columns(evaluation, survey)
    caption = (
        f"{evaluation.part} part: n = {number(evaluation.counts.n)}, at a prevalence of "
        f"{figures.power_of_ten(survey.prevalence)}"
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
            caption=f"{caption}, {number(survey.galaxies)} galaxies",
            csv=lambda: figures.csv_text(columns),
            key="evaluate-expected",
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
            title="Lenses found against candidates inspected",
            caption=f"{caption}; best scores first, band: 95 % of resampled parts{tested}, "
            f"{survey.seconds_per_candidate:g} s per candidate",
            csv=lambda: figures.csv_text(budget),
            key="evaluate-budget",
        )
    return survey


def show_survey_numbers(
    ws: Workspace, evaluation: Evaluation, *, threshold: float, galaxies: int | None = None
) -> tuple[SurveySpec | None, MeasuredRates | None]:
    """Show purity, completeness, candidates and person-hours in a survey, at the threshold and at others.

    Parameters
    ----------
    galaxies
        How many the survey has at first; those of the source that is scored.

    Returns
    -------
    The survey chosen, None while a field cannot be used, and the inspectors' rates if these are used.
    """
    st.subheader("Your survey, in numbers")
    survey, rates = _choose_survey(ws, galaxies=galaxies)
    if survey is None:
        return None, rates
    expected = expectation(evaluation, survey, threshold=threshold)
    if expected is None:
        st.info(f"No score reaches {threshold:.3g}; choose a lower threshold.", icon=":material/info:")
    else:
        _show_expected(expected, survey)
    show_table(
        expectation_table(evaluation, survey, threshold=threshold),
        title="At each threshold",
        caption=f"From the {evaluation.part} part: n = {number(evaluation.counts.n)}, "
        f"{number(evaluation.counts.n_positive)} of them lenses. Where it shows no false positive, read the "
        "lower limit of the purity.",
        terms={},
        digits=3,
        file_name="survey",
        key="survey-thresholds",
    )
    return survey, rates


def _choose_survey(ws: Workspace, *, galaxies: int | None) -> tuple[SurveySpec | None, MeasuredRates | None]:
    """Show the survey's fields, which the address keeps. None while a field cannot be used."""
    prevalence = st.select_slider(
        "Prevalence",
        PREVALENCES,
        format_func=figures.power_of_ten,
        help="Share of the galaxies that are lenses. Purity depends on it; completeness does not.",
        **kept(PREVALENCE, one_of(PREVALENCES), USUAL_PREVALENCE, key=PREVALENCE_KEY),
    )
    measured: dict[str, float] = {}
    rates = None
    if st.toggle(
        "Rates and pace of our inspectors",
        **kept("own_rates", switch(), default=False, key="evaluate-own-inspectors"),
        help="From the blind tests and the timed votes of all reviews; the fields can still be changed.",
    ):
        try:
            measured, rates = survey_values_of_team(ws)
        except InvalidInput as error:
            st.info(str(error), icon=":material/info:")
        else:
            words = [f"{rates.inspectors} inspectors"]
            for rate, what in ((rates.completeness, "simulated lenses"), (rates.false_positives, "duds")):
                if rate.cases:
                    words.append(
                        f"{rate.hits} of {rate.cases} {what} graded B or better "
                        f"({draw.share(rate.low)}–{draw.share(rate.high)}, 95 %)"
                    )
            st.caption("Measured in all reviews: " + "; ".join(words) + ".")
    known = measured | ({} if galaxies is None else {"galaxies": galaxies})
    key = "-".join(["evaluate-survey", *(f"{value:g}" for value in known.values())])
    entered = spec_fields(SurveySpec, key=key, values=known, skip=("prevalence",), columns=3, keep="survey.")
    return validated(SurveySpec, entered | {"prevalence": prevalence}), rates


def _show_expected(expected: Expectation, survey: SurveySpec) -> None:
    candidates = expected.true_candidates + expected.false_candidates
    area = survey.area_deg2
    per_area = [("Per deg²", number(candidates / area), "Candidates per square degree.")] if area else []
    cells = [
        ("Lenses in the survey", number(round(survey.galaxies * survey.prevalence)), None),
        ("Candidates", expected_count(candidates), "Cutouts that the threshold accepts."),
        *per_area,
        (
            "True lenses",
            expected_count(expected.true_candidates),
            f"Completeness {expected.completeness:.3f}.",
        ),
        (
            "Purity",
            draw.share(expected.purity),
            f"95 %: {draw.share(expected.purity_low)} to {draw.share(expected.purity_high)}. Where the part "
            "shows no false positive, the survey still has some: read the lower limit.",
        ),
        ("Person-hours", number(expected.hours), "For all inspectors together."),
        (
            "After grading",
            f"{expected_count(expected.graded_lenses)} + {expected_count(expected.graded_false)}",
            "Lenses and non-lenses that the inspectors accept, at the rates given above.",
        ),
    ]
    with st.container(horizontal=True, gap="small"):  # goes on in a second line where the page is narrow
        for label, value, meaning in cells:
            st.metric(label, value, help=meaning, width="content")
    st.caption(
        f"At the threshold above. Purity lies between {draw.share(expected.purity_low)} and "
        f"{draw.share(expected.purity_high)} (95 %)."
    )
