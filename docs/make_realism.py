"""Compare the survey `ps1` with real Pan-STARRS1 stacks of lens systems, quantile by quantile and by eye.

Run as `make realism`, which is `python docs/make_realism.py FOLDER [--out docs/realism.md]`: FOLDER holds
`sled_ps1/cutouts` and `sled_ps1_fields/cutouts`. One measuring code reads real and simulated images. Two
minutes on two cores.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lensapp.core.data.flux_units import factor_of_zero_point
from lensapp.core.data.imaging import DisplaySpec, estimate_levels, render
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ingest.importer import run_import
from lensapp.simulation.sky_model import above_sky, noise_correlation, noise_of_images
from lensapp.simulation.star_psf import fit_moffat, star_stamps
from lensapp.simulation.survey import DemoSpec, simulate
from lensapp.simulation.surveys import SURVEYS, source_rows
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.workspace import Workspace
from support.shortcut_audits import audit

Images = NDArray[np.float32]
Values = NDArray[np.float64]
Quantities = dict[str, Values]

FOLDERS = ("sled_ps1", "sled_ps1_fields")
BANDS, PIXEL_SCALE_ARCSEC, SIZE = ("g", "r", "i"), 0.25, 120
ZERO_POINT_MAG = 25.0
SIMULATED, AUDITED, ARCS = 600, 1500, 300
QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
TOTAL_ARCSEC, HALF_OF_ARCSEC, COLOUR_ARCSEC, CENTRAL_ARCSEC = 3.0, 4.0, 1.5, 3.0
SHOWN_ROWS, SHOWN_COLUMNS, SHOWN_PIXELS, GAP = 6, 6, 64, 4
PICTURE = Path(__file__).parent / "images" / "realism.png"
TEXT = """# How real the simulated surveys look

Made by `make realism`; the real images are Pan-STARRS1 stacks of 148 confirmed lens systems, which are not part of
this project. They go through the app's import, simulated lenses of `demo --survey ps1` and of the plain survey have
the same bands, pixels and size, all are in flux of AB zero point 25, and one code measures them.

## Quantile by quantile

| quantity | images | n | 5 % | 25 % | 50 % | 75 % | 95 % |
|---|---|---|---|---|---|---|---|
{comparison}

- **Nothing was fitted to these columns** but the scatter of depth, the ellipticity of the PSF, what sky subtraction
  leaves and how red sources are: depth, seeing, sky and pixels are the published ones, magnitudes and sizes follow
  from the velocity dispersion function and the scaling relations cited in `lensapp/simulation/deflectors.py`.
- **Noise.** Exposures turned against the pixels of the stack and resampled by Lanczos kernels share noise with
  neighbours as much as real stacks do; its amplitude is right because depth is kept on the scale of the PSF.
- **Colours** of the real systems lie between those of simulated deflectors with and without arcs: simulated arcs
  begin at S/N 5, and many of the real lenses, found by spectra or in deeper images, show none here.
- **Sizes** come out some 0.15″ smaller, PSFs some 0.1″ wider than on the few stars of these fields: seeing is the
  published median, size that of nearby early-type galaxies of the same luminosity.
- **The faint end.** Targets end at i = 22; among the real systems are fainter ones.
- **The plain survey** is brighter and cleaner: learn the app on it, not the sky.

## By eye

Left 36 real systems, right 36 simulated ones, chosen at random, 16″ wide, g r i, one stretch.

![36 real lens systems beside 36 simulated ones](images/realism.png)

## Shortcuts, and how faint the arcs are

AUROC that a logistic regression on the central 4″ and boosted trees on seven numbers of aperture photometry reach
at telling lenses from the rest, by three-fold cross-validation on 1 500 cutouts (the limits are 0.75 and 0.80);
signal-to-noise ratio of the arcs in the best band, and the median Einstein radius, of 300 lenses.

| survey | central pixels | photometry | S/N 5 % | S/N 50 % | S/N 95 % | below S/N 25 | θ_E (arcsec) |
|---|---|---|---|---|---|---|---|
{surveys}

Inspectors begin to miss arcs below S/N 25 (Rojas et al. 2023), and so will networks: a figure of merit on these
surveys is lower than on the plain one, and means more.

## Where the numbers come from

