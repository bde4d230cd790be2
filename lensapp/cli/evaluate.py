"""Commands that measure and explain networks."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensapp.cli.commands import (
    ALLOW_UNKNOWN_UNITS,
    CROP,
    OF_FILES,
    RUN,
    Arguments,
    SpecOptions,
    command,
    names_in,
    option,
)
from lensapp.cli.options import given_values
from lensapp.cli.running import finish_here
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.evaluate.audits.audit_spec import AuditSpec
from lensapp.core.evaluate.audits.realism_spec import RealismSpec
from lensapp.core.evaluate.calibration_spec import CalibrationSpec
from lensapp.core.evaluate.explain_spec import ExplainSpec
from lensapp.core.evaluate.nuisance import NuisanceSpec
from lensapp.core.evaluate.prevalence import SurveySpec
from lensapp.core.evaluate.selection_function import InjectionSpec
from lensapp.services.train import runs
from lensapp.storage.evaluations import load_nuisance
from lensapp.storage.files import whole_file
from lensapp.storage.workspace import Workspace

if TYPE_CHECKING:  # pandas and templates are loaded by the command that draws
    from lensapp.services.reports.run_report import RunReport


@command(
    "evaluate",
    RUN,
    option("--part", default="test", help="train, validation, test or second-test. Default: test."),
    option(
        "--dropout-passes",
        type=int,
        default=0,
        metavar="N",
        help="For values: Monte-Carlo dropout passes, whose scatter is added. Default: 0.",
    ),
)
def evaluate(arguments: Arguments) -> dict[str, Any]:
    """Measure a run on a part of its dataset.

    With the test part the second one is measured, where the dataset has one: `second_test` holds the
    completeness of both at the thresholds that the test part's non-lenses set.
    """
    from lensapp.services.evaluate.compare.second_test import second_test

    workspace = Workspace.open(arguments.workspace)
    job = runs.start_evaluation(
        workspace, run_name=arguments.run, part=arguments.part, dropout_passes=arguments.dropout_passes
    )
    figures = finish_here(workspace, job)
    both = second_test(workspace, arguments.run) if arguments.part == "test" else None
    return figures if both is None else figures | {"second_test": both.as_dict()}


@command(
    "difference",
    RUN,
    option("other", metavar="OTHER", help="Name of the run to compare with."),
    option("--part", default="test", help="train, validation or test. Default: test."),
)
def difference(arguments: Arguments) -> dict[str, Any]:
    """Differences in the figures of two evaluated runs, with 95 % limits and p-values.

    Both runs are resampled together on the cutouts of the part that both were measured on.
    """
    from lensapp.services.evaluate.differences import differences

    return differences(
        Workspace.open(arguments.workspace), arguments.run, arguments.other, part=arguments.part
    )


@command(
    "side-by-side",
    option("runs", metavar="A,B[,C…]", help="Names of evaluated runs, the reference of p-values first."),
    option("--part", default="test", help="train, validation or test. Default: test."),
    option(
        "--top",
        type=int,
        metavar="N",
        help="False positives compared: the N highest non-lenses of each run. Default: 1 %% of the "
        "non-lenses, at least 10.",
    ),
    option("--threshold", type=float, help="Compare what every run accepts at this score instead."),
    option("--out", type=Path, metavar="F.csv", help="Write the figures, one row per run."),
    option("--cutouts", type=Path, metavar="F.csv", help="Write the scores, one row per cutout."),
)
def beside(arguments: Arguments) -> dict[str, Any]:
    """Any number of evaluated runs on the cutouts that all scored: figures, p-values, overlap.

    The overlap says how many false positives, and lenses, any two runs, all, and only one accept.
    """
    from lensapp.services.evaluate.compare import side_by_side as service
    from lensapp.services.evaluate.compare.second_test import second_test
    from lensapp.services.evaluate.compare.tables import cutouts_frame, figures_frame
    from lensapp.services.evaluate.compare.verdict import in_words, verdict

    workspace = Workspace.open(arguments.workspace)
    compared = service.side_by_side(workspace, names_in(arguments.runs), part=arguments.part)
    told: dict[str, Any] = {"verdict": in_words(verdict(compared))}
    told |= service.as_dict(compared, top=arguments.top, threshold=arguments.threshold)
    if arguments.part == "test":
        both = {run: second_test(workspace, run) for run in compared.runs}
        told |= {"second_test": {run: one.as_dict() for run, one in both.items() if one is not None}}
    if not arguments.json:
        told = printed_side_by_side(told)
    if arguments.out:
        with whole_file(arguments.out) as partial:
            figures_frame(compared).to_csv(partial, index=False)
    if arguments.cutouts:
        thresholds = compared.thresholds(top=arguments.top, threshold=arguments.threshold)
        with whole_file(arguments.cutouts) as partial:
            cutouts_frame(workspace, compared, thresholds).to_csv(partial, index=False)
    return told


def printed_side_by_side(told: dict[str, Any]) -> dict[str, Any]:
    """Return what the command prints: a table of figures, and matrices with the runs' names."""
    from lensapp.services.evaluate.figure_tables import p_text

    rows = [
        {"run": row["run"]}
        | {
            name: f"{one['value']:.3f} ({one['low']:.3f}–{one['high']:.3f})"
            + (f" p {p_text(row['p_values'][name])}" if name in row["p_values"] else "")
            for name, one in row["figures"].items()
        }
        for row in told["runs"]
    ]
    names = [row["run"] for row in rows]
    overlap = {
        what: [
            {what.replace("_", " "): name}
            | dict(zip(names, shared, strict=True))
            | {"only it": told[what]["only"][name], "all runs": told[what]["all"]}
            for name, shared in zip(names, told[what]["shared"], strict=True)
        ]
        for what in ("false_positives", "lenses_found")
    }
    return told | {"runs": rows} | overlap


