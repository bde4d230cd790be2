"""Reports of an evaluated run: one self-contained HTML file, a model card in Markdown, and its figures."""

import io
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from lensapp import __version__
from lensapp.core.data.column_names import column_label
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.prevalence import SurveySpec
from lensapp.core.evaluate.score_axis import AIM_LABELS, at_least
from lensapp.core.plurals import thin_spaced
from lensapp.services.evaluate import calibrations, expectations, figure_tables
from lensapp.services.evaluate.evaluation import Evaluation, ValueEvaluation, load_evaluation
from lensapp.services.evaluate.paper_figures import (
    PaperFigure,
    PictureFormat,
    score_figures,
    value_figures,
    write_figures,
)
from lensapp.services.evaluate.subgroups import FIRST_CHOICE, properties, subgroups
from lensapp.services.reports.checks import Section, check_sections, stored_checks
from lensapp.services.reports.run_facts import RunFacts, run_facts
from lensapp.services.reports.tables import ReportTable, as_table
from lensapp.storage import runs
from lensapp.storage.files import whole_file
from lensapp.storage.workspace import Workspace

TEMPLATES = Path(__file__).parent / "templates"
REPORT, CARD = "report.html.jinja", "card.md.jinja"
SUBGROUP_BINS = 5
NAME_OF_PART = re.compile(r' id="[A-Za-z0-9.]+_\d+"')
COMMAND = re.compile("`([^`]*)`")
MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*[]<>|#"} | {"\n": " ", "\r": " "})


@dataclass(frozen=True, eq=False)
class RunReport:
    """What a report of a run holds.

    Attributes
    ----------
    facts
        The run in words.
    part, threshold
        Part of the dataset that was measured, and the score from which cutouts are accepted; None for values.
    tables, subgroup_tables
        Figures with their limits; the same by columns of the catalogue.
    figures
        Not yet drawn.
    sections
        What is stored of checks, each with its own tables and figures.
    """

    facts: RunFacts
    part: str
    threshold: float | None
    tables: tuple[ReportTable, ...]
    figures: tuple[PaperFigure, ...]
    subgroup_tables: tuple[ReportTable, ...] = field(default=())
    sections: tuple[Section, ...] = field(default=())

    @property
    def all_figures(self) -> tuple[PaperFigure, ...]:
        """The figures of the run, then those of each section."""
        return (*self.figures, *(figure for section in self.sections for figure in section.figures))


def run_report(
    ws: Workspace,
    run_name: str,
    *,
    part: str = "test",
    threshold: float = 0.5,
    survey: SurveySpec | None = None,
) -> RunReport:
    """Put together what is known of an evaluated run, from stored numbers.

    Raises
    ------
    NotFound
        When the run does not exist or was not evaluated on that part.
    """
    evaluation = load_evaluation(ws, run_name, part=part)
    run = runs.get_run(ws.database, evaluation.run)
    checks = stored_checks(ws, run, evaluation, threshold=threshold)
    facts, sections = run_facts(ws, run, evaluation, checks), tuple(check_sections(checks, part=part))
    if isinstance(evaluation, ValueEvaluation):
        tables, drawn = _value_tables(evaluation), tuple(value_figures(evaluation))
        return RunReport(facts, part, None, tables, drawn, sections=sections)
    survey = survey or SurveySpec()
    groups = {
        column: subgroups(ws, evaluation, column, threshold=threshold, bins=SUBGROUP_BINS)
        for column in properties(ws, evaluation)
        if column in FIRST_CHOICE
    }
    used = calibrations.calibration_of(ws, run)
    scores = {"raw score": None} | ({} if used is None else {f"calibrated ({used.method})": used})
    measured = {name: calibrations.reliability(evaluation, one) for name, one in scores.items()}
    figures = score_figures(
        evaluation,
        threshold=threshold,
        survey=survey,
        subgroups=groups,
        reliabilities={name: one for name, one in measured.items() if one is not None},
    )
    by_column = tuple(
        as_table(
            figure_tables.subgroup_table(of_column),
            title=f"By {column_label(column)}",
            caption=f"{part} part, at {at_least(threshold)}; in brackets: 95 % limits",
        )
        for column, of_column in groups.items()
    )
    tables = (*_score_tables(ws, evaluation, threshold), _survey_table(evaluation, survey, threshold))
    return RunReport(facts, part, threshold, tables, tuple(figures), by_column, sections)


