"""Which pages are open to which role; services and routes hold the rights themselves."""

from lensapp.core.acting import Role

READING = frozenset(
    ("home", "data", "split", "train", "experiments", "evaluate", "compare", "score", "features", "team",
     "catalogue", "replay")
)  # fmt: skip
WORKING = READING | {"paint", "inspect"}
PAGES_OF: dict[Role, frozenset[str]] = {
    "administrator": WORKING | {"workspace"},
    "scientist": WORKING,
    "inspector": frozenset(("inspect",)),  # labels, scores and the votes of others would sway its own
    "reader": READING,
}
