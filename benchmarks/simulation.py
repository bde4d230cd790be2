"""Compare the batched simulation of lenses with lenstronomy: same content, one thread on each side.

Each image is a singular isothermal ellipsoid with external shear, a Sersic deflector and a Sersic
source in three bands, convolved with the same Moffat kernel of its
band, with Gaussian noise; once with one and
once with 3 × 3 points per pixel, as the demo survey has. Run `python benchmarks/simulation.py [--quick]`.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
import warnings

os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"})

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from lensapp.simulation.lenses import Deflector, lensed_images
from lensapp.simulation.profiles import Array, Grid, Sersic, sersic_images, sersic_total
from lensapp.simulation.psf import (
    convolved,
    fourier_length,
    kernel_radius_pixels,
    kernel_spectra,
    moffat_kernels,
)
from lensapp.simulation.survey import DemoSpec, block_ranges, simulate
from lensapp.simulation.surveys import SURVEYS

SIZE, SCALE_ARCSEC = 64, 0.25
SEEING_ARCSEC = (1.05, 0.95, 0.88)
NOISE = 0.05
TARGET_RATIO = 4.0
SURVEY_COUNT, SURVEY_SECONDS = 2000, 30.0
NAMED_SURVEY_RATIO = 0.5  # a published survey may cost twice what the plain one does
BATCH = 8


RANGES = {
    "einstein_radius_arcsec": (0.8, 2.0),
    "ellipticity": (-0.2, 0.2),
    "shear": (-0.05, 0.05),
    "galaxy_radius_arcsec": (0.5, 1.5),
    "galaxy_index": (3.0, 5.0),
    "galaxy_flux": (200.0, 2000.0),
    "source_radius_arcsec": (0.15, 0.4),
    "source_index": (0.8, 1.5),
    "source_place_arcsec": (-0.4, 0.4),
    "source_flux": (10.0, 60.0),
}


@dataclass(frozen=True)
class Systems:
    """Lens systems that both sides draw; fluxes have shape (n, bands)."""

    deflector: Deflector
    galaxy: Sersic
    source: Sersic
    galaxy_fluxes: Array
    source_fluxes: Array

    def part(self, places: slice) -> "Systems":
        """Return some of the systems."""
        return Systems(
            *(
                type(group)(**{name: values[places] for name, values in vars(group).items()})
                for group in (self.deflector, self.galaxy, self.source)
            ),
            self.galaxy_fluxes[places],
            self.source_fluxes[places],
        )


def draw_systems(rng: np.random.Generator, count: int) -> Systems:
    """Draw what both sides simulate."""
    zero = np.zeros(count)
    shapes = rng.uniform(*RANGES["ellipticity"], (6, count))
    shear = rng.uniform(*RANGES["shear"], (2, count))
    place = rng.uniform(*RANGES["source_place_arcsec"], (2, count))
    galaxy = [rng.uniform(*RANGES[name], count) for name in ("galaxy_radius_arcsec", "galaxy_index")]
    source = [rng.uniform(*RANGES[name], count) for name in ("source_radius_arcsec", "source_index")]
    bands = len(SEEING_ARCSEC)
    return Systems(
        Deflector(rng.uniform(*RANGES["einstein_radius_arcsec"], count), *shapes[:2], *shear, zero, zero),
        Sersic(zero, zero, *galaxy, *shapes[2:4]),
        Sersic(*place, *source, *shapes[4:]),
        rng.uniform(*RANGES["galaxy_flux"], (count, bands)),
        rng.uniform(*RANGES["source_flux"], (count, bands)),
    )


def band_kernels() -> Array:
    """Return the PSF of each band, the same for both sides."""
    size = 2 * kernel_radius_pixels(max(SEEING_ARCSEC), SCALE_ARCSEC) + 1
    zero = np.zeros(len(SEEING_ARCSEC))
    return moffat_kernels(size, SCALE_ARCSEC, fwhm_arcsec=np.array(SEEING_ARCSEC), e1=zero, e2=zero)


class Ours:
    """The batched simulation of this project."""

    def __init__(self, supersampling: int) -> None:
        kernels = band_kernels()
        self.grid = Grid(SIZE, SCALE_ARCSEC, supersampling)
        self.length = fourier_length(SIZE, kernels.shape[-1])
        self.spectra = kernel_spectra(kernels, self.length)

    def draw(self, systems: Systems) -> Array:
        """Return noiseless images (n, size, size, bands)."""
        count = len(systems.galaxy_fluxes)
        images = np.empty((count, SIZE, SIZE, len(SEEING_ARCSEC)), np.float32)
        for start in range(0, count, BATCH):
            places = slice(start, start + BATCH)
            self._draw_batch(systems.part(places), images[places])
        return images

    def _draw_batch(self, systems: Systems, images: Array) -> None:
        arcs = lensed_images(self.grid, systems.deflector, (systems.source, np.ones(len(images))))
        galaxies = sersic_images(self.grid, systems.galaxy)
        for band in range(images.shape[-1]):
            light = arcs * systems.source_fluxes[:, band, None, None].astype(np.float32)
            light += galaxies * systems.galaxy_fluxes[:, band, None, None].astype(np.float32)
            images[..., band] = convolved(light, self.spectra[band], self.length)

    def simulate(self, systems: Systems, rng: np.random.Generator) -> Array:
        """Return images with noise."""
        images = self.draw(systems)
        images += NOISE * rng.standard_normal(images.shape, dtype=np.float32)
        return images


class Lenstronomy:
    """The same images by lenstronomy, one model per band as its simulation interface makes them."""

    def __init__(self, supersampling: int) -> None:
        from lenstronomy.Data.pixel_grid import PixelGrid
        from lenstronomy.Data.psf import PSF
        from lenstronomy.ImSim.image_model import ImageModel
        from lenstronomy.LensModel.lens_model import LensModel
        from lenstronomy.LightModel.light_model import LightModel

        corner = -(SIZE - 1) / 2 * SCALE_ARCSEC
        transform = np.eye(2) * SCALE_ARCSEC
        pixels = PixelGrid(SIZE, SIZE, transform, ra_at_xy_0=corner, dec_at_xy_0=corner)
        self.models = [
            ImageModel(
                pixels,
                PSF("PIXEL", kernel_point_source=kernel.astype(float)),
                LensModel(["SIE", "SHEAR"]),
                LightModel(["SERSIC_ELLIPSE"]),
                LightModel(["SERSIC_ELLIPSE"]),
                kwargs_numerics={"supersampling_factor": supersampling, "supersampling_convolution": False},
            )
            for kernel in band_kernels()
        ]

    def draw(self, systems: Systems) -> Array:
        """Return noiseless images (n, size, size, bands)."""
        source_amplitudes = systems.source_fluxes / sersic_total(systems.source)[:, None]
        galaxy_amplitudes = systems.galaxy_fluxes / sersic_total(systems.galaxy)[:, None]
        images = np.empty((len(source_amplitudes), SIZE, SIZE, len(self.models)))
        for place in range(len(images)):
            lens = deflector_keywords(systems.deflector, place)
            source, galaxy = sersic_keywords(systems.source, place), sersic_keywords(systems.galaxy, place)
            for band, model in enumerate(self.models):
                images[place, ..., band] = model.image(
                    lens,
                    [source | {"amp": source_amplitudes[place, band]}],
                    [galaxy | {"amp": galaxy_amplitudes[place, band]}],
                )
        return images

    def simulate(self, systems: Systems, rng: np.random.Generator) -> Array:
        """Return images with noise."""
        images = self.draw(systems)
        images += rng.normal(0, NOISE, images.shape)
        return images


def deflector_keywords(deflector: Deflector, place: int) -> list[dict[str, float]]:
    """Return one deflector in lenstronomy's names."""
    values = {name: float(numbers[place]) for name, numbers in vars(deflector).items()}
    ellipsoid = {"theta_E": values["einstein_radius_arcsec"], "e1": values["e1"], "e2": values["e2"]}
    return [
        ellipsoid | {"center_x": 0.0, "center_y": 0.0},
        {"gamma1": values["shear_g1"], "gamma2": values["shear_g2"]},
    ]