@command(
    "expect",
    RUN,
    option("--part", default="test", help="validation or test. Default: test."),
    option("--threshold", type=float, help="Default: the thresholds proposed on the validation part."),
    option(
        "--from-reviews",
        action="store_true",
        help="Take the inspectors' rates and pace from their blind tests and timed votes in all reviews.",
    ),
    SpecOptions(SurveySpec),
)
def expect(arguments: Arguments) -> dict[str, Any]:
    """What an evaluated run would give in a survey: purity, candidates, person-hours."""
    from lensapp.services.evaluate import expectations
    from lensapp.services.evaluate.differences import scored
    from lensapp.services.survey_plans import survey_values_of_team

    workspace = Workspace.open(arguments.workspace)
    evaluation = scored(workspace, arguments.run, part=arguments.part)
    measured = survey_values_of_team(workspace)[0] if arguments.from_reviews else {}
    survey = SurveySpec.parse(measured | given_values(arguments, SurveySpec))
    thresholds = {"asked": arguments.threshold}
    if arguments.threshold is None:
        proposals = evaluation.proposals
        thresholds = {one.name: one.threshold for one in proposals.thresholds} if proposals else {"half": 0.5}
    expected = {
        name: expectations.expectation(evaluation, survey, threshold=threshold)
        for name, threshold in thresholds.items()
    }
    return {
        "run": arguments.run,
        "survey": survey.saved(),
        "expected": {name: one.as_dict() if one else None for name, one in expected.items()},
    }