Each number of a survey and of its galaxies with the paper that gives it, and the text in which it was read again to
check it: the paper's abstract, headers of released images, or a quotation elsewhere. *Not verified* means that the
paper could not be read for this check: the number is as it was noted when the survey was made. What is assumed or our
choice has no paper.

{sources}
"""


def real_images(data: Path) -> Images:
    """Import the real stacks as the app does; return them in flux of zero point 25: (n, y, x, band)."""
    images = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.open(Path(folder))
        for name in FOLDERS:
            spec = IngestSpec(path=str(data / name / "cutouts"), bands=BANDS)
            accepted = run_import(workspace, name=name, spec=spec)["accepted"]
            cutouts = PackedCutouts.open(workspace.cutouts_folder(name), calibrated=True)
            images.append(cutouts.read(np.arange(accepted)))
    return np.concatenate(images)


def simulated_images(survey: str, count: int) -> Images:
    """Simulate lenses of a survey in the same bands, pixels and unit of flux."""
    spec = DemoSpec.parse(
        {"survey": survey, "count": count, "lens_fraction": 1.0, "size": SIZE, "bands": BANDS}
    )
    units = [factor_of_zero_point(zero_point) for zero_point in spec.zero_points_mag]
    return simulate(spec).pixels * np.array(units, np.float32)


def without_arcs() -> Images:
    """Return the early-type galaxies among the negatives of `ps1`: the population of the deflectors."""
    spec = DemoSpec.parse(
        {"survey": "ps1", "count": SIMULATED, "lens_fraction": 0.0, "size": SIZE, "bands": BANDS}
    )
    batch = simulate(spec)
    return batch.pixels[[cutout.object_class == "elliptical" for cutout in batch.truth]]


def measured(images: Images) -> Quantities:
    """Return what is compared, each of shape (n,), or (stars,) for the PSF."""
    light = above_sky(images)
    sigma = noise_of_images(light)
    axis = (np.arange(SIZE) - (SIZE - 1) / 2) * PIXEL_SCALE_ARCSEC
    radius = np.hypot(axis[:, None], axis)
    total, colour = (np.nansum(light[:, radius < limit], axis=1) for limit in (TOTAL_ARCSEC, COLOUR_ARCSEC))
    with np.errstate(invalid="ignore", divide="ignore"):
        magnitude = ZERO_POINT_MAG - 2.5 * np.log10(total[:, 2])
        colours = -2.5 * np.log10(colour[:, :-1] / colour[:, 1:])
        sky = ZERO_POINT_MAG - 2.5 * np.log10(sigma / PIXEL_SCALE_ARCSEC)
    shared = np.array([noise_correlation(light[k : k + 1], sigma[k : k + 1])[2] for k in range(len(light))])
    field = np.where((radius > CENTRAL_ARCSEC)[:, :, None], light, np.nan)  # stars, not the lenses
    psf = [star_shapes(field[..., band], float(np.median(sigma[:, band]))) for band in (0, 2)]
    return {
        'i magnitude within 3"': magnitude,
        'g − r within 1.5"': colours[:, 0],
        'r − i within 1.5"': colours[:, 1],
        "half-light radius in i (arcsec)": half_light_radii(light[..., 2], radius),
        'S/N in g within 1.5"': colour[:, 0] / sigma[:, 0] / np.sqrt((radius < COLOUR_ARCSEC).sum()),
        "sky noise in g (mag/arcsec²)": sky[:, 0],
        "sky noise in r (mag/arcsec²)": sky[:, 1],
        "sky noise in i (mag/arcsec²)": sky[:, 2],
        "PSF width of stars in g (arcsec)": psf[0][:, 0],
        "PSF width of stars in i (arcsec)": psf[1][:, 0],
        "PSF ellipticity of stars in i": psf[1][:, 1],
        "noise correlation of neighbours in i": (shared[:, 3, 4] + shared[:, 4, 3]) / 2,
        "noise correlation two pixels apart in i": (shared[:, 3, 5] + shared[:, 5, 3]) / 2,
        "noise correlation along diagonals in i": (shared[:, 4, 4] + shared[:, 4, 2]) / 2,
    }


def half_light_radii(light: Values, radius: Values) -> Values:
    """Return the radii that hold half the flux within four arcsec (n,), NaN of what has none."""
    edges = np.arange(PIXEL_SCALE_ARCSEC, HALF_OF_ARCSEC + 0.01, PIXEL_SCALE_ARCSEC)
    growth = np.stack([np.nansum(light[:, radius < edge], axis=1) for edge in edges], axis=1)
    rising = np.maximum.accumulate(growth, axis=1)
    halves = [np.interp(flux[-1] / 2, flux, edges) if flux[-1] > 0 else np.nan for flux in rising]
    return np.array(halves)


def star_shapes(light: Values, sigma: float) -> Values:
    """Return full width at half maximum (arcsec) and ellipticity of each star in the images: (stars, 2)."""
    shapes = []
    for stamp in star_stamps(np.nan_to_num(light, nan=-np.inf), sigma):
        profile = fit_moffat(stamp)
        if profile is not None:
            shapes.append((profile.fwhm * PIXEL_SCALE_ARCSEC, np.hypot(profile.e1, profile.e2)))
    return np.array(shapes).reshape(-1, 2)


def comparison_rows(samples: dict[str, Quantities]) -> Iterator[str]:
    """Yield a row of the table for each quantity and sample."""
    for name in next(iter(samples.values())):
        for sample, quantities in samples.items():
            values = quantities[name][np.isfinite(quantities[name])]
            digits = 1 if np.nanmedian(values) > 5 and "S/N" in name else 2
            numbers = " | ".join(f"{value:.{digits}f}" for value in np.quantile(values, QUANTILES))
            yield f"| {name} | {sample} | {len(values)} | {numbers.replace('-', '−')} |"


def survey_rows() -> Iterator[str]:
    """Yield a row for each survey: what shortcuts reach, and how faint the arcs are."""
    for name in SURVEYS:
        result = audit(DemoSpec.parse({"survey": name, "count": AUDITED}))
        lenses = simulate(DemoSpec.parse({"survey": name, "count": ARCS, "lens_fraction": 1.0})).truth
        snr = np.array([lens.properties["arc_snr"] for lens in lenses])
        radius = np.array([lens.properties["einstein_radius_arcsec"] for lens in lenses])
        low, middle, high = np.quantile(snr, (0.05, 0.5, 0.95))
        yield (
            f"| {name} | {result.central_pixels:.2f} | {result.aperture_photometry:.2f} | {low:.0f} | "
            f"{middle:.0f} | {high:.0f} | {100 * np.mean(snr < 25):.0f} % | {np.median(radius):.2f} |"
        )


def save_picture(real: Images, simulated: Images) -> None:
    """Draw real systems on the left, simulated ones on the right, by the levels of the real ones."""
    edge = (SIZE - SHOWN_PIXELS) // 2
    inner = slice(edge, edge + SHOWN_PIXELS)
    levels = estimate_levels(real).half_true()
    number, step = SHOWN_ROWS * SHOWN_COLUMNS, SHOWN_PIXELS + GAP
    sheet = np.full((SHOWN_ROWS * step, (2 * SHOWN_COLUMNS + 1) * step, 3), 255, np.uint8)
    rng = np.random.default_rng(1)
    for side, images in enumerate((real, simulated)):
        chosen = images[rng.choice(len(images), number, replace=False), inner, inner]
        pictures = render(chosen, bands=BANDS, stretch=DisplaySpec(), levels=levels)
        for k, picture in enumerate(pictures):
            row, column = divmod(k, SHOWN_COLUMNS)
            x = (column + side * (SHOWN_COLUMNS + 1)) * step
            sheet[row * step : row * step + SHOWN_PIXELS, x : x + SHOWN_PIXELS] = picture
    Image.fromarray(sheet).save(PICTURE, optimize=True)


def make_page(data: Path) -> str:
    """Measure, draw, and return the page as Markdown."""
    real, simulated = real_images(data), simulated_images("ps1", SIMULATED)
    save_picture(real, simulated)
    plain = simulated_images("plain", SIMULATED)
    samples = {
        "real": measured(real),
        "`ps1`": measured(simulated),
        "`ps1`, no arcs": measured(without_arcs()),
        "plain": measured(plain),
    }
    return TEXT.format(
        comparison="\n".join(comparison_rows(samples)),
        surveys="\n".join(survey_rows()),
        sources="\n".join(source_rows()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, metavar="FOLDER", help="folder of the real stacks")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "realism.md")
    arguments = parser.parse_args()
    arguments.out.write_text(make_page(arguments.data), "utf-8")


if __name__ == "__main__":
    main()