def sersic_keywords(shape: Sersic, place: int) -> dict[str, float]:
    """Return one profile in lenstronomy's names."""
    names = ("center_x", "center_y", "R_sersic", "n_sersic", "e1", "e2")
    return {name: float(numbers[place]) for name, numbers in zip(names, vars(shape).values(), strict=True)}


def cpu_milliseconds(draw: Callable[[Systems, np.random.Generator], Array], systems: Systems) -> float:
    """Return the processor time per image."""
    started = time.process_time()
    draw(systems, np.random.default_rng(0))
    return 1e3 * (time.process_time() - started) / len(systems.galaxy_fluxes)


def compare(*, supersampling: int, rounds: int, count: int) -> tuple[float, float, float]:
    """Return medians of ours and theirs (ms per image) over interleaved rounds, and their largest difference.

    The difference is relative to the peak of each image.
    """
    ours, peer = Ours(supersampling), Lenstronomy(supersampling)
    systems = draw_systems(np.random.default_rng(7), count)
    few = systems.part(slice(0, 8))
    theirs = peer.draw(few)
    difference = (np.abs(ours.draw(few) - theirs).max((1, 2, 3)) / theirs.max((1, 2, 3))).max()
    times = [
        (cpu_milliseconds(ours.simulate, systems), cpu_milliseconds(peer.simulate, systems))
        for _ in range(rounds)
    ]
    return (*map(statistics.median, zip(*times, strict=True)), float(difference))