@command(
    "subgroups",
    RUN,
    option("column", metavar="COLUMN", help="Column of the catalogue, for example einstein_radius_arcsec."),
    option("--part", default="test", help="train, validation or test. Default: test."),
    option("--threshold", type=float, default=0.5, help="Threshold of completeness. Default: 0.5."),
    option("--bins", type=int, default=5, help="Bins of equal numbers of lenses. Default: 5."),
)
def subgroups(arguments: Arguments) -> dict[str, Any]:
    """Completeness, false positive rate and AUROC of a run by bins of any column, with 95 % limits."""
    from lensapp.services.evaluate import subgroups as service
    from lensapp.services.evaluate.differences import scored

    workspace = Workspace.open(arguments.workspace)
    groups = service.subgroups(
        workspace,
        scored(workspace, arguments.run, part=arguments.part),
        arguments.column,
        threshold=arguments.threshold,
        bins=arguments.bins,
    )
    return {"run": arguments.run, "column": arguments.column, "subgroups": [asdict(one) for one in groups]}


@command(
    "completeness",
    RUN,
    option("source", metavar="SOURCE", help="Source on whose galaxies lenses are painted."),
    option("--threshold", type=float, default=0.5, help="Least score that is accepted. Default: 0.5."),
    option("--out", type=Path, metavar="F.fits", help="Write the selection function as FITS tables."),
    option("--stored", action="store_true", help="Paint nothing: read what was measured before."),
    SpecOptions(
        InjectionSpec,
        flags={"theta_e_arcsec": "--theta-e", "arc_snr": "--snr", "choice_where": "--hosts"},
    ),
)
def completeness(arguments: Arguments) -> dict[str, Any]:
    """Completeness by injection: lenses painted on galaxies of a source and scored, over a grid.

    Over Einstein radius, S/N of the arcs and, where a column tells it, seeing. Where blind tests of a review
    of the source were graded, also what inspectors accept, and what both do. All with 95 % limits.
    """
    from lensapp.services.evaluate import completeness as service
    from lensapp.services.inspect.joint_completeness import completeness_of, describe_search

    workspace, run, source = Workspace.open(arguments.workspace), arguments.run, arguments.source
    if not arguments.stored:
        spec = InjectionSpec.parse(given_values(arguments, InjectionSpec))
        finish_here(
            workspace, service.start_completeness(workspace, run_name=run, source_name=source, spec=spec)
        )
    search = completeness_of(workspace, run, source, threshold=arguments.threshold)
    if arguments.out:
        with whole_file(arguments.out) as partial:
            partial.write_bytes(service.fits_bytes(search.all()))
    written = {"out": str(arguments.out)} if arguments.out else {}
    return {"run": run, "source": source, **describe_search(search), **written}


@command(
    "vetoes",
    RUN,
    option("--rule", metavar="RULE", help="What candidates have to fulfil, such as 'star < 0.5'."),
    option("--by", metavar="RUNS", help="Runs whose classes or values the rule names, by commas."),
    option("--threshold", type=float, default=0.5, help="Least score that is accepted. Default: 0.5."),
    option("--keep", action="store_true", help="Keep the rule with the run (export --vetoes true uses it)."),
    option("--remove", metavar="RULE", help="Keep that rule no longer."),
)
def vetoes(arguments: Arguments) -> dict[str, Any]:
    """Lenses that a veto after the network costs and inspections that it saves, on validation.

    A rule compares columns of the catalogue, of classes or of estimated values with numbers; several are
    joined by "and". Candidates that break it are vetoed. Without a rule, the vetoes kept are listed.
    """
    from lensapp.services.score import vetoes as service

    workspace, run = Workspace.open(arguments.workspace), arguments.run
    if arguments.remove:
        service.remove_veto(workspace, run, arguments.remove)
    if not arguments.rule:
        return {"run": run, "vetoes": service.kept_vetoes(workspace, run)}
    measure = service.keep_veto if arguments.keep else service.veto_figures
    by = names_in(arguments.by)
    figures = measure(workspace, run, arguments.rule, threshold=arguments.threshold, by=by)
    return {"run": run, "rule": arguments.rule, "part": service.PART, **figures.as_dict()}