def write_report(report: RunReport, out: Path) -> dict[str, Any]:
    """Write a report as one HTML file that needs no network; see `_write` for what it raises and returns."""
    return _write(report_html(report), out, suffix=".html") | {"run": report.facts.run.name}


def write_card(report: RunReport, out: Path) -> dict[str, Any]:
    """Write the model card of a run as Markdown; see `_write` for what it raises and returns."""
    return _write(card_markdown(report), out, suffix=".md") | {"run": report.facts.run.name}


def write_report_figures(report: RunReport, folder: Path, *, picture_format: PictureFormat) -> dict[str, Any]:
    """Write the figures of a report as files, 88 mm wide.

    Raises
    ------
    InvalidInput
        When the folder cannot be written.
    """
    paths = write_figures(report.all_figures, folder, picture_format=picture_format)
    captions = [f"{one.title}. {one.caption}" for one in report.all_figures]
    named = dict(zip([path.name for path in paths], captions, strict=True))
    return {"run": report.facts.run.name, "folder": str(folder), "figures": named}


def zipped_figures(report: RunReport, *, picture_format: PictureFormat) -> bytes:
    """Return the figures of a report as a ZIP archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for figure in report.all_figures:
            archive.writestr(f"{figure.name}.{picture_format}", figure.rendered(picture_format))
    return stream.getvalue()


def report_html(report: RunReport) -> str:
    """Return a report as one HTML document with its figures drawn into it."""
    pictures = {}
    for figure in report.all_figures:
        svg = figure.rendered("svg").decode()
        # Names that nothing refers to would be the same in each figure.
        element = NAME_OF_PART.sub("", svg[svg.index("<svg") :])
        pictures[figure.name] = Markup(element)  # noqa: S704 - drawn by us, texts escaped
    return (
        _environment()
        .get_template(REPORT)
        .render(
            report=report,
            facts=report.facts,
            pictures=pictures,
            counts=_counts_table(report.facts),
            version=__version__,
        )
    )


def card_markdown(report: RunReport) -> str:
    """Return the model card of a run as Markdown."""
    return (
        _environment()
        .get_template(CARD)
        .render(report=report, facts=report.facts, counts=_counts_table(report.facts), version=__version__)
    )


def _write(text: str, out: Path, *, suffix: str) -> dict[str, Any]:
    """Write a document whole or not at all; InvalidInput when its name or folder is none."""
    if out.suffix.lower() != suffix:
        raise InvalidInput(f"{out.name} does not end in {suffix}. Give the file a name that does.")
    try:
        with whole_file(out) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{out} cannot be written: {error.strerror}. Name another file.") from error
    return {"out": str(out), "bytes": out.stat().st_size}


def _environment() -> Environment:
    """Return the templates: HTML is escaped as it is filled in, Markdown by the filter `text`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html.jinja",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["commands"] = _with_commands
    environment.filters["text"] = lambda value: str(value).translate(MARKDOWN)
    return environment


def _with_commands(sentence: str) -> Markup:
    """Return a sentence as HTML, what stands between backticks as code."""
    return Markup(COMMAND.sub(r"<code>\1</code>", str(escape(sentence))))  # noqa: S704 - escaped


