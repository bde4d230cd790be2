"""How long a head on the features of an encoder takes for 10 000 cutouts, beside scikit-learn's own pipeline.

A simulated survey, 768 features of each cutout (random ReLU features of its pixels, as many as ViT-B and
ConvNeXt-Tiny give), imported as a table of embeddings. "the fit" is the head alone, beside a pipeline of
StandardScaler and LogisticRegression on the same training part; "the whole job" reads the features, joins
them to the training part, fits, scores every cutout, stores the scores and measures the test part.
Run `python benchmarks/heads.py [--quick]`.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lensapp.core.align import rows_of
from lensapp.core.backend import choose_backend
from lensapp.core.score.encoder_spec import HeadSpec
from lensapp.core.split.splits import SplitSpec
from lensapp.services.data.demo import simulate_survey
from lensapp.services.score.encoders import start_head
from lensapp.services.split.datasets import freeze_split
from lensapp.simulation.survey import DemoSpec
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.workspace import Workspace

DIMENSIONS, HIDDEN = 768, 1024
TARGET_SECONDS = 10.0


def random_features(pixels: NDArray[np.float32], *, dimensions: int) -> NDArray[np.float32]:
    """Return features (n, dimensions) of cutouts by two layers of random weights."""
    rng = np.random.default_rng(0)
    flat = np.arcsinh(np.nan_to_num(pixels).reshape(len(pixels), -1))
    flat = (flat - flat.mean(axis=0)) / (flat.std(axis=0) + 1e-6)
    first = rng.normal(size=(flat.shape[1], HIDDEN)).astype(np.float32) / np.sqrt(flat.shape[1])
    second = rng.normal(size=(HIDDEN, dimensions)).astype(np.float32) / np.sqrt(HIDDEN)
    return np.asarray(np.maximum(flat @ first, 0.0) @ second, np.float32)


def surveyed(ws: Workspace, *, count: int) -> Path:
    """Simulate and split a survey; return a table of embeddings of its cutouts."""
    simulate_survey(ws, name="sky", spec=DemoSpec(count=count, lens_fraction=0.3, size=24))
    source = sources.get_source(ws.database, "sky")
    columns = sources.cutout_columns(ws.database, [source.id], columns=("candidate_id", "row"))
    pixels = PackedCutouts.open(ws.cutouts_folder("sky")).read(columns["row"].astype(np.int64))
    features = random_features(pixels, dimensions=DIMENSIONS)
    table = pd.DataFrame(features, columns=[f"f{k}" for k in range(DIMENSIONS)])
    table.insert(0, "id", columns["candidate_id"])
    file = ws.folder / "embeddings.parquet"
    table.to_parquet(file)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cutouts, one round")
    arguments = parser.parse_args()
    choose_backend()
    from lensapp.learning.encoders.heads import fit_head, fitted_head
    from lensapp.learning.encoders.imports import import_embeddings
    from lensapp.storage.datasets import part_members
    from lensapp.storage.features import load_features

    count, rounds = (2_000, 1) if arguments.quick else (10_000, 3)
    with tempfile.TemporaryDirectory() as folder:
        ws = Workspace.open(Path(folder))
        file = surveyed(ws, count=count)
        import_embeddings(ws, name="encoder", file=str(file), source_name="sky")
        dataset = freeze_split(ws, source_names=["sky"], spec=SplitSpec(), name="sky-v1")
        ids, values = load_features(ws, "encoder", "sky")
        members = part_members(ws.database, dataset.id, "train")
        rows = rows_of(members["cutout_id"], ids)
        training, labels = values[rows], (members["label"] == "lens").astype(int)
        spec = HeadSpec(encoder="encoder")
        times: dict[str, list[float]] = {"ours": [], "peer": []}
        for _ in range(rounds):
            start = time.process_time()
            fitted_head(training, labels, spec)
            times["ours"].append(time.process_time() - start)
            start = time.process_time()
            peer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, class_weight="balanced"))
            peer.fit(np.asarray(training, np.float64), labels)
            times["peer"].append(time.process_time() - start)
        run, _ = start_head(ws, dataset_name="sky-v1", spec=spec)
        start = time.process_time()
        outcome = fit_head(ws, run_name=run.name)
        whole = time.process_time() - start
    ours, peers = (float(np.median(times[who])) for who in ("ours", "peer"))
    print(
        f"{len(labels)} of {count} cutouts to learn from, {DIMENSIONS} features; AUROC {outcome['auroc']:.3f}"
    )
    print(f"processor seconds: the fit {ours:.2f}, scikit-learn {peers:.2f}, the whole job {whole:.2f}")
    for figure, seconds, other in (("the fit", ours, peers), ("the whole job", whole, None)):
        print(json.dumps(row_of(f"{figure}, {count} cutouts, {DIMENSIONS} features", seconds, other)))


def row_of(figure: str, seconds: float, peer: float | None) -> dict[str, Any]:
    """Return one line of the benchmark."""
    return {
        "benchmark": "heads",
        "figure": figure,
        "unit": "processor s",
        "ours": seconds,
        "peer": peer,
        "ratio": peer / seconds if peer else None,
        "target": TARGET_SECONDS,
        "met": seconds < TARGET_SECONDS,
    }


if __name__ == "__main__":
    main()
