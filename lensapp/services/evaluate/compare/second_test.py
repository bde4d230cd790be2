"""The figures of a run on the second test part of its dataset, beside those of the test part."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from lensapp.core.errors import NotFound
from lensapp.core.evaluate.compare.second_test import OperatingPoint, operating_points
from lensapp.core.evaluate.intervals import Interval
from lensapp.core.evaluate.score_axis import AIM_LABELS
from lensapp.core.split.splits import SECOND_TEST
from lensapp.services.evaluate.evaluation import Evaluation, load_evaluation
from lensapp.services.evaluate.figure_tables import INTERVAL_NAMES, p_text, with_limits
from lensapp.storage.workspace import Workspace


@dataclass(frozen=True, eq=False)
class SecondTest:
    """A run on both test parts.

    Attributes
    ----------
    test, second
        What was measured.
    points
        Completeness of both at the test part's thresholds.
    figures
        All figures of the second part alone, where it has non-lenses too; else none.
    """

    test: Evaluation
    second: Evaluation
    points: tuple[OperatingPoint, ...]
    figures: dict[str, Interval]

    @property
    def n(self) -> int:
        """Number of cutouts of the second part."""
        return len(self.second.labels)

    @property
    def n_positive(self) -> int:
        """Number of its lenses."""
        return int(self.second.labels.sum())

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "n": self.n,
            "n_positive": self.n_positive,
            "points": [point.as_dict() for point in self.points],
            "figures": {name: asdict(one) for name, one in self.figures.items()},
        }


def second_test(ws: Workspace, run_name: str) -> SecondTest | None:
    """Return a run on both test parts; None where it was not measured on both, or estimates values.

    Raises
    ------
    NotFound
        When the run does not exist or was not evaluated on the test part.
    """
    test = load_evaluation(ws, run_name, part="test")
    try:
        second = load_evaluation(ws, run_name, part=SECOND_TEST)
    except NotFound:
        return None
    if not (isinstance(test, Evaluation) and isinstance(second, Evaluation)):
        return None
    return beside_test(test, second)


@lru_cache(maxsize=32)  # evaluations are the same objects until one is made anew
def beside_test(test: Evaluation, second: Evaluation) -> SecondTest:
    """Return the figures of a second test part beside those of the test part."""
    points = operating_points(
        test.labels,
        test.scores.astype("float64"),
        second.labels,
        second.scores.astype("float64"),
        groups=test.stored.group_ids,
        second_groups=second.stored.group_ids,
    )
    lenses = int(second.labels.sum())
    figures = {}
    if 0 < lenses < len(second.labels):
        figures = {name: second.intervals[name] for name in second.resolved}
    return SecondTest(test, second, tuple(points), figures)


def points_table(both: SecondTest) -> pd.DataFrame:
    """Return one row per threshold of the test part."""
    rows = [
        {
            "at the test part's": AIM_LABELS.get(point.name, point.name),
            "least score": point.threshold,
            "its false positives": point.false_positives,
            "completeness, test part": with_limits(point.test),
            "completeness, second test part": with_limits(point.second),
            "p": p_text(point.p_value),
        }
        | (
            {"second part's non-lenses accepted": with_limits(point.second_false_positive_rate)}
            if both.figures
            else {}
        )
        for point in both.points
    ]
    return pd.DataFrame(rows)


def both_parts_table(both: SecondTest) -> pd.DataFrame:
    """Return one row per figure, of both parts; only where the second has non-lenses too."""
    return pd.DataFrame(
        {
            "figure": INTERVAL_NAMES[name],
            "test part": with_limits(both.test.intervals[name]) if name in both.test.resolved else "–",
            "second test part": with_limits(interval),
        }
        for name, interval in both.figures.items()
    )
