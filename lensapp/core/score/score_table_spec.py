"""How the scores of a table become runs: the columns, the join and the way to scores from 0 to 1."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput

MODEL = "external"
"""Model of runs that have scores and no network."""


class ScoreTableSpec(Spec):
    """Which columns of a table hold scores, how rows find their cutouts, and what the numbers mean."""

    scores: tuple[str, ...] = Field(
        min_length=1,
        max_length=100,
        title="Columns of scores",
        description="Columns of scores, several by commas; each becomes a run of its own.",
    )
    join: Literal["auto", "id", "position"] = Field(
        "auto",
        title="Joined by",
        description="By ID, or each cutout to the nearest position; auto takes IDs where it finds them.",
    )
    id_column: str | None = Field(
        None,
        title="Column of IDs",
        json_schema_extra={"empty": "object_id, id …"},
        description="Column of the IDs, if its name is unusual.",
    )
    ra_column: str | None = Field(
        None,
        title="Column of right ascension",
        json_schema_extra={"empty": "ra …"},
        description="Column of the right ascension, if its name is unusual.",
    )
    dec_column: str | None = Field(
        None,
        title="Column of declination",
        json_schema_extra={"empty": "dec …"},
        description="Column of the declination, if its name is unusual.",
    )
    radius_arcsec: float = Field(
        1.0,
        gt=0,
        le=60,
        title="Match radius (arcsec)",
        description="How far the nearest position may lie from a cutout.",
    )
    scale: Literal["as_is", "logistic", "range", "rank"] = Field(
        "as_is",
        title="Values outside 0–1",
        json_schema_extra={
            "words": {
                "as_is": "refuse",
                "logistic": "logistic",
                "range": "by the range",
                "rank": "by the rank",
            }
        },
        description="as_is refuses values outside 0 to 1; logistic is for logits, range stretches the "
        "table's values to 0 to 1, rank takes their order.",
    )
    lower_is_better: bool = Field(
        default=False,
        title="Lower is better",
        description="Whether a low value means a lens: scores are reversed.",
    )
    no_score: float | None = Field(
        None,
        title="No score",
        json_schema_extra={"empty": "none"},
        description="Number that stands for no score, such as -99.",
    )


def scores_from(values: NDArray[np.float64], spec: ScoreTableSpec, *, column: str) -> NDArray[np.float64]:
    """Return scores from 0 to 1, higher for likelier lenses, that keep the order of the values of a column.

    Parameters
    ----------
    values : shape (n,)
        As the table has them; NaN where there is none.
    column
        Its name, for messages.

    Returns
    -------
    float64, shape (n,)
        NaN where there is no finite value. `logistic`: 1 / (1 + exp(-x)); `range`: (x - min) / (max - min),
        0.5 where all are equal; `rank`: (mean rank - 1/2) / n, ranks from 1, equal for equal values.

    Raises
    ------
    InvalidInput
        When values lie outside 0 to 1 and `spec` does not say what to do with them.
    """
    from scipy.special import expit
    from scipy.stats import rankdata

    scores = np.full(len(values), np.nan)
    known = np.isfinite(values)
    finite = values[known]
    if not len(finite):
        return scores
    if spec.scale == "as_is":
        outside = int(count_outside(finite))
        if outside:
            raise InvalidInput(
                f"{outside} of the {len(finite)} values of {column} lie outside 0 to 1 (from "
                f"{finite.min():.6g} to {finite.max():.6g}). Say what they are: --scale logistic for logits, "
                "range or rank for others; --no-score -99 for a number that stands for no score."
            )
        scores[known] = 1.0 - finite if spec.lower_is_better else finite
        return scores
    rising = -finite if spec.lower_is_better else finite
    lowest, highest = rising.min(), rising.max()
    if spec.scale == "logistic":
        scores[known] = expit(rising)
    elif spec.scale == "rank":
        scores[known] = (rankdata(rising) - 0.5) / len(rising)
    elif lowest == highest:
        scores[known] = 0.5
    else:
        half = highest / 2 - lowest / 2  # no range overflows when halved
        scores[known] = np.clip((rising / 2 - lowest / 2) / half, 0.0, 1.0)
    return scores


def count_outside(values: NDArray[np.float64]) -> int:
    """Return how many values lie outside 0 to 1, infinite ones not counted."""
    return int(np.count_nonzero(np.isfinite(values) & ((values < 0.0) | (values > 1.0))))


def best_by_place(
    places: NDArray[np.int64], scores: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], int]:
    """Return the highest score of each place, and how many places have several that differ.

    Parameters
    ----------
    places : shape (n,)
        Place of each row, from 0 below `count`.
    scores : shape (n,)
        NaN where a row has none.

    Returns
    -------
    best : float64, shape (count,)
        NaN where no row of the place has a score.
    """
    best, worst = np.full(count, np.nan), np.full(count, np.nan)
    np.fmax.at(best, places, scores)
    np.fmin.at(worst, places, scores)
    return best, int(np.count_nonzero(best > worst))
