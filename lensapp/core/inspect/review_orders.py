"""The orders in which a review can show its candidates: one row each.

To add an order, add a row here and a function of the same name in `lensapp.services.inspect.acquisition`;
forms, options, the gallery and replays read this table.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

Need = Literal["scores", "run", "features", "passes", "several runs", "grades"]


@dataclass(frozen=True)
class ReviewOrder:
    """One order.

    Attributes
    ----------
    label
        What comes first, for readers.
    needs
        What must be there before: "scores" means that candidates without one are not shown, "run" a run of
        any kind, "features" and "passes" (Monte-Carlo dropout) what was stored of that run, "several runs"
        a committee, "grades" candidates graded A or B.
    replayed
        Whether replays draw it beside the others.
    """

    label: str
    needs: frozenset[Need] = frozenset()
    replayed: bool = True

    @property
    def needs_run(self) -> bool:
        """Whether the order cannot be made without choosing a run."""
        return not self.needs.isdisjoint(("scores", "run", "features", "passes"))


def _order(label: str, *needs: Need, replayed: bool = True) -> ReviewOrder:
    return ReviewOrder(label, frozenset(needs), replayed)


ORDERS = {
    "score": _order("highest score first", "scores"),
    "random": _order("random order", replayed=False),
    "uncertain": _order("nearest to the uncertain score first", "scores", replayed=False),
    "given": _order("as imported", replayed=False),
    "column": _order("by a column of the catalogue", replayed=False),
    "entropy": _order("highest entropy first", "run"),
    "margin": _order("smallest margin first", "run", replayed=False),
    "committee": _order("committee disagreement first", "several runs"),
    "bald": _order("highest BALD first (Monte-Carlo dropout)", "passes"),
    "diverse": _order("diverse batches of high scores", "scores", "features"),
    "similar": _order("similar to the last lenses", "features", "grades"),
}
FREE_ORDERS = tuple(name for name, order in ORDERS.items() if not order.needs)

if TYPE_CHECKING:
    Order = str
else:
    Order = Literal[tuple(ORDERS)]  # what a specification may name
