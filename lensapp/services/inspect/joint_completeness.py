"""What a network and inspectors recognise together: blind tests that both of them saw, over the same grid."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import ABSENT, rows_of
from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.core.evaluate.selection_function import HUMAN, JOINT, SelectionFunction, gridded
from lensapp.core.inspect.consensus import find_consensus
from lensapp.core.inspect.grades import LENS_FROM
from lensapp.services.evaluate.completeness import (
    in_network_unit,
    load_injections,
    seeing_of,
    selection_function,
)
from lensapp.services.inspect.blind_tests import LENS, tests_are_told
from lensapp.storage import reviews, sources
from lensapp.storage.arrays import Pixels
from lensapp.storage.cutouts import flux_scales_of, read_cutouts
from lensapp.storage.records import BlindTest, Source
from lensapp.storage.workspace import Workspace

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Search:
    """Selection functions of a search: by the network and, where blind tests were graded, by people.

    Attributes
    ----------
    human, joint
        Of the blind tests that at least one inspector graded and the network scored; None without any.
    """

    network: SelectionFunction
    human: SelectionFunction | None
    joint: SelectionFunction | None

    def all(self) -> list[SelectionFunction]:
        """Return those that there are."""
        return [one for one in (self.network, self.human, self.joint) if one is not None]


def painted_tests(ws: Workspace, source: Source) -> list[BlindTest]:
    """Return the blind tests that show painted lenses, of all reviews of a source."""
    of_source = [
        review.id
        for review in reviews.list_reviews(ws.database)
        if source.id in reviews.source_ids_of(ws.database, review)
    ]
    tests = reviews.blind_tests_of(ws.database, of_source) if of_source else []
    painted = [test for test in tests if test.kind == LENS and "arc_snr" in test.truth]
    hosts = sources.get_cutouts(ws.database, [int(test.truth["host"]) for test in painted])
    return [test for test, host in zip(painted, hosts, strict=True) if host.source_id == source.id]


def pixels_of_tests(ws: Workspace, source: Source, tests: list[BlindTest], *, factor: float | None) -> Pixels:
    """Return the pixels (n, y, x, band) of painted blind tests as a network reads them.

    They are stored as pictures show them: in calibrated flux where the whole source has a known unit.
    """
    pixels = read_cutouts(ws, [test.cutout_id for test in tests])
    scales = flux_scales_of(ws, source)
    if scales is None:
        return pixels
    hosts = sources.get_cutouts(ws.database, [int(test.truth["host"]) for test in tests])
    of_hosts = scales[[host.row for host in hosts]]
    if np.isfinite(scales).all():
        pixels = pixels / of_hosts[:, None, None, :]
    return in_network_unit(pixels, of_hosts, factor)


def completeness_of(ws: Workspace, run_name: str, source_name: str, *, threshold: float) -> Search:
    """Return what a run accepts of injected lenses and, of blind tests, what inspectors and both accept.

    Inspectors accept a blind test when the mean of their grades says "lens", B or better. Tests of reviews
    that go on count for those to whom they are told alone.

    Raises
    ------
    NotFound
        When the completeness of the run was not measured in that source.
    """
    network = selection_function(ws, run_name, source_name, threshold=threshold)
    stored = load_injections(ws, run_name, source_name)
    source = sources.get_source(ws.database, source_name)
    told = {one.id for one in reviews.list_reviews(ws.database) if tests_are_told(one)}
    tests = [test for test in painted_tests(ws, source) if test.review_id in told]
    votes = [
        vote
        for review_id in sorted({test.review_id for test in tests})
        for vote in reviews.votes_of(ws.database, review_id=review_id, with_blind_tests=True)
    ]
    consensus = find_consensus(votes)
    ids = np.array([test.cutout_id for test in tests], np.int64)
    graded, scored = rows_of(ids, consensus.cutout_id), rows_of(ids, stored.test_ids)
    both = np.flatnonzero((graded != ABSENT) & (scored != ABSENT))
    if not len(both):
        return Search(network, None, None)
    recognised = consensus.mean[graded[both]] >= LENS_FROM
    accepted = stored.test_scores[scored[both]] >= threshold
    truths = [tests[row].truth for row in both.tolist()]
    theta_e = [float(truth["einstein_radius_arcsec"]) for truth in truths]
    snr = [float(truth["arc_snr"]) for truth in truths]
    hosts = np.array([int(truth["host"]) for truth in truths], np.int64)
    seeing = seeing_of(ws, source, hosts, column=stored.figures["spec"].get("seeing_column"))
    human, joint = (
        gridded(theta_e, snr, seeing, chosen, like=network, kind=kind)
        for kind, chosen in ((HUMAN, recognised), (JOINT, recognised & accepted))
    )
    return Search(network, human, joint)


def describe_search(search: Search) -> dict[str, Any]:
    """Return a search as plain values: completeness over the whole grid and in each cell, with limits."""
    described: dict[str, Any] = {
        "threshold": search.network.threshold,
        "realism": search.network.settings["realism"],
        "human": None,
        "joint": None,
    }
    for one in search.all():
        accepted, number = int(one.accepted.sum()), int(one.number.sum())
        low, high = wilson_interval(accepted, number)
        table = one.table()
        rows = zip(*(table[name].tolist() for name in table.colnames), strict=True)
        described[one.kind.lower()] = {
            "completeness": accepted / number if number else None,
            "low": low,
            "high": high,
            "number": number,
            "cells": [
                {
                    name: value if np.isfinite(value) else None
                    for name, value in zip(table.colnames, row, strict=True)
                }
                for row in rows
            ],
        }
    return described
