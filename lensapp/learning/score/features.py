"""Features of a source or a dataset version through a run, stored beside it, and maps of them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import JobCancelled
from lensapp.core.progress import (
    ProgressMeter,
    Report,
    ShouldStop,
    ignore_progress,
    never_stop,
    phase_of,
)
from lensapp.core.score.feature_spec import MapSpec
from lensapp.learning.score.feature_extractor import FeatureExtractor
from lensapp.learning.score.reading import read_ahead
from lensapp.learning.score.scoring import check_source
from lensapp.storage import datasets, runs, sources
from lensapp.storage.cutouts import open_in_unit
from lensapp.storage.features import FeatureStore, features_folder, load_features, open_store, save_map
from lensapp.storage.files import EMBEDDINGS
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

CHUNK_ROWS = 512
FLUSH_SECONDS = 5.0
ALL = 0.95  # of the whole work, without what follows the features and their map
SHARE_OF_FEATURES = {"none": ALL, "pca": 0.9, "umap": 0.5}  # and then the map


@dataclass(frozen=True, eq=False)
class CutoutSet:
    """Cutouts of one or several sources, ordered by source and row."""

    sources: tuple[Source, ...]
    cutout_ids: NDArray[np.int64]
    source_ids: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, workspace: Workspace, name: str) -> "CutoutSet":
        """Return all cutouts of the source, or the members of the dataset version, called `name`."""
        database = workspace.database
        if name in {source.name for source in sources.list_sources(database)}:
            source = sources.get_source(database, name)
            columns = sources.cutout_columns(database, [source.id], columns=("id", "source_id", "row"))
            return cls((source,), columns["id"], columns["source_id"], columns["row"])
        dataset = datasets.get_dataset(database, name)
        members = datasets.member_columns(database, dataset.id)
        order = np.lexsort((members["row"], members["source_id"]))
        of_dataset = tuple(sources.source_by_id(database, key) for key in dataset.source_ids)
        return cls(of_dataset, *(members[key][order] for key in ("cutout_id", "source_id", "row")))

    def chunks(
        self, workspace: Workspace, *, run_name: str, first: int
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield slices of the set from position `first` on and their pixels as a run reads them, ahead."""
        fitted = runs.normalisation_of(workspace, run_name)
        packed = {
            source.id: open_in_unit(
                workspace.cutouts_folder(source.name),
                fitted.reading_factor(source.pixel_scale_arcsec),
                fitted.bands,
            )
            for source in self.sources
        }
        changes = np.flatnonzero(np.diff(self.source_ids)) + 1
        starts = np.union1d(np.arange(first, len(self.rows), CHUNK_ROWS), changes[changes > first])
        spans = [slice(int(a), int(b)) for a, b in pairwise([*starts, len(self.rows)])]
        yield from read_ahead(
            spans, lambda span: packed[int(self.source_ids[span.start])].read(self.rows[span])
        )


def fill_store(
    workspace: Workspace,
    cutouts: CutoutSet,
    extractor: FeatureExtractor,
    store: FeatureStore,
    *,
    report: Report,
    should_stop: ShouldStop,
    share: float = ALL,
) -> float:
    """Compute the features that `store` lacks, a `share` of the whole work; return cutouts per second."""
    meter = ProgressMeter(
        report, len(cutouts.cutout_ids), "features of {done} of {total} cutouts", share=share
    )
    meter.skip(store.done)
    saved = time.monotonic()
    for span, pixels in cutouts.chunks(workspace, run_name=extractor.network.folder.name, first=store.done):
        store.values[span] = extractor.features(pixels)
        now, last = time.monotonic(), span.stop == meter.total
        stopped = should_stop() is not None and not last
        if last or stopped or now - saved >= FLUSH_SECONDS:
            store.advance(span.stop)
            saved = now
        meter.add(span.stop - span.start)
        if stopped:
            raise JobCancelled(f"Stopped after the {meter.text}.")
    return meter.rate


def compute_features(
    workspace: Workspace,
    *,
    run_name: str,
    name: str,
    spec: MapSpec | None = None,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Store the features of a source, or of the members of a dataset version, then the map `spec` of them.

    What an interrupted computation has stored is kept; features of the present network are not computed
    again.

    Returns
    -------
    dict
        features (number), dimensions, images_per_second (0 when all were stored), engine, and `map` with
        what the map was made of.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        When the run, its network or the source does not exist, the run is a committee, or network and
        source do not fit together.
    """
    run = runs.get_run(workspace.database, run_name)
    folder = workspace.run_folder(run.name)
    features_of_source = features_folder(workspace, run_name, name)
    cutouts = CutoutSet.of(workspace, name)
    for source in cutouts.sources:
        check_source(workspace, run, source)
    method = "none" if spec is None else spec.method
    maps, begin = method != "none", SHARE_OF_FEATURES[method]
    first = phase_of(report, begin=0.0, end=begin, phase="step 1 of 2") if maps else report
    outcome: dict[str, Any]
    if (folder / EMBEDDINGS).exists():  # what the table tells is stored already
        ids, values = load_features(workspace, run_name, name)
        outcome = {"features": len(ids), "dimensions": values.shape[1], "images_per_second": 0.0}
        outcome["engine"] = "table"
    else:
        extractor = FeatureExtractor.open(folder)
        checksum = extractor.network.checksum
        store = open_store(features_of_source, cutouts.cutout_ids, extractor.dimensions, checksum=checksum)
        rate = fill_store(
            workspace, cutouts, extractor, store,
            report=first, should_stop=should_stop, share=1.0 if maps else ALL,
        )  # fmt: skip
        outcome = {
            "features": len(cutouts.cutout_ids),
            "dimensions": extractor.dimensions,
            "images_per_second": round(rate, 1),
            "engine": extractor.network.engine,
        }
    if spec is None or not maps:
        return outcome
    from lensapp.learning.score.projections import make_map

    second = phase_of(report, begin=begin, end=ALL, phase="step 2 of 2")
    feature_map = make_map(*load_features(workspace, run_name, name), spec, report=second)
    save_map(features_of_source, spec.method, feature_map)
    return outcome | {"map": feature_map.settings}
