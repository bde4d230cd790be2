"""Units of flux read from headers, which give pictures of real stacks their colours."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ingest.formats.fits_files import open_fits
from lensapp.ingest.formats.photometry import flux_scale
from lensapp.ingest.importer import run_import
from lensapp.ingest.preview import make_preview
from lensapp.services.data.pictures import sample_levels
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.workspace import Workspace
from support.cutout_files import cutout, header, write_fits

EXPOSURES = {"g": (774.0, 430.0), "r": (660.0, 580.0)}


@pytest.mark.parametrize(
    ("cards", "factor"),
    [
        ({"HIERARCH FPA.ZP": 25.0, "EXPTIME": 500.0}, 0.002),
        ({"HIERARCH FPA.ZP": 22.5, "EXPTIME": 10.0}, 1.0),
        ({"HIERARCH FPA.ZP": 25.0}, None),
        ({"FLUXMAG0": 1e12}, 0.01),
        ({"MAGZERO": 30.0}, 0.01),
        ({"MAGZERO": "unknown"}, None),
        ({"EXPTIME": 500.0}, None),
    ],
)
def test_headers_tell_what_a_count_is_worth(tmp_path: Path, cards: dict[str, object], factor: float) -> None:
    head = fits.Header()
    for name, value in cards.items():
        head[name] = value
    file = open_fits(str(write_fits(tmp_path / "one.fits", cutout(), head)))
    assert flux_scale(file.header(0)) == (factor if factor is None else pytest.approx(factor))


def write_stacks(folder: Path, *, calibrated: int) -> Path:
    """Write two views of one object that differ in exposure, the first `calibrated` of them with headers."""
    for place in range(2):
        for band, exposures in EXPOSURES.items():
            head = header()
            if place < calibrated:
                head["HIERARCH FPA.ZP"], head["EXPTIME"] = 25.0, exposures[place]
            flux = cutout(1 if band == "g" else 2) + 0.1 * place  # not the same pixels twice
            write_fits(folder / f"o{place}" / f"o{place}_{band}.fits", flux * exposures[place], head)
    return folder


@pytest.mark.parametrize(("calibrated", "known"), [(2, True), (1, False), (0, False)])
def test_pictures_are_in_one_unit_and_networks_read_what_the_files_hold(
    tmp_path: Path, calibrated: int, known: bool
) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    files = write_stacks(tmp_path / "files", calibrated=calibrated)
    run_import(ws, name="stacks", spec=IngestSpec(path=str(files)), processes=1)
    folder = ws.cutouts_folder("stacks")
    raw = PackedCutouts.open(folder).read(np.arange(2))
    seen = PackedCutouts.open(folder, calibrated=True)
    assert (seen.flux_scales is not None) is known
    factors = np.array([[1 / EXPOSURES[band][place] for band in "gr"] for place in range(2)], np.float32)
    assert seen.read(np.arange(2)) == pytest.approx(raw * factors[:, None, None] if known else raw, rel=1e-5)
    assert np.isfinite(sample_levels(seen).brightness).all()


@pytest.mark.parametrize(("calibrated", "known"), [(2, True), (1, False)])
def test_a_dry_run_shows_the_colours_of_the_import(tmp_path: Path, calibrated: int, known: bool) -> None:
    preview = make_preview(IngestSpec(path=str(write_stacks(tmp_path, calibrated=calibrated))))
    exposures = np.array([[EXPOSURES[band][place] for band in "gr"] for place in range(2)], np.float32)
    flux = [np.stack([cutout(1) + 0.1 * p, cutout(2) + 0.1 * p], axis=-1) for p in range(2)]
    held = np.stack(flux) * (1 if known else exposures[:, None, None])
    assert preview.in_one_unit is known
    assert preview.images == pytest.approx(held, rel=1e-4)
