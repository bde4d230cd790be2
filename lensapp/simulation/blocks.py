"""Blocks of a survey: the smallest part that is simulated at once, from its own random numbers.

A block depends on the settings and its number alone, so that several processes can share a survey
and a stopped simulation goes on where it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lensapp.simulation.artefacts import add_artefact
from lensapp.simulation.contaminants import (
    blend_scene,
    edge_on_scene,
    merger_scene,
    ring_scene,
    spiral_scene,
    star_scene,
)
from lensapp.simulation.lens_scenes import brighten_arcs, lens_scene
from lensapp.simulation.observing import Camera, Conditions, draw_conditions, magnitude_of
from lensapp.simulation.populations import total_magnitudes
from lensapp.simulation.profiles import Array, Grid, Places
from lensapp.simulation.scenes import Scene, Survey, add_neighbours, elliptical_scene

BLOCK_SIZE = 64
MARGIN_PIXELS = 6
SECOND_VIEW_CHANCE = 0.04
LENS = "lens"
ARTEFACT = "artefact"

DrawScene = Callable[[np.random.Generator, Array, Survey], Scene]
SCENES: dict[str, DrawScene] = {
    LENS: lens_scene,
    "elliptical": elliptical_scene,
    "spiral": spiral_scene,
    "merger": merger_scene,
    "edge_on": edge_on_scene,
    "ring": ring_scene,
    "star": star_scene,
    "blend": blend_scene,
    ARTEFACT: elliptical_scene,
}
# Shares among the objects that are no lenses.
NEGATIVE_SHARES = {
    "elliptical": 0.17,
    "spiral": 0.22,
    "merger": 0.10,
    "edge_on": 0.08,
    "ring": 0.06,
    "star": 0.05,
    "blend": 0.26,
    ARTEFACT: 0.06,
}


@dataclass(frozen=True)
class Block:
    """Views of one block: pixels (n, bands, size, size) and what is known about each.

    `parents` holds, for each view, the position in the block of the first view of its object.
    """

    pixels: Array
    classes: list[str]
    parents: Places
    conditions: Conditions
    properties: list[dict[str, Any]]


def draw_classes(rng: np.random.Generator, *, lenses: int, count: int) -> list[str]:
    """Draw the classes of `count` objects, exactly `lenses` of them lenses, in random order."""
    shares = np.array(list(NEGATIVE_SHARES.values()))
    negatives = rng.choice(list(NEGATIVE_SHARES), count - lenses, p=shares / shares.sum())
    classes = [LENS] * lenses + [str(name) for name in negatives]
    return [classes[place] for place in rng.permutation(count)]


def draw_parents(rng: np.random.Generator, classes: list[str]) -> Places:
    """Let a few views show an object of the same class that the block has already: (n,) of positions."""
    parents = np.arange(len(classes))
    for place in np.flatnonzero(rng.random(len(classes)) < SECOND_VIEW_CHANCE):
        earlier = [k for k in range(place) if classes[k] == classes[place] and parents[k] == k]
        if earlier:
            parents[place] = rng.choice(earlier)
    return parents


def simulate_block(
    rng: np.random.Generator,
    *,
    lenses: int,
    count: int,
    size: int,
    bands: tuple[str, ...],
    pixel_scale_arcsec: float,
) -> Block:
    """Simulate `count` views, exactly `lenses` of them lenses, as cutouts of `size` pixels."""
    survey = Survey(Grid(size + 2 * MARGIN_PIXELS, pixel_scale_arcsec), bands)
    camera = Camera(survey.grid.size, MARGIN_PIXELS, bands, pixel_scale_arcsec)
    classes = draw_classes(rng, lenses=lenses, count=count)
    parents = draw_parents(rng, classes)
    light, arcs, objects = _draw_objects(rng, classes, survey, camera)
    conditions = draw_conditions(rng, count, bands)
    pixels = camera.exposed(light[parents], conditions)
    properties = [dict(objects[parent]) for parent in parents]
    lensed = np.flatnonzero(np.array(classes) == LENS)
    if len(lensed):
        # A second view shows a lens too: its arcs are those of the parent.
        seen = arcs[np.searchsorted(lensed, parents[lensed])]
        ratios = _add_arcs(pixels, lensed, seen, camera, conditions)
        lens_properties = [properties[place] for place in lensed]
        _store(lens_properties, _named_ratios(ratios, bands))
        _store(lens_properties, _pointing(conditions.of(lensed), pixel_scale_arcsec))
    camera.add_noise(rng, pixels, conditions)
    _damage(rng, pixels, classes, properties, camera.sky_sigma(conditions))
    _store(properties, _per_band("seeing_arcsec", conditions.seeing_arcsec, bands))
    return Block(pixels, classes, parents, conditions, properties)


def _draw_objects(
    rng: np.random.Generator, classes: list[str], survey: Survey, camera: Camera
) -> tuple[Array, Array, list[dict[str, Any]]]:
    """Draw the light of each object, the arcs of the lenses among them in order, and their properties."""
    names, magnitudes = np.array(classes), total_magnitudes(rng, len(classes))
    light, arcs = survey.dark(len(classes)), survey.dark(0)
    properties: list[dict[str, Any]] = [{} for _ in classes]
    for name, draw in SCENES.items():
        places = np.flatnonzero(names == name)
        if not len(places):
            continue
        scene = draw(rng, magnitudes[places], survey)
        own = [properties[place] for place in places]
        total = scene.light
        if scene.arcs is not None:
            scene = brighten_arcs(rng, scene, camera)
            arcs = survey.dark(0) if scene.arcs is None else scene.arcs
            total = scene.light + arcs
        light[places] = scene.light
        _store(own, scene.properties)
        _store(own, _per_band("magnitude", magnitude_of(total.sum((2, 3))), survey.bands))
    add_neighbours(rng, light, survey)
    return light, arcs, properties


def _add_arcs(pixels: Array, lensed: Places, arcs: Array, camera: Camera, conditions: Conditions) -> Array:
    """Expose the arcs of the views `lensed`, add them in place; return their S/N per band."""
    own = conditions.of(lensed)
    exposed = camera.exposed(arcs, own)
    pixels[lensed] += exposed
    return camera.signal_to_noise(exposed, pixels[lensed], own)


def _damage(
    rng: np.random.Generator,
    pixels: Array,
    classes: list[str],
    properties: list[dict[str, Any]],
    sigmas: Array,
) -> None:
    for place, name in enumerate(classes):
        if name == ARTEFACT:
            properties[place]["artefact"] = add_artefact(rng, pixels[place], sigmas[place])


def _named_ratios(ratios: Array, bands: tuple[str, ...]) -> dict[str, Array]:
    return {"arc_snr": ratios.max(1), **_per_band("arc_snr", ratios, bands)}


def _pointing(conditions: Conditions, pixel_scale_arcsec: float) -> dict[str, Array]:
    """Return where deflectors lie from the centres of their cutouts: x along columns, y along rows."""
    return {
        "lens_x_arcsec": conditions.shift_x_pixels * pixel_scale_arcsec,
        "lens_y_arcsec": conditions.shift_y_pixels * pixel_scale_arcsec,
    }


def _per_band(name: str, values: Array, bands: tuple[str, ...]) -> dict[str, Array]:
    return {f"{name}_{band}": values[:, place] for place, band in enumerate(bands)}


def _store(properties: list[dict[str, Any]], values: dict[str, Array]) -> None:
    """Add row k of each of `values` to member k of `properties`, as plain numbers of five digits."""
    for name, numbers in values.items():
        for owner, number in zip(properties, numbers, strict=True):
            owner[name] = float(f"{number:.5g}")
