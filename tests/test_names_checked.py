"""A name that nothing can have is refused before anything is queued or made under it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lensapp import jobs
from lensapp.core.data.find_spec import FindObjectsSpec
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.paint_spec import PaintSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.core.split.splits import SplitSpec
from lensapp.core.train.study_spec import KfoldSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.data.demo import DemoSpec, start_demo
from lensapp.services.data.object_finding import start_finding
from lensapp.services.data.painting import start_painting
from lensapp.services.data.sources import start_import
from lensapp.services.data.tiled_demo import TiledDemoSpec, start_tiled_demo
from lensapp.services.inspect.queues import create_review
from lensapp.services.score.encoders import start_embeddings_import
from lensapp.services.score.score_imports import start_score_import
from lensapp.services.split.datasets import freeze_split
from lensapp.services.train.runs import start_training
from lensapp.services.train.studies import start_kfold
from lensapp.storage import sources
from lensapp.storage.workspace import Workspace
from support.small_surveys import make_survey, pack_source

BAD = ["../bad name/é", "", ".hidden", "a" * 101, "a b"]


def starts(ws: Workspace, folder: Path) -> dict[str, Callable[[str], object]]:
    """Return, by what they make, the services that queue something or make it under a name."""
    np.save(folder / "cutouts.npy", np.zeros((4, 8, 8, 1), np.float32))
    (folder / "scores.csv").write_text("id,score\nsky-000,0.5\n")
    wide = FindObjectsSpec(size=8)
    recipe = TrainingSpec(network="elu_cnn", epochs=1)
    scores = ScoreTableSpec(scores=("score",))
    return {
        "import": lambda name: start_import(
            ws, name=name, spec=IngestSpec(path=str(folder / "cutouts.npy"), bands=("r",))
        ),
        "demo": lambda name: start_demo(ws, name=name, spec=DemoSpec(count=10)),
        "tiled demo": lambda name: start_tiled_demo(ws, name=name, spec=TiledDemoSpec(count=10)),
        "objects": lambda name: start_finding(ws, source_name="wide", name=name, spec=wide),
        "painting": lambda name: start_painting(ws, name=name, spec=PaintSpec(hosts=("sky",), count=1)),
        "training": lambda name: start_training(ws, dataset_name="sky-v1", spec=recipe, name=name or "/"),
        "folds": lambda name: start_kfold(
            ws, dataset_name="sky-v1", spec=KfoldSpec(training=recipe, folds=2), name=name or "/"
        ),
        "scores": lambda name: start_score_import(
            ws, file=folder / "scores.csv", source_name="sky", spec=scores, name=f"/{name}"
        ),
        "embeddings": lambda name: start_embeddings_import(
            ws, file=folder / "scores.csv", name=name, source_name="sky"
        ),
        "review": partial(_review, ws),
        "version": lambda name: freeze_split(
            ws, source_names=["sky"], spec=SplitSpec(), name=name or "/"
        ),
    }  # fmt: skip


def _review(ws: Workspace, name: str) -> object:
    return create_review(ws, name=name, source_name="sky", spec=ReviewSpec(order="given", limit=3))


@pytest.fixture
def surveyed(workspace: Workspace) -> Workspace:
    make_survey(workspace, name="sky")
    pixels = np.random.default_rng(3).normal(size=(2, 30, 30, 3)).astype(np.float32)
    pack_source(workspace, "wide", pixels, [{"row": k, "candidate_id": f"w{k}"} for k in range(2)])
    freeze_split(workspace, source_names=["sky"], spec=SplitSpec(), name="sky-v1")
    return workspace


MADE = (
    "import", "demo", "tiled demo", "objects", "painting", "training", "folds", "scores",
    "embeddings", "review", "version",
)  # fmt: skip


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("made", MADE)
def test_no_job_is_queued_under_a_name_that_nothing_can_have(surveyed, tmp_path, made, name):
    before = [one.name for one in sources.list_sources(surveyed.database)]
    with pytest.raises(InvalidInput, match="is not a possible name"):
        starts(surveyed, tmp_path)[made](name)
    assert jobs.active(surveyed.database) == []
    assert [one.name for one in sources.list_sources(surveyed.database)] == before
