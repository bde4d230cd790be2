"""What cannot be measured on a part of a dataset version, because it holds too few cutouts of a class."""

import math

from lensapp.core.evaluate.intervals import largest_half_width, trials_for
from lensapp.core.evaluate.metrics import NEGATIVES_EXPECTED
from lensapp.core.plurals import counted
from lensapp.core.split.splits import LABELS, PARTS
from lensapp.services.split.versions import Counts

COARSE, FAIR, FINE = 0.2, 0.15, 0.1  # largest errors of a completeness
LEAST_FPR = 0.01  # at which completeness is often told
MEASURED = {PARTS[1]: "an epoch or a threshold is chosen by chance", PARTS[2]: "networks are hard to compare"}
LARGEST_SHARE = 0.5


def too_few(counts: Counts) -> tuple[str, ...]:
    """Return what so few validation or test cutouts cannot tell, and how many could; a sentence or two each.

    A part without any cutouts was not asked for, and a class that no part has is told elsewhere.
    """
    totals = {label: sum(part.get(label, 0) for part in counts.values()) for label in LABELS}
    said = []
    for part, consequence in MEASURED.items():
        lenses, nonlenses = (counts.get(part, {}).get(label, 0) for label in LABELS)
        if not lenses + nonlenses or not all(totals.values()):
            continue
        if lenses < trials_for(COARSE):
            wanted = trials_for(FAIR)
            said.append(
                f"The {part} part holds {counted(lenses, 'lens')}: {_of_completeness(lenses)}, so "
                f"{consequence}. {wanted} lenses tell it to ±\u202f{FAIR:.2f}, {trials_for(FINE)} to "
                f"±\u202f{FINE:.2f}. {_remedy(wanted, totals[LABELS[0]], 'lenses')}"
            )
        if nonlenses * LEAST_FPR < 1:
            wanted = round(NEGATIVES_EXPECTED / LEAST_FPR)
            said.append(
                f"The {part} part holds {counted(nonlenses, 'non-lens')}: {_of_false_positives(nonlenses)}. "
                f"A rate of {LEAST_FPR:g} takes {wanted} non-lenses. "
                f"{_remedy(wanted, totals[LABELS[1]], 'non-lenses')}"
            )
    return tuple(said)


def untold_rate(nonlenses: int, *, rate: float = LEAST_FPR) -> str:
    """Return that so few non-lenses cannot tell a false positive rate; nothing where they can."""
    return (
        "" if nonlenses * rate >= 1 else f"{counted(nonlenses, 'non-lens')}: {_of_false_positives(nonlenses)}"
    )


def _of_completeness(lenses: int) -> str:
    if not lenses:
        return "completeness cannot be measured"
    error = f"completeness is known to ±\u202f{largest_half_width(lenses):.2f} at worst (95 %)"
    return f"{error}, in steps of {1 / lenses:.2f}" if lenses > 1 else error


def _of_false_positives(nonlenses: int) -> str:
    if not nonlenses:
        return "purity and false positive rate cannot be measured"
    return f"no false positive rate below {1 / nonlenses:.2g} can be told from 0"


def _remedy(wanted: int, total: int, plural: str) -> str:
    """Return how a part comes to hold so many cutouts of a class."""
    if wanted > LARGEST_SHARE * total:
        return f"All parts together have {total}: add labelled {plural}."
    return f"A part of {math.ceil(100 * wanted / total)} % would hold as many."
