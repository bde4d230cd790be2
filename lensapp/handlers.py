"""Jobs that need a service beside the learning: services never import what loads a network library."""

from typing import Any

from lensapp.core.evaluate.explain_spec import ExplainSpec
from lensapp.core.progress import Report, ShouldStop
from lensapp.core.score.feature_spec import MapSpec
from lensapp.storage.workspace import Workspace


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
    return outcome | {"indexed": ensure_index(workspace, run_name=run_name, name=source_name, report=report)}


def check_and_score(
    workspace: Workspace,
    *,
    run_name: str,
    source_name: str,
    dask_url: str | None = None,
    report: Report,
    should_stop: ShouldStop,
) -> dict[str, Any]:
    """Compare a source with the training part of a run, then score it; the outcome carries both."""
    from lensapp.learning.score.scoring import score_source
    from lensapp.services.score.source_checks import check_source

    check = check_source(workspace, run_name=run_name, source_name=source_name)
    outcome = score_source(
        workspace,
        run_name=run_name,
        source_name=source_name,
        dask_url=dask_url,
        report=report,
        should_stop=should_stop,
    )
    return outcome | {"check": check.light, "check_words": check.words}


def explain_subject(
    workspace: Workspace,
    *,
    run_name: str,
    spec: ExplainSpec,
    cutout: int | None = None,
    file: str | None = None,
    report: Report,
    should_stop: ShouldStop,
) -> dict[str, Any]:
    """Explain what a run says of a cutout of a source, or of the one in a file."""
    from lensapp.learning.explain.explaining import explain_cutout
    from lensapp.services.evaluate.explanations import read_subject

    subject = read_subject(workspace, run_name=run_name, about=spec.about, cutout_id=cutout, file=file)
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