@command(
    "calibrate",
    RUN,
    SpecOptions(CalibrationSpec),
)
def calibrate(arguments: Arguments) -> dict[str, Any]:
    """Fit probabilities to the scores of a run on its validation part, by the method that does best there.

    The calibration is kept with the run and applied wherever its score appears, beside the raw score.
    """
    from lensapp.services.evaluate import calibrations
    from lensapp.services.evaluate.evaluation import is_evaluated

    workspace = Workspace.open(arguments.workspace)
    method = CalibrationSpec.parse(given_values(arguments, CalibrationSpec)).method
    if method is None:
        calibrations.remove_calibration(workspace, runs.run_status(workspace, arguments.run).name)
        return {"run": arguments.run, "method": None}
    if not is_evaluated(workspace, runs.run_status(workspace, arguments.run).run, part=calibrations.PART):
        finish_here(
            workspace,
            runs.start_evaluation(workspace, run_name=arguments.run, part=calibrations.PART),
        )
    if method == "best":
        fitted = calibrations.calibrate_by_best(workspace, arguments.run)
    else:
        fitted = calibrations.calibrate(workspace, arguments.run, method=method)
    return calibrations.calibration_summary(workspace, arguments.run, fitted)


PART = option("--part", default="test", help="train, validation or test. Default: test.")
THRESHOLD = option("--threshold", type=float, default=0.5, help="Threshold of decisions. Default: 0.5.")


@command(
    "report",
    RUN,
    option("--out", type=Path, required=True, metavar="F.html", help="File to write."),
    PART,
    THRESHOLD,
    SpecOptions(SurveySpec),
)
def report(arguments: Arguments) -> dict[str, Any]:
    """Write all that is known of an evaluated run as one HTML file that needs no network."""
    from lensapp.services.reports.run_report import write_report

    return write_report(_report_of(arguments), arguments.out)


@command(
    "card",
    RUN,
    option("--out", type=Path, required=True, metavar="F.md", help="File to write."),
    PART,
    THRESHOLD,
    SpecOptions(SurveySpec),
)
def card(arguments: Arguments) -> dict[str, Any]:
    """Write the model card of an evaluated run as Markdown."""
    from lensapp.services.reports.run_report import write_card

    return write_card(_report_of(arguments), arguments.out)


@command(
    "figures",
    RUN,
    option("--out", type=Path, required=True, metavar="FOLDER", help="Folder to write to."),
    option("--format", default="pdf", choices=("pdf", "svg"), help="pdf or svg. Default: pdf."),
    PART,
    THRESHOLD,
    SpecOptions(SurveySpec),
)
def figures(arguments: Arguments) -> dict[str, Any]:
    """Write the figures of an evaluated run at a paper's column width (88 mm)."""
    from lensapp.services.reports.run_report import write_report_figures

    return write_report_figures(_report_of(arguments), arguments.out, picture_format=arguments.format)


def _report_of(arguments: Arguments) -> "RunReport":
    from lensapp.services.reports.run_report import run_report

    return run_report(
        Workspace.open(arguments.workspace),
        arguments.run,
        part=arguments.part,
        threshold=arguments.threshold,
        survey=SurveySpec.parse(given_values(arguments, SurveySpec)),
    )


@command(
    "metrics",
    option("file", metavar="FILE", type=Path, help="CSV, ECSV, FITS, Parquet or VOTable."),
    option("--score", required=True, metavar="COL", help="Column of the scores."),
    option("--label", required=True, metavar="COL", help="Column of the labels: 1 is a lens."),
    option("--threshold", type=float, help="Threshold of the confusion matrix; default 0.5."),
    option("--against", metavar="COL", help="Column of another network's scores of the same rows."),
)
def metrics(arguments: Arguments) -> dict[str, Any]:
    """Figures of any table of scores and labels, and how they differ from those of other scores.

    Over a million rows are counted batch by batch, pairs of scores too.
    """
    from lensapp.services.evaluate.compare.paired_table import compare_columns
    from lensapp.services.evaluate.metrics_table import metrics_of_table

    file, score, label = arguments.file, arguments.score, arguments.label
    figures = metrics_of_table(file, score=score, label=label, threshold=arguments.threshold)
    if not arguments.against:
        return figures
    compared = compare_columns(file, score=score, against=arguments.against, label=label)
    return figures | {"difference": compared}


