"""Blocks of a survey: the smallest part that is simulated at once, from its own random numbers.

A block depends on the settings and its number alone, so that several processes can share a survey
and a stopped simulation goes on where it was.
"""

from collections.abc import Callable, Mapping
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
from lensapp.simulation.lens_scenes import brighten_arcs, lens_scene, linked_lens_scene
from lensapp.simulation.observing import Camera, Conditions, draw_conditions, magnitude_of
from lensapp.simulation.profiles import Array, Grid, Indices
from lensapp.simulation.scenes import Canvas, Scene, Survey, add_neighbours, add_stars, elliptical_scene
from lensapp.simulation.surveys import PLAIN, SurveyProperties

BLOCK_SIZE = 64
MARGIN_PIXELS = 6
SECOND_VIEW_CHANCE = 0.04
LENS = "lens"
ARTEFACT = "artefact"

SCENES: dict[str, Callable[[Canvas], Scene]] = {
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
# Of the objects that are no lenses.
NEGATIVE_FRACTIONS = {
    "elliptical": 0.17,
    "spiral": 0.22,
    "merger": 0.10,
    "edge_on": 0.08,
    "ring": 0.06,
    "star": 0.05,
    "blend": 0.26,
    ARTEFACT: 0.06,
}
# Searches of the published surveys look at luminous red galaxies first: most of what they see is early-type.
TARGET_FRACTIONS = {
    "elliptical": 0.36,
    "spiral": 0.16,
    "merger": 0.08,
    "edge_on": 0.05,
    "ring": 0.05,
    "star": 0.03,
    "blend": 0.22,
    ARTEFACT: 0.05,
}


@dataclass(frozen=True)
class Block:
    """Views of one block: pixels (n, bands, size, size) and what is known about each.

    `parents` holds, for each view, the index in the block of the first view of its object.
    """

    pixels: Array
    classes: list[str]
    parents: Indices
    conditions: Conditions
    properties: list[dict[str, Any]]


def draw_classes(
    rng: np.random.Generator, *, lenses: int, count: int, fractions: Mapping[str, float]
) -> list[str]:
    """Draw the classes of `count` objects, exactly `lenses` of them lenses, in random order."""
    weights = np.array(list(fractions.values()))
    negatives = rng.choice(list(fractions), count - lenses, p=weights / weights.sum())
    classes = [LENS] * lenses + [str(name) for name in negatives]
    return [classes[index] for index in rng.permutation(count)]


def draw_parents(rng: np.random.Generator, classes: list[str]) -> Indices:
    """Let a few views show an object of the same class that the block has already: indices (n,)."""
    parents = np.arange(len(classes))
    for view in np.flatnonzero(rng.random(len(classes)) < SECOND_VIEW_CHANCE):
        earlier = [k for k in range(view) if classes[k] == classes[view] and parents[k] == k]
        if earlier:
            parents[view] = rng.choice(earlier)
    return parents


def simulate_block(
    rng: np.random.Generator,
    *,
    lenses: int,
    count: int,
    size: int,
    bands: tuple[str, ...],
    pixel_scale_arcsec: float,
    properties: SurveyProperties = PLAIN,
) -> Block:
    """Simulate `count` views, exactly `lenses` of them lenses, as cutouts of `size` pixels."""
    grid = Grid(size + 2 * MARGIN_PIXELS, pixel_scale_arcsec, properties.supersampling)
    survey = Survey(grid, bands, properties)
    camera = Camera(grid.size, MARGIN_PIXELS, bands, pixel_scale_arcsec, properties)
    fractions = TARGET_FRACTIONS if properties.published else NEGATIVE_FRACTIONS
    classes = draw_classes(rng, lenses=lenses, count=count, fractions=fractions)
    parents = draw_parents(rng, classes)
    light, arcs, objects = draw_objects(rng, classes, survey, camera)
    conditions = draw_conditions(rng, count, bands, properties)
    pixels = camera.exposed(light[parents], conditions)
    truth = [dict(objects[parent]) for parent in parents]
    lensed = np.flatnonzero(np.array(classes) == LENS)
    if len(lensed):
        own = conditions.of(lensed)
        # A second view shows a lens too: its arcs are those of the parent.
        exposed = camera.exposed(arcs[np.searchsorted(lensed, parents[lensed])], own)
        pixels[lensed] += exposed
        ratios = camera.signal_to_noise(exposed, pixels[lensed], own)
        observed = {
            "arc_snr": ratios.max(1),
            **_per_band("arc_snr", ratios, bands),
            # From the centre of the cutout to the deflector: x along columns, y along rows.
            "lens_x_arcsec": own.shift_x_pixels * pixel_scale_arcsec,
            "lens_y_arcsec": own.shift_y_pixels * pixel_scale_arcsec,
        }
        _note_properties([truth[view] for view in lensed], observed)
    camera.add_noise(rng, pixels, conditions)
    sigmas = camera.sky_sigma(conditions)
    for view, name in enumerate(classes):
        if name == ARTEFACT:
            truth[view]["artefact"] = add_artefact(rng, pixels[view], sigmas[view])
    _note_properties(truth, _per_band("seeing_arcsec", conditions.seeing_arcsec, bands))
    return Block(pixels, classes, parents, conditions, truth)


def draw_objects(
    rng: np.random.Generator, classes: list[str], survey: Survey, camera: Camera
) -> tuple[Array, Array, list[dict[str, Any]]]:
    """Draw the light of each object, the arcs of the lenses among them in order, and their properties."""
    names, magnitudes = np.array(classes), survey.target_magnitudes(rng, len(classes))
    light, arcs = survey.dark(len(classes)), survey.dark(0)
    properties: list[dict[str, Any]] = [{} for _ in classes]
    scenes = SCENES | {LENS: linked_lens_scene} if survey.properties.published else SCENES
    for name, draw in scenes.items():
        members = np.flatnonzero(names == name)
        if not len(members):
            continue
        scene = draw(Canvas(rng, magnitudes[members], survey))
        total = scene.light
        if scene.arcs is not None:
            scene = brighten_arcs(rng, scene, camera)
            arcs = survey.dark(0) if scene.arcs is None else scene.arcs
            total = scene.light + arcs
        light[members] = scene.light
        totals = _per_band("magnitude", magnitude_of(total.sum((2, 3))), survey.bands)
        _note_properties([properties[member] for member in members], {**scene.properties, **totals})
    add_neighbours(rng, light, survey)
    if survey.properties.published:
        add_stars(rng, light, survey)
    return light, arcs, properties


def _per_band(name: str, values: Array, bands: tuple[str, ...]) -> dict[str, Array]:
    return {f"{name}_{band}": values[:, index] for index, band in enumerate(bands)}


def _note_properties(properties: list[dict[str, Any]], values: dict[str, Array]) -> None:
    """Add row k of each of `values` to member k of `properties`, as plain numbers of five digits."""
    for name, numbers in values.items():
        for owner, number in zip(properties, numbers, strict=True):
            owner[name] = float(f"{number:.5g}")