def _score_tables(ws: Workspace, evaluation: Evaluation, threshold: float) -> tuple[ReportTable, ...]:
    part = f"{evaluation.part} part"
    confusion = evaluation.figures_at(threshold).confusion
    decisions = pd.DataFrame(
        {
            "truth": ["lens", "non-lens"],
            "accepted": [confusion.tp, confusion.fp],
            "refused": [confusion.fn, confusion.tn],
        }
    )
    tables = [
        as_table(
            figure_tables.figures_table([evaluation], threshold=threshold),
            title="Figures of merit",
            caption=f"{part}; accuracy, purity and completeness at {at_least(threshold)}",
        ),
        as_table(
            figure_tables.interval_table([evaluation]),
            title="Figures with 95 % limits",
            caption=f"{part}: limits {evaluation.limits_by}",
        ),
        as_table(decisions, title="Truth against decision", caption=f"{part}, at {at_least(threshold)}"),
    ]
    if evaluation.proposals is not None:
        proposed = [
            {
                "aim": AIM_LABELS[one.name],
                "threshold": f"{one.threshold:.6g}",
                "purity": one.purity,
                "completeness": one.completeness,
                "meaning": one.meaning,
            }
            for one in evaluation.proposals.thresholds
        ]
        caption = f"chosen on the {evaluation.proposals.part} part, figures of that part"
        tables.append(as_table(pd.DataFrame(proposed), title="Proposed thresholds", caption=caption))
    methods = calibrations.compare_methods(ws, evaluation)
    if methods:
        caption = f"{part}; fitted on the validation part only. {figure_tables.why_best(methods)}".strip()
        table = figure_tables.calibration_table(methods)
        tables.append(as_table(table, title="Scores as probabilities", caption=caption))
    if evaluation.classes:
        table = figure_tables.class_table(evaluation.class_figures)
        tables.append(as_table(table, title="Figures of each class", caption=part))
    return tuple(tables)


def _survey_table(evaluation: Evaluation, survey: SurveySpec, threshold: float) -> ReportTable:
    """Return what a survey would give at the threshold and at the proposed ones."""
    thresholds = {"report": threshold}
    if evaluation.proposals is not None:
        names = AIM_LABELS
        thresholds |= {names[one.name]: one.threshold for one in evaluation.proposals.thresholds}
    rows = []
    for aim, value in thresholds.items():
        one = expectations.expectation(evaluation, survey, threshold=value)
        if one is not None:
            rows.append(
                {
                    "threshold for": f"{aim} ({value:.4g})",
                    "true lenses": thin_spaced(one.true_candidates),
                    "false candidates": thin_spaced(one.false_candidates),
                    **figure_tables.rates_with_limits(one),
                    "person-hours": f"{one.hours:,.3g}",
                }
            )
    caption = (
        f"{thin_spaced(survey.galaxies)} galaxies, prevalence {survey.prevalence:g}; inspectors per "
        f"candidate: {survey.inspectors}, {survey.seconds_per_candidate:g} s each; in brackets: 95 % limits"
    )
    columns = ["threshold for", "true lenses", "false candidates", "purity", "completeness", "person-hours"]
    return as_table(pd.DataFrame(rows, columns=columns), title="Expected in a survey", caption=caption)


def _value_tables(evaluation: ValueEvaluation) -> tuple[ReportTable, ...]:
    part = f"{evaluation.part} part: n = {evaluation.figures.n}"
    return (
        as_table(
            figure_tables.value_table(evaluation.figures),
            title="Figures of each value",
            caption=part,
            digits=3,
        ),
        as_table(
            figure_tables.error_table([evaluation]),
            title=f"68 % errors, beside {figure_tables.DOCUMENT}",
            caption=f"{part}; lengths in arcsec. Theirs: space telescope",
            digits=3,
        ),
    )


def _counts_table(facts: RunFacts) -> ReportTable:
    counts = pd.DataFrame(facts.dataset.counts).T.rename(columns={"nonlens": "non-lens"})
    counts = counts.rename_axis("part").reset_index()
    return as_table(counts, title="Cutouts by part and label", caption=facts.dataset.name)