def simulate_part(part: tuple[DemoSpec, int, int]) -> int:
    spec, start, stop = part
    return len(simulate(spec, start=start, stop=stop).truth)


def survey_seconds(count: int) -> float:
    """Return the seconds that a demo survey of `count` cutouts takes in two processes."""
    spec = DemoSpec(count=count)
    parts = [(spec, start, stop) for start, stop in block_ranges(spec)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(simulate_part, [(DemoSpec(count=1), 0, 1)] * 4, chunksize=1)  # both have imported it all
        started = time.perf_counter()
        pool.map(simulate_part, parts, chunksize=1)
        return time.perf_counter() - started


def survey_milliseconds(rounds: int) -> dict[str, float]:
    """Return the processor time per cutout of each survey at its own size and bands: medians of rounds."""
    specs = {name: DemoSpec.parse({"survey": name, "count": 64}) for name in SURVEYS}
    for spec in specs.values():
        simulate(spec)  # the population of deflectors and the spectra of the noise are kept
    times: dict[str, list[float]] = {name: [] for name in specs}
    for number in range(rounds):
        for name, spec in specs.items():
            started = time.process_time()
            simulate(spec.replaced(seed=number + 2))
            times[name].append(1e3 * (time.process_time() - started) / spec.count)
    return {name: statistics.median(taken) for name, taken in times.items()}


def figure(name: str, *, unit: str, ours: float, peer: float, ratio: float, target: float) -> str:
    """Return one figure as a line of JSON; a higher ratio is better."""
    return json.dumps(
        {
            "benchmark": "simulation",
            "figure": name,
            "unit": unit,
            "ours": round(ours, 4),
            "peer": round(peer, 4),
            "ratio": round(ratio, 3),
            "target": target,
            "met": ratio >= target,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and images")
    quick = parser.parse_args().quick
    warnings.filterwarnings("ignore")  # lenstronomy's imports
    rounds, count, survey = (3, 16, 512) if quick else (9, 64, 2000)
    print(f"{'points per pixel':<18}{'ours ms':>10}{'lenstronomy ms':>16}{'ratio':>8}{'difference':>12}")
    lines = []
    for supersampling in (1, 3):
        ours, peer, difference = compare(supersampling=supersampling, rounds=rounds, count=count)
        points = f"{supersampling} × {supersampling}"
        print(f"{points:<18}{ours:>10.2f}{peer:>16.2f}{peer / ours:>8.1f}{difference:>12.1e}")
        name = f"image of a lens, {supersampling} x {supersampling} points per pixel"
        lines.append(
            figure(
                name, unit="cpu ms per image", ours=ours, peer=peer, ratio=peer / ours, target=TARGET_RATIO
            )
        )
    seconds = survey_seconds(survey) * SURVEY_COUNT / survey
    print(f"demo survey of {SURVEY_COUNT} cutouts, two processes: {seconds:.1f} s of {SURVEY_SECONDS:.0f} s")
    lines.append(
        figure(
            "demo survey of 2000 cutouts, peer is the limit",
            unit="s",
            ours=seconds,
            peer=SURVEY_SECONDS,
            ratio=SURVEY_SECONDS / seconds,
            target=1.0,
        )
    )
    costs = survey_milliseconds(rounds)
    print("cpu ms per cutout: " + ", ".join(f"{name} {cost:.2f}" for name, cost in costs.items()))
    dearest = max(costs, key=lambda name: costs[name])
    lines.append(
        figure(
            f"cutout of the dearest survey ({dearest}), peer is the plain survey",
            unit="cpu ms per cutout",
            ours=costs[dearest],
            peer=costs["plain"],
            ratio=costs["plain"] / costs[dearest],
            target=NAMED_SURVEY_RATIO,
        )
    )
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
