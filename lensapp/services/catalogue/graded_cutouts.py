"""Graded cutouts: their consensus, the label that feedback rules make of it, and whose votes made it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.catalogue import feedback_rules
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus import Consensus
from lensapp.services.catalogue.label_origin import write_origin
from lensapp.services.inspect.consensus import consensus_of
from lensapp.services.split.split_tables import TABLE_COLUMNS
from lensapp.storage import sources
from lensapp.storage.queries import Columns
from lensapp.storage.records import Review, Vote
from lensapp.storage.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Graded:
    """Cutouts with a consensus, one entry each, ordered by cutout.

    Attributes
    ----------
    consensus
        Grade, mean, scatter and votes.
    columns
        What decides which cutouts belong together (TABLE_COLUMNS).
    label, reason
        The label that the rules ask for, or None and why there is none.
    origin
        Whose votes made it, as a member's `label_from`.
    inspectors
        Name -> number of their votes that count.
    """

    consensus: Consensus
    columns: Columns
    label: NDArray[Any]
    reason: NDArray[Any]
    origin: NDArray[Any]
    inspectors: dict[str, int]


def graded_cutouts(
    ws: Workspace, found: Sequence[Review], votes: Sequence[Vote], rules: FeedbackRules
) -> Graded:
    """Return the consensus of votes and the labels that the rules make of it.

    Raises
    ------
    InvalidInput
        When no vote counts.
    """
    consensus = consensus_of(ws, votes, rules)
    if not len(consensus):
        names = ", ".join(review.name for review in found) or "no review"
        raise InvalidInput(f"Expected votes to feed back, received none in {names}. Grade candidates first.")
    cutouts = sources.get_cutouts(ws.database, consensus.cutout_id.tolist())
    columns: Columns = {}
    for name in TABLE_COLUMNS:
        values = [getattr(cutout, name) for cutout in cutouts]
        columns[name] = np.empty(len(values), object)
        columns[name][:] = values
    for name in ("ra_deg", "dec_deg"):
        columns[name] = np.array([np.nan if v is None else v for v in columns[name]], np.float64)
    label, reason = feedback_rules.wanted_labels(consensus.grade, consensus.votes, rules)
    counted = [votes[place] for place in consensus.counted.tolist()]
    return Graded(
        consensus=consensus,
        columns=columns,
        label=label,
        reason=reason,
        origin=_origins(found, counted, consensus),
        inspectors=dict(Counter(vote.inspector for vote in counted)),
    )


def _origins(found: Sequence[Review], counted: Sequence[Vote], consensus: Consensus) -> NDArray[Any]:
    names = {review.id: review.name for review in found}
    origin = np.empty(len(consensus), object)
    start = 0
    for place, count in enumerate(consensus.votes.tolist()):
        cast = counted[start : start + count]
        origin[place] = write_origin([names[vote.review_id] for vote in cast], consensus.inspectors[place])
        start += count
    return origin
