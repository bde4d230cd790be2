"""Which candidate is worth an inspector's next look: uncertainty, disagreement, diversity, similarity.

All functions take arrays of all candidates at once and work on them in chunks, so that a million
candidates need little memory beside their own arrays.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.score.similarity import similarity, unit_rows

Floats = NDArray[np.floating[Any]]
Places = NDArray[np.int64]

FARTHEST = 2.0  # one less the cosine of opposite features
SMALLEST = 1e-12  # probabilities are kept this far from 0, whose logarithm is infinite


def entropy(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the entropy of predictions in nats; NaN where a probability is.

    Parameters
    ----------
    probabilities : shape (n,) of lenses, or (..., n, k) of k ≥ 2 classes

    References
    ----------
    Shannon 1948; for choosing examples Settles 2009, Active Learning Literature Survey, eq. 3.
    """
    shares = np.clip(as_classes(probabilities), SMALLEST, 1.0)
    return np.asarray(-(shares * np.log(shares)).sum(axis=-1), np.float64)


def margin(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return by how much the likeliest class leads the second, shape (n,); small is uncertain.

    References
    ----------
    Scheffer, Decomain & Wrobel 2001, IDA, LNCS 2189, 309.
    """
    shares = np.sort(as_classes(probabilities), axis=-1)
    return np.asarray(shares[..., -1] - shares[..., -2], np.float64)


def as_classes(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return probabilities of classes (n, k); scores (n,) become those of non-lens and lens (n, 2)."""
    given = np.asarray(probabilities, np.float64)
    return given if given.ndim > 1 else np.stack([1.0 - given, given], axis=-1)


def committee_scatter(scores: Floats) -> NDArray[np.float64]:
    """Return the standard deviation of the members' scores of each candidate.

    Parameters
    ----------
    scores : shape (members, n)
        NaN where a member has not scored a candidate, which gives NaN.
    """
    _require_members(scores)
    return np.asarray(np.std(np.asarray(scores, np.float64), axis=0))


def vote_entropy(scores: Floats, *, threshold: float = 0.5) -> NDArray[np.float64]:
    """Return the entropy, in nats, of the members' votes: lens where a score is at least `threshold`.

    References
    ----------
    Dagan & Engelson 1995, ICML, 150.
    """
    _require_members(scores)
    share = np.mean(scores >= threshold, axis=0)
    return np.where(np.isnan(scores).any(axis=0), np.nan, entropy(share))


def mutual_information(probabilities: Floats) -> NDArray[np.float64]:
    """Return what the true class would tell about the network: BALD, in nats, never negative.

    It is the entropy of the mean prediction less the mean entropy, which is also the mean
    Kullback-Leibler divergence of the members of a committee to their mean.

    Parameters
    ----------
    probabilities : shape (passes, n) of lenses, or (passes, n, k) of k classes
        From passes with dropout switched on, or from the members of a committee.

    References
    ----------
    Houlsby et al. 2011, arXiv:1112.5745; with dropout Gal, Islam & Ghahramani 2017, ICML; for committees
    McCallum & Nigam 1998, ICML.
    """
    _require_members(probabilities)
    of_classes = np.asarray(probabilities, np.float64)
    if of_classes.ndim == 2:
        of_classes = np.stack([1.0 - of_classes, of_classes], axis=-1)
    shared = entropy(of_classes.mean(axis=0)) - entropy(of_classes).mean(axis=0)
    return np.asarray(np.maximum(shared, 0.0))


def _require_members(scores: Floats) -> None:
    if scores.ndim < 2 or len(scores) < 2:
        raise InvalidInput(
            f"Expected the scores of at least two members or passes, received the shape {scores.shape}. "
            "Score the source with another run."
        )


def k_centre(features: Floats, count: int, *, first: int = 0, chosen: Floats | None = None) -> Places:
    """Return `count` rows that lie far apart: each is the farthest from those chosen before.

    The largest distance of any row to the nearest chosen one is at most twice the smallest possible.

    Parameters
    ----------
    features : shape (n, d)
    first
        The row to start from where nothing is chosen yet.
    chosen : shape (m, d)
        Features chosen already, that new ones keep away from.

    References
    ----------
    Gonzalez 1985, Theor. Comput. Sci. 38, 293; for active learning Sener & Savarese 2018, ICLR.
    """
    rows = unit_rows(features)
    count = min(count, len(rows))
    places = np.empty(count, np.int64)
    if chosen is None or not len(chosen):
        distance = np.full(len(rows), FARTHEST, np.float32)
        distance[first : first + 1] += 1.0
    else:
        distance = 1.0 - similarity(rows, chosen)
    for number in range(count):
        place = int(distance.argmax())
        places[number] = place
        np.minimum(distance, 1.0 - rows @ rows[place], out=distance)
        distance[places[: number + 1]] = -1.0  # not again, though another may lie at the same place
    return places


def diverse_order(
    features: Floats, scores: Floats, *, batch: int = 20, pool: int = 3, count: int | None = None
) -> Places:
    """Return places in batches, each spread over features within the best-scored of those left.

    Parameters
    ----------
    features : shape (n, d)
    scores : shape (n,)
    batch
        Candidates per batch, which starts with the best-scored one left.
    pool
        A batch is taken from `pool` times as many best-scored ones.
    count
        Stop after so many; the default is all.
    """
    waiting = np.argsort(-scores, kind="stable")
    wanted = len(waiting) if count is None else min(count, len(waiting))
    found: list[Places] = []
    while sum(map(len, found)) < wanted:
        top = waiting[: batch * pool]
        taken = k_centre(np.asarray(features[np.sort(top)])[np.argsort(np.argsort(top))], batch)
        found.append(top[taken])
        rest = np.ones(len(waiting), bool)
        rest[taken] = False
        waiting = waiting[rest]
    return np.concatenate([*found, np.empty(0, np.int64)])[:wanted]