@command(
    "nuisance",
    RUN,
    option("--part", default="test", help="train, validation or test. Default: test."),
    option("--threshold", type=float, default=0.5, help="Threshold of completeness. Default: 0.5."),
    SpecOptions(NuisanceSpec),
)
def nuisance(arguments: Arguments) -> dict[str, Any]:
    """How the scores of a run change with orientation, shifts, seeing, noise, bands and zero point.

    Averaging over all orientations is compared with single scores.
    """
    from lensapp.services.evaluate import nuisances as service

    workspace = Workspace.open(arguments.workspace)
    spec = NuisanceSpec.parse(given_values(arguments, NuisanceSpec))
    job = service.start_nuisance(workspace, run_name=arguments.run, part=arguments.part, spec=spec)
    outcome = finish_here(workspace, job)
    stored = load_nuisance(workspace.run_folder(outcome["run"]), arguments.part)
    told = service.nuisances(stored, threshold=arguments.threshold)
    return outcome | {
        "threshold": arguments.threshold,
        "nuisances": [one.as_dict() for one in told],
        "augmentation": service.augmentation(stored).as_dict(),
    }


@command(
    "explain",
    RUN,
    option("subject", metavar="ID|FILE", help="ID of a candidate, or a file with one cutout."),
    option("--source", metavar="N", help="Source of the candidate, where several have its ID."),
    option("--out", metavar="F.png", type=Path, help="Draw the cutout and every map."),
    ALLOW_UNKNOWN_UNITS,
    CROP,
    OF_FILES,
    SpecOptions(ExplainSpec),
)
def explain(arguments: Arguments) -> dict[str, Any]:
    """Show what the score of one cutout rests on."""
    from lensapp.services.evaluate import explanations

    workspace = Workspace.open(arguments.workspace)
    subject = explanations.find_subject(workspace, arguments.subject, source_name=arguments.source)
    spec = ExplainSpec.parse(given_values(arguments, ExplainSpec))
    job = explanations.start_explanation(
        workspace,
        run_name=arguments.run,
        spec=spec,
        stated=given_values(arguments, IngestSpec),
        allow_unknown_units=arguments.allow_unknown_units,
        crop=arguments.crop,
        **subject,
    )
    outcome = finish_here(workspace, job)
    if arguments.out:
        explanations.write_picture(
            workspace, arguments.run, outcome["key"], arguments.out, cutout_id=subject.get("cutout_id")
        )
        outcome["out"] = str(arguments.out)
    return outcome


@command(
    "audit",
    RUN,
    SpecOptions(AuditSpec),
)
def audit(arguments: Arguments) -> dict[str, Any]:
    """Audit a run and its dataset: shortcuts, leakage, label noise, shift and realism.

    The outcome is kept with the run and shown on Evaluate.
    """
    from lensapp.services.evaluate.audits import start_audit

    workspace = Workspace.open(arguments.workspace)
    spec = AuditSpec.parse(given_values(arguments, AuditSpec))
    return finish_here(workspace, start_audit(workspace, run_name=arguments.run, spec=spec))


@command(
    "audit-realism",
    option("real", metavar="REAL", help="Source of real cutouts."),
    option("simulated", metavar="SIMULATED", help="Source of simulated or painted cutouts."),
    SpecOptions(RealismSpec),
)
def audit_realism(arguments: Arguments) -> dict[str, Any]:
    """Tell simulated cutouts from real ones, and say what gives them away."""
    from lensapp.services.evaluate.realism import start_audit

    spec = RealismSpec.parse(given_values(arguments, RealismSpec))
    workspace = Workspace.open(arguments.workspace)
    job = start_audit(workspace, real=arguments.real, simulated=arguments.simulated, spec=spec)
    return finish_here(workspace, job)
