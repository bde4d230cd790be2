"""Every kind of job: what does it, how it is shown, and what its payload holds.

To add a kind, write the function that does the work, add its row here, and queue it from a service. The
function is named by its dotted path and imported by the process that runs the job: the web process, which
reads this table too, never loads a network library. It is called with the workspace, the values of the
payload under the names in `PARAMETERS`, `report` and `should_stop`, and returns plain JSON values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from lensapp.core.errors import InvalidInput
from lensapp.core.score.precision import Precision
from lensapp.core.train.study_spec import StudyKind


class SurveyPayload(TypedDict):
    """A survey to simulate, to paint or to import."""

    name: str
    spec: dict[str, Any]


class FindPayload(TypedDict):
    """A source in whose cutouts objects are found, which become a new source."""

    name: str
    source: str
    spec: dict[str, Any]


class RunPayload(TypedDict):
    """A run to train."""

    run: str


class RunsPayload(TypedDict):
    """Runs of classical classifiers to fit."""

    runs: list[str]


class StudyPayload(TypedDict):
    """A study whose runs are trained in turn, or spread over "workers" or the Dask cluster of an address."""

    study: str
    spread: NotRequired[str]


class MemberPayload(TypedDict):
    """The run at a place of a study, which any worker may train."""

    part_of: str
    place: int


class EvaluationPayload(TypedDict):
    """A run to measure on a part of its dataset."""

    run: str
    part: str
    dropout_passes: NotRequired[int]


class NuisancePayload(TypedDict):
    """A run to score changed cutouts of a part of its dataset with."""

    run: str
    part: str
    spec: dict[str, Any]


class ScoringPayload(TypedDict):
    """A source to score through a run."""

    run: str
    source: str
    dask: str | None
    precision: NotRequired[Precision]
    where: NotRequired[str]
    shard: NotRequired[str]
    keep: NotRequired[int]


class CompletenessPayload(TypedDict):
    """A source on whose galaxies lenses are painted and scored through a run."""

    run: str
    source: str
    spec: dict[str, Any]


class RealismPayload(TypedDict):
    """Two sources that are told apart."""

    real: str
    simulated: str
    spec: dict[str, Any]


class AuditPayload(TypedDict):
    """A run that is audited with its dataset."""

    run: str
    spec: dict[str, Any]


class FeaturesPayload(TypedDict):
    """A source or dataset version whose features and map are computed through a run."""

    run: str
    source: str
    spec: dict[str, Any] | None


class EncoderPayload(TypedDict):
    """An ONNX file that becomes a run which gives features."""

    name: str
    file: str
    spec: dict[str, Any]


class EmbeddingsPayload(TypedDict):
    """A table of embeddings of a source that becomes a run which gives features."""

    name: str
    file: str
    source: str
    id_column: str | None
    ids_file: str | None


class ScoreTablePayload(TypedDict):
    """A table of scores of a source whose columns become runs of these names."""

    file: str
    source: str
    names: list[str]
    dataset: str | None
    spec: dict[str, Any]


class DropoutPayload(TypedDict):
    """A source that is passed through a run several times with Monte-Carlo dropout."""

    run: str
    source: str
    passes: int


class ExplanationPayload(TypedDict):
    """A cutout, by its number or in a file, or a page of them, whose scores by a run are explained."""

    run: str
    spec: dict[str, Any]
    cutout: NotRequired[int]
    cutouts: NotRequired[list[int]]
    file: NotRequired[str]
    stated: NotRequired[dict[str, Any]]


class CutoutExportPayload(TypedDict):
    """Cutouts of a catalogue query that are written to a file or a folder."""

    query: dict[str, Any]
    out: str
    spec: dict[str, Any]


Payload = (
    SurveyPayload
    | FindPayload
    | RunPayload
    | RunsPayload
    | StudyPayload
    | MemberPayload
    | EvaluationPayload
    | NuisancePayload
    | ScoringPayload
    | CompletenessPayload
    | RealismPayload
    | AuditPayload
    | FeaturesPayload
    | EncoderPayload
    | EmbeddingsPayload
    | ScoreTablePayload
    | DropoutPayload
    | ExplanationPayload
    | CutoutExportPayload
)

PARAMETERS = {
    "run": "run_name",
    "runs": "run_names",
    "study": "study_name",
    "part_of": "study_name",
    "source": "source_name",
    "dask": "dask_url",
}
"""Parameter of the handlers for each key of a payload that has another name there."""


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """One kind of job.

    Attributes
    ----------
    title
        What a reader calls it.
    handler
        Dotted path of the function that does it.
    icon
        Material symbol beside it.
    page
        Where what it made is looked at.
    makes
        What the name in its payload, or the first of several, is a name of.
    spec
        Dotted path of the specification that `spec` of its payload is read into.
    can_pause
        Whether it stores where it stands when it is asked to pause, and goes on from there.
    study
        Kind of the study whose runs it trains.
    attempts
        How often it is begun before the death of its process counts as its end.
    """

    title: str
    handler: str
    icon: str
    page: str
    makes: Literal["source", "run"] | None = None
    spec: str | None = None
    can_pause: bool = False
    study: StudyKind | None = None
    attempts: int = 1


JOB_KINDS = {
    "demo": JobKind(
        title="Simulation",
        handler="lensapp.services.data.demo.simulate_survey",
        spec="lensapp.simulation.survey.DemoSpec",
        icon=":material/auto_awesome:",
        page="data",
        makes="source",
    ),
    "demo-tiles": JobKind(
        title="Simulation of tiles",
        handler="lensapp.services.data.tiled_demo.simulate_tiles",
        spec="lensapp.services.data.tiled_demo.TiledDemoSpec",
        icon=":material/grid_on:",
        page="data",
        makes="source",
    ),
    "paint": JobKind(
        title="Painting",
        handler="lensapp.services.data.painting.paint_source",
        spec="lensapp.core.data.paint_spec.PaintSpec",
        icon=":material/brush:",
        page="data",
        makes="source",
    ),
    "ingest": JobKind(
        title="Import",
        handler="lensapp.ingest.importer.run_import",
        spec="lensapp.core.data.ingest_spec.IngestSpec",
        icon=":material/download:",
        page="data",
        makes="source",
    ),
    "objects": JobKind(
        title="Search for objects",
        handler="lensapp.services.data.object_finding.find_objects",
        spec="lensapp.core.data.find_spec.FindObjectsSpec",
        icon=":material/filter_center_focus:",
        page="data",
        makes="source",
    ),
    "train": JobKind(
        title="Training",
        handler="lensapp.handlers.train_and_gather",
        icon=":material/model_training:",
        page="train",
        can_pause=True,
    ),
    "evaluate": JobKind(
        title="Evaluation",
        handler="lensapp.learning.score.evaluation.evaluate_run",
        icon=":material/query_stats:",
        page="evaluate",
    ),
    "completeness": JobKind(
        title="Completeness by injection",
        handler="lensapp.handlers.measure_completeness",
        spec="lensapp.core.evaluate.selection_function.InjectionSpec",
        icon=":material/grid_on:",
        page="evaluate",
    ),
    "nuisance": JobKind(
        title="What should not matter",
        handler="lensapp.learning.score.nuisance.score_changes",
        spec="lensapp.core.evaluate.nuisance.NuisanceSpec",
        icon=":material/tune:",
        page="evaluate",
    ),
    "realism": JobKind(
        title="Realism audit",
        handler="lensapp.services.evaluate.realism.audit_realism",
        spec="lensapp.core.evaluate.audits.realism_spec.RealismSpec",
        icon=":material/compare:",
        page="data",
    ),
    "audit": JobKind(
        title="Audit",
        handler="lensapp.handlers.audit_run",
        spec="lensapp.core.evaluate.audits.audit_spec.AuditSpec",
        icon=":material/policy:",
        page="evaluate",
    ),
    "score": JobKind(
        title="Scoring",
        handler="lensapp.handlers.check_and_score",
        icon=":material/stacked_bar_chart:",
        page="score",
    ),
    "features": JobKind(
        title="Features and map",
        handler="lensapp.handlers.compute_features_and_index",
        spec="lensapp.core.score.feature_spec.MapSpec",
        icon=":material/scatter_plot:",
        page="features",
    ),
    "encoder": JobKind(
        title="Import of an encoder",
        handler="lensapp.learning.encoders.imports.import_encoder",
        spec="lensapp.core.score.encoder_spec.EncoderSpec",
        icon=":material/deployed_code:",
        page="features",
        makes="run",
    ),
    "embeddings": JobKind(
        title="Import of embeddings",
        handler="lensapp.learning.encoders.imports.import_embeddings",
        icon=":material/table_view:",
        page="features",
        makes="run",
    ),
    "import-scores": JobKind(
        title="Import of scores",
        handler="lensapp.services.score.score_imports.import_scores",
        spec="lensapp.core.score.score_table_spec.ScoreTableSpec",
        icon=":material/table_view:",
        page="score",
        makes="run",
    ),
    "head": JobKind(
        title="Training of a head",
        handler="lensapp.learning.encoders.heads.fit_head",
        icon=":material/model_training:",
        page="train",
    ),
    "bald": JobKind(
        title="Monte-Carlo dropout",
        handler="lensapp.learning.score.bald.compute_bald",
        icon=":material/shuffle:",
        page="score",
    ),
    "explain": JobKind(
        title="Explanation",
        handler="lensapp.handlers.explain_subject",
        spec="lensapp.core.evaluate.explain_spec.ExplainSpec",
        icon=":material/lightbulb:",
        page="evaluate",
    ),
    "export-cutouts": JobKind(
        title="Export of cutouts",
        handler="lensapp.services.catalogue.cutouts.export.export_cutouts",
        spec="lensapp.core.catalogue.cutout_export_spec.CutoutExportSpec",
        icon=":material/inventory_2:",
        page="catalogue",
    ),
    "compare": JobKind(
        title="Comparison",
        handler="lensapp.spread.work_on_study",
        icon=":material/leaderboard:",
        page="compare",
        can_pause=True,
        study="comparison",
    ),
    "baselines": JobKind(
        title="Classical baselines",
        handler="lensapp.learning.studies.baselines.fit_baselines",
        icon=":material/account_tree:",
        page="compare",
        makes="run",
    ),
    "kfold": JobKind(
        title="Cross-validation",
        handler="lensapp.spread.work_on_study",
        icon=":material/science:",
        page="experiments",
        can_pause=True,
        study="kfold",
    ),
    "search": JobKind(
        title="Hyperparameter search",
        handler="lensapp.spread.work_on_study",
        icon=":material/science:",
        page="experiments",
        can_pause=True,
        study="search",
    ),
    "member": JobKind(
        title="Run of a study",
        handler="lensapp.learning.studies.members.settle_member",
        icon=":material/science:",
        page="experiments",
        can_pause=True,
        attempts=3,
    ),
}


def find_kind(name: str) -> JobKind:
    """Return the kind of job called `name`, or raise InvalidInput."""
    if name not in JOB_KINDS:
        raise InvalidInput(f"There is no job of kind {name!r}; the kinds are {', '.join(JOB_KINDS)}.")
    return JOB_KINDS[name]


def selection_of(kind: str, payload: Mapping[str, Any]) -> dict[str, str]:
    """Return what a page shows the work of a job by: its source, run and study, as far as it has them."""
    asked = {
        "source": payload.get("source"),
        "run": payload.get("run"),
        "study": payload.get("study") or payload.get("part_of"),
    }
    made = find_kind(kind).makes
    if made is not None:
        names = payload.get("names") or payload.get("runs") or [payload.get("name")]
        asked[made] = names[0]
    return {kind: str(name) for kind, name in asked.items() if name}


def kind_of_study(study: str) -> str:
    """Return the name of the kind of job that works on studies of a kind."""
    return next(name for name, kind in JOB_KINDS.items() if kind.study == study)
