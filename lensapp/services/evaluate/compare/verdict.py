"""Which of several runs is best, by how much, and whether that is more than chance, in a sentence or two."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lensapp.core.evaluate.resampling import Difference
from lensapp.core.numerals import true_minus
from lensapp.services.evaluate.compare.side_by_side import SideBySide
from lensapp.services.evaluate.differences import compare_pair
from lensapp.services.evaluate.figure_tables import INTERVAL_NAMES, P_DIGITS, is_smallest, p_equals

LEVEL = 0.05
TPR10 = "tpr10"
FEW = "With fewer than ten false positives (TPR10)"
MOST_NAMED = 3
DIGITS = 4

Named = Callable[[str], str]


@dataclass(frozen=True)
class Verdict:
    """Runs from the best to the worst by one figure, and how each differs from the best.

    Attributes
    ----------
    figure
        One of `lensapp.core.evaluate.resampling.FIGURES`.
    runs
        Names, the best first.
    differences
        Of the best from each other run, in the order of `runs[1:]`.
    p_values
        Of no such difference, corrected for so many comparisons by `holm`.
    """

    figure: str
    runs: tuple[str, ...]
    differences: tuple[Difference, ...]
    p_values: tuple[float, ...]

    @property
    def alike(self) -> tuple[str, ...]:
        """Runs that cannot be told apart from the best."""
        pairs = zip(self.runs[1:], self.p_values, strict=True)
        return tuple(run for run, p_value in pairs if not tells_apart(p_value))


def tells_apart(p_value: float) -> bool:
    """Return whether a p-value is below 0.05 as it is written: 0.050 tells nothing apart."""
    return round(p_value, P_DIGITS) < LEVEL


def verdict(compared: SideBySide, *, figure: str = "auroc") -> Verdict:
    """Rank runs by a figure and test each against the best on the cutouts that all scored."""
    values = [one.intervals[figure].value for one in compared.evaluations]
    best, *others = np.argsort(np.negative(values), kind="stable").tolist()
    by_run = compared.differences_from(best)
    found = [_from_best(by_run[compared.runs[other]], figure) for other in others]
    p_values = holm([one.p_value for one in found])
    ranked = tuple(compared.runs[place] for place in (best, *others))
    return Verdict(figure, ranked, tuple(found), tuple(p_values))


def _from_best(differences: Sequence[Difference], figure: str) -> Difference:
    """Return the difference in a figure of the best from another run, which is told the other way round."""
    one = next(one for one in differences if one.figure == figure)
    return Difference(figure, one.second, one.first, -one.difference, -one.high, -one.low, one.p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in their order.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6, 65.
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable").tolist()):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected


def in_words(told: Verdict, *, named: Named = str) -> str:
    """Return which run is best by a figure, by how much, and whether chance would give as much.

    `named` writes the name of a run.
    """
    name, first, near = INTERVAL_NAMES[told.figure], told.differences[0], told.alike
    best, second = (named(run) for run in told.runs[:2])
    lead = round(first.first, DIGITS) - round(first.second, DIGITS)  # as the two numbers shown differ
    by = (
        f"{name} {_signed(first.first)} against {_signed(first.second)}, a difference of {_signed(lead)} "
        f"(95\u00a0% limits {_signed(first.low)} to {_signed(first.high)}), "
        f"{p_equals(told.p_values[0], at_most=is_smallest(first.p_value))}"
    )
    if len(told.runs) == 2:
        if near:
            return f"{best} and {second} cannot be told apart: {by}."
        return f"{best} is better than {second}: {by}."
    corrected = f"after Holm's correction for {len(told.differences)} comparisons"
    if not near:
        return f"{best} is the best of {len(told.runs)}; against {second}, the next: {by} {corrected}."
    listed = [*map(named, near[:MOST_NAMED])]
    if len(near) > MOST_NAMED:
        listed.append(f"{len(near) - MOST_NAMED} more")
    apart = f"{', '.join(listed[:-1])} and {listed[-1]}" if len(listed) > 1 else listed[0]
    ahead = len(told.differences) - len(near)
    others = "the other" if ahead == 1 else f"the other {ahead}"
    worse = f" It is better than {others}." if ahead else ""
    return (
        f"{best} has the highest {name}, {first.first:.3f}, but cannot be told apart from {apart} "
        f"(p ≥ {LEVEL} {corrected}).{worse}"
    )


def at_few_false_positives(compared: SideBySide, told: Verdict, *, named: Named = str) -> str:
    """Return which run finds most lenses with fewer than ten false positives, beside the best of `told`."""
    values = {one.run: one.intervals[TPR10].value for one in compared.evaluations}
    leading, best = max(values, key=lambda run: values[run]), told.runs[0]
    if values[leading] == values[best]:
        return f"{FEW} no run finds more lenses than {named(best)}: a share of {values[best]:.3f}."
    by_name = {one.run: one for one in compared.evaluations}
    pair = compare_pair(by_name[leading], by_name[best])
    p_value = next(one.p_value for one in pair if one.figure == TPR10)
    surely = "finds more lenses" if tells_apart(p_value) else "finds more lenses, which can be chance"
    return (
        f"{FEW} {named(leading)} {surely}: {values[leading]:.3f} against "
        f"{values[best]:.3f} of {named(best)}, {p_equals(p_value)}."
    )


def _signed(value: float) -> str:
    return true_minus(f"{value:.{DIGITS}f}")
