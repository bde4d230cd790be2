"""Jobs that need a service beside the learning: services never import what loads a network library."""

from functools import partial
from typing import Any

import numpy as np

from lensapp.core.evaluate.audits.audit_spec import AuditSpec
from lensapp.core.evaluate.explain_spec import ExplainSpec
from lensapp.core.evaluate.selection_function import InjectionSpec
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, phase_of
from lensapp.core.score.feature_spec import MapSpec
from lensapp.core.score.precision import Precision
from lensapp.core.score.shard_share import ShardShare
from lensapp.storage.workspace import Workspace


def train_and_gather(
    workspace: Workspace, *, run_name: str, report: Report, should_stop: ShouldStop
) -> dict[str, Any]:
    """Train a run, then make a committee of the networks that it kept at the end of each cycle."""
    from lensapp.learning.train.run_training import train_run
    from lensapp.services.train.committee_runs import gather_snapshots

    summary = train_run(workspace, run_name=run_name, report=report, should_stop=should_stop)
    committee = gather_snapshots(workspace, run_name)
    return summary | ({"committee": committee} if committee else {})


def compute_features_and_index(
    workspace: Workspace,
    *,
    run_name: str,
    source_name: str,
    spec: MapSpec | None,
    report: Report,
    should_stop: ShouldStop,
) -> dict[str, Any]:
    """Compute features and their map, then the index that finds similar cutouts among them."""
    from lensapp.learning.score.features import compute_features
    from lensapp.services.score.neighbours import ensure_index

    outcome = compute_features(
        workspace, run_name=run_name, name=source_name, spec=spec, report=report, should_stop=should_stop
    )
    rest = phase_of(report, begin=0.95, end=1.0, phase="similar cutouts")
    return outcome | {"indexed": ensure_index(workspace, run_name=run_name, name=source_name, report=rest)}


def check_and_score(
    workspace: Workspace,
    *,
    run_name: str,
    source_name: str,
    dask_url: str | None = None,
    precision: Precision = "auto",
    where: str | None = None,
    shard: str | None = None,
    keep: int | None = None,
    report: Report,
    should_stop: ShouldStop,
) -> dict[str, Any]:
    """Compare a source with the training part of a run, then score it; the outcome carries both."""
    from lensapp.learning.score.scoring import KEPT, score_source
    from lensapp.services.score.source_checks import check_source

    check = check_source(workspace, run_name=run_name, source_name=source_name)
    outcome = score_source(
        workspace,
        run_name=run_name,
        source_name=source_name,
        dask_url=dask_url,
        precision=precision,
        where=where,
        share=None if shard is None else ShardShare.parse(shard),
        keep=KEPT if keep is None else keep,
        report=report,
        should_stop=should_stop,
    )
    return outcome | {"check": check.light, "check_words": check.words}


def measure_completeness(
    workspace: Workspace,
    *,
    run_name: str,
    source_name: str,
    spec: InjectionSpec,
    report: Report,
    should_stop: ShouldStop,
    processes: int | None = None,
) -> dict[str, Any]:
    """Paint lenses on galaxies of a source and score them through a run, blind tests of reviews as well.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        When run, source and settings do not fit together, or no galaxy can be painted on.
    JobCancelled
        When `should_stop` answered; nothing is stored.
    """
    from lensapp.learning.score.scorers import cached_scorer
    from lensapp.services.data.made_in_parts import usual_processes
    from lensapp.services.evaluate import completeness
    from lensapp.services.inspect.joint_completeness import painted_tests, pixels_of_tests
    from lensapp.storage.files import network_checksum
    from lensapp.storage.runs import normalisation_of

    run, source = completeness.fitting_pair(workspace, run_name, source_name)
    completeness.refuse_too_large(source, spec)
    report({"message": "Choosing galaxies"})
    injections = completeness.plan_injections(workspace, run, source, spec)
    folder = workspace.run_folder(run.name)
    scorer = cached_scorer(folder, network_checksum(folder))
    factor = normalisation_of(workspace, run.name).reading_factor(source.pixel_scale_arcsec)
    meter = ProgressMeter(report, len(injections.hosts), "{done} of {total} lenses painted and scored")
    scores = []
    blocks = completeness.painted_blocks(
        workspace, source, injections, factor=factor, processes=processes or usual_processes(),
        should_stop=should_stop,
    )  # fmt: skip
    for pixels in blocks:
        scores.append(scorer.score(pixels))
        meter.add(len(pixels))
    tests = painted_tests(workspace, source)
    of_tests: Any = []
    if tests:
        of_tests = scorer.score(pixels_of_tests(workspace, source, tests, factor=factor))
    completeness.keep_injections(
        workspace, run, source, injections,
        scores=np.concatenate(scores).astype(np.float64),
        tests=(np.array([test.cutout_id for test in tests], np.int64), np.asarray(of_tests, np.float64)),
    )  # fmt: skip
    return {"run": run.name, "source": source.name, "injected": len(injections.hosts), "tests": len(tests)}


def explain_subject(
    workspace: Workspace,
    *,
    run_name: str,
    spec: ExplainSpec,
    cutout: int | None = None,
    cutouts: list[int] | None = None,
    file: str | None = None,
    stated: dict[str, Any] | None = None,
    report: Report,
    should_stop: ShouldStop,
) -> dict[str, Any]:
    """Explain what a run says of a cutout of a source, of a page of them, or of the one in a file."""
    from lensapp.learning.explain.explaining import explain_cutout, explain_page
    from lensapp.services.evaluate.explanations import read_subject

    if cutouts is not None:
        read = partial(read_subject, workspace, run_name=run_name, about=spec.about)
        subjects = (read(cutout_id=one) for one in cutouts)
        return {"run": run_name} | explain_page(
            workspace,
            run_name=run_name,
            subjects=((one.key, one.pixels, one.named) for one in subjects),
            count=len(cutouts),
            spec=spec,
            report=report,
            should_stop=should_stop,
        )
    subject = read_subject(
        workspace, run_name=run_name, about=spec.about, cutout_id=cutout, file=file, stated=stated
    )
    outcome = explain_cutout(
        workspace,
        run_name=run_name,
        key=subject.key,
        pixels=subject.pixels,
        spec=spec,
        circumstances=subject.named,
        report=report,
        should_stop=should_stop,
    )
    return {"run": run_name, "key": subject.key} | outcome


def audit_run(
    workspace: Workspace, *, run_name: str, spec: AuditSpec, report: Report, should_stop: ShouldStop
) -> dict[str, Any]:
    """Audit a run and its dataset, after measuring it on the parts where that has not been done."""
    from lensapp.learning.score.evaluation import evaluate_run
    from lensapp.services.evaluate import audits
    from lensapp.services.score.source_checks import checks_of_audit

    share = 0.15  # of the audit's time, for each part measured first
    unmeasured = audits.unmeasured_parts(workspace, run_name)
    for place, part in enumerate(unmeasured):
        step = phase_of(
            report, begin=place * share, end=(place + 1) * share, phase=f"scoring the {part} part"
        )
        evaluate_run(workspace, run_name=run_name, part=part, report=step, should_stop=should_stop)
    rest = phase_of(report, begin=len(unmeasured) * share, end=1.0, phase="audit")
    found = audits.audit(workspace, run_name=run_name, spec=spec, report=rest, should_stop=should_stop)
    found["shift"] = checks_of_audit(workspace, run_name=run_name, source_name=spec.source)
    return audits.keep_audit(workspace, run_name, found)
