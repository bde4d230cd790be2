"""Networks train on calibrated flux: sources of any zero point together, never calibrated beside unknown."""

from pathlib import Path

import numpy as np
import pytest

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import BandMismatch
from lensapp.core.train.normalisation import FittedNormalisation, NormalisationSpec
from lensapp.learning.feed.dataset_parts import dataset_part, unit_of_dataset
from lensapp.learning.train.training import train
from lensapp.storage import datasets, sources
from lensapp.storage.cutouts import UNIT
from lensapp.storage.files import NORMALISATION
from lensapp.storage.records import Dataset, Source
from lensapp.storage.workspace import Workspace
from support.scoring_workspace import BANDS, SPEC, add_source, open_workspace


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


def freeze(ws: Workspace, *members: Source) -> Dataset:
    """Freeze all cutouts of some sources, a third of each into each part."""
    rows = []
    for source in members:
        columns = sources.cutout_columns(ws.database, [source.id])
        rows += [
            {"cutout_id": int(key), "part": ("train", "validation", "test")[k // 2 % 3], "label": label,
             "group_id": int(key), "fold": None, "label_from": "import"}
            for k, (key, label) in enumerate(zip(columns["id"], columns["label"], strict=True))
        ]  # fmt: skip
    datasets.create_dataset(
        ws.database,
        name="-".join(source.name for source in members),
        source_ids=[source.id for source in members],
        bands=BANDS,
        spec={},
        counts={part: {"lens": 2, "nonlens": 2} for part in ("train", "validation", "test")},
        checksum="0",
        members=rows,
    )
    return datasets.get_dataset(ws.database, "-".join(source.name for source in members))


def add_pictures(ws: Workspace) -> Source:
    source = add_source(ws, "pictures", zero_point=None)
    sources.finish_source(ws.database, source.id, quality={UNIT: "picture"})
    return source


def test_the_same_light_trains_the_same_network_whatever_its_unit(ws: Workspace, tmp_path: Path) -> None:
    fitted, scored = [], []
    for name, unit in (("plain", 1.0), ("stacks", 140.0)):
        source = add_source(ws, name, unit=unit, zero_point=27 + 2.5 * np.log10(unit), count=24)
        dataset = freeze(ws, source)
        parts = [dataset_part(ws, dataset, part, unit="flux") for part in ("train", "validation")]
        spec = SPEC.replaced(epochs=2)
        result = train(
            spec, training=parts[0], validation=parts[1], folder=tmp_path / name, initial_folder=None
        )
        fitted.append(FittedNormalisation.parse(read_json(tmp_path / name / NORMALISATION)))
        scored.append(result.history[-1]["loss"])
    assert fitted[0].unit == fitted[1].unit == "flux"
    assert fitted[0].zero_point_mag == 27.0
    np.testing.assert_allclose(fitted[1].scale, fitted[0].scale, rtol=1e-5)
    assert scored[1] == pytest.approx(scored[0], rel=1e-3)


def test_cutouts_at_the_networks_own_zero_point_are_read_to_the_bit(ws: Workspace) -> None:
    dataset = freeze(ws, add_source(ws, "plain"))
    calibrated, stored = (dataset_part(ws, dataset, "train", unit=unit) for unit in ("flux", None))
    np.testing.assert_array_equal(calibrated.read(np.arange(4)), stored.read(np.arange(4)))


def test_sources_of_different_zero_points_train_together_in_one_unit(ws: Workspace) -> None:
    dataset = freeze(ws, add_source(ws, "plain"), add_source(ws, "stacks", unit=10.0, zero_point=29.5))
    assert unit_of_dataset(ws, dataset, NormalisationSpec()) == "flux"
    part = dataset_part(ws, dataset, "train", unit="flux")
    first, second = part.read(np.arange(4)), part.read(np.arange(4) + len(part) // 2)
    np.testing.assert_allclose(second, first, rtol=1e-5, atol=1e-6)  # the same light, made with one seed


def test_surface_brightness_is_the_same_at_every_pixel_scale(ws: Workspace) -> None:
    """Pixels of half the side hold a quarter of the flux of an extended source."""
    dataset = freeze(ws, add_source(ws, "fine", scale=0.2), add_source(ws, "coarse", scale=0.4, unit=4.0))
    assert unit_of_dataset(ws, dataset, NormalisationSpec(unit="surface_brightness")) == "surface_brightness"
    part = dataset_part(ws, dataset, "train", unit="surface_brightness")
    first, second = part.read(np.arange(4)), part.read(np.arange(4) + len(part) // 2)
    np.testing.assert_allclose(second, first, rtol=1e-5, atol=1e-6)


def test_calibrated_sources_do_not_train_beside_others(ws: Workspace) -> None:
    plain, counts = add_source(ws, "plain"), add_source(ws, "counts", zero_point=None)
    mixed = freeze(ws, plain, counts)
    with pytest.raises(BandMismatch, match="plain is calibrated flux, counts is of an unknown unit"):
        unit_of_dataset(ws, mixed, NormalisationSpec())
    assert unit_of_dataset(ws, mixed, NormalisationSpec(kind="cutout")) == "unknown"
    with pytest.raises(BandMismatch, match="8-bit pictures"):
        unit_of_dataset(ws, freeze(ws, plain, add_pictures(ws)), NormalisationSpec(kind="cutout"))


def test_a_network_remembers_that_its_unit_was_unknown(ws: Workspace) -> None:
    assert (
        unit_of_dataset(ws, freeze(ws, add_source(ws, "a", zero_point=None)), NormalisationSpec())
        == "unknown"
    )
    assert unit_of_dataset(ws, freeze(ws, add_pictures(ws)), NormalisationSpec()) == "picture"


def test_a_run_goes_on_in_the_unit_of_the_run_it_starts_from(ws: Workspace, tmp_path: Path) -> None:
    plain = freeze(ws, add_source(ws, "plain"))
    counts = freeze(ws, add_source(ws, "counts", zero_point=None))
    shapes = {"kind": "asinh", "softening": 3, "centre": (0, 0), "scale": (1, 1), "gain": (1, 1)}
    start = FittedNormalisation.parse(shapes | {"bands": BANDS, "size": (8, 8)})
    for unit, of_plain, of_counts in (
        ("surface_brightness", "surface_brightness", None),
        ("flux", "flux", None),
        ("unknown", None, "unknown"),
    ):
        write_json(tmp_path / NORMALISATION, start.replaced(unit=unit).saved())
        for dataset, expected in ((plain, of_plain), (counts, of_counts)):
            if expected is None:
                with pytest.raises(BandMismatch, match="The initial run was trained on"):
                    unit_of_dataset(ws, dataset, NormalisationSpec(), initial=tmp_path)
            else:
                assert unit_of_dataset(ws, dataset, NormalisationSpec(), initial=tmp_path) == expected
    write_json(tmp_path / NORMALISATION, start.saved())  # made before units were kept
    assert unit_of_dataset(ws, plain, NormalisationSpec(), initial=tmp_path) is None
