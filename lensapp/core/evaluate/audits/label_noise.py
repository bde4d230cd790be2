"""Labels that are probably wrong: confident learning from scores, CROWDLAB from scores and votes.

References
----------
Northcutt, Jiang & Chuang 2021, J. Artif. Intell. Res. 70, 1373 (confident learning); Goh, Tkachenko & Mueller
2022, arXiv:2210.06812 (CROWDLAB); both by cleanlab.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
SAFE = 1e-6  # cleanlab takes logarithms of probabilities


@dataclass(frozen=True, eq=False)
class LabelQuality:
    """How far each label can be believed.

    Attributes
    ----------
    quality : shape (n,)
        0 to 1; the least are the most suspect.
    suspect : shape (n,)
        Whether confident learning holds the label for wrong.
    suggested : shape (n,)
        Number of the class that the scores speak for.
    """

    quality: FloatArray
    suspect: NDArray[np.bool_]
    suggested: IntArray


@dataclass(frozen=True, eq=False)
class CrowdLabels:
    """What inspectors and scores say together.

    Attributes
    ----------
    label : shape (n,)
        Number of the class.
    quality, agreement : shape (n,)
        Probability that the label is right, and the share of the inspectors who agree with it.
    votes : shape (n,)
        Number of inspectors.
    inspectors : shape (m,)
        Quality of each, 0 to 1.
    """

    label: IntArray
    quality: FloatArray
    agreement: FloatArray
    votes: IntArray
    inspectors: FloatArray


def label_quality(labels: IntArray, probabilities: FloatArray) -> LabelQuality:
    """Judge labels by probabilities from networks that were not trained on these cutouts.

    Parameters
    ----------
    labels : shape (n,)
        Numbers of the classes.
    probabilities : shape (n, classes)

    Raises
    ------
    InvalidInput
        When a class has no cutout.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    classes = probabilities.shape[1]
    if len(np.unique(labels)) < classes:
        raise InvalidInput(
            "Label noise is told from scores of lenses and of other cutouts (or of every class), and these "
            "cutouts lack one. Evaluate the run on a part that has all."
        )
    safe = np.clip(probabilities.astype(np.float64), SAFE, 1.0)
    safe /= safe.sum(axis=1, keepdims=True)
    # Adjusted by the mean confidence of each class: scores of networks are no probabilities.
    quality = get_label_quality_scores(labels, safe, method="self_confidence", adjust_pred_probs=True)
    suspect = find_label_issues(labels, safe, n_jobs=1)
    return LabelQuality(
        np.asarray(quality, np.float64), np.asarray(suspect, np.bool_), np.argmax(safe, axis=1)
    )


def suspicion_order(judged: LabelQuality) -> IntArray:
    """Return the rows (n,) of the suspects, the least credible first, and behind them the others likewise."""
    return np.lexsort((judged.quality, ~judged.suspect)).astype(np.int64)


def crowd_labels(votes: FloatArray, probabilities: FloatArray) -> CrowdLabels:
    """Combine the votes of several inspectors with the scores of a network.

    Parameters
    ----------
    votes : shape (n, inspectors)
        Numbers of the classes, NaN where an inspector did not vote; at least one vote per cutout.
    probabilities : shape (n, classes)

    Raises
    ------
    InvalidInput
        When there is one inspector only, or no cutout that two of them judged.
    """
    from cleanlab.multiannotator import get_label_quality_multiannotator

    numbers = np.isfinite(votes).sum(axis=1)
    if votes.shape[1] < 2 or numbers.max(initial=0) < 2:
        raise InvalidInput("CROWDLAB needs cutouts that two inspectors have judged.")
    safe = np.clip(probabilities.astype(np.float64), SAFE, 1.0)
    safe /= safe.sum(axis=1, keepdims=True)
    answer = get_label_quality_multiannotator(votes, safe, verbose=False, return_detailed_quality=False)
    table, people = answer["label_quality"], answer["annotator_stats"].sort_index()
    return CrowdLabels(
        label=table["consensus_label"].to_numpy(np.int64),
        quality=table["consensus_quality_score"].to_numpy(np.float64),
        agreement=table["annotator_agreement"].to_numpy(np.float64),
        votes=table["num_annotations"].to_numpy(np.int64),
        inspectors=people["annotator_quality"].to_numpy(np.float64),
    )
