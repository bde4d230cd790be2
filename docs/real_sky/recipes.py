"""What is trained on what, with which network, and how much of it."""

from dataclasses import dataclass

SAMPLES = ("sled_ps1", "sled_ps1_fields")
BANDS, SIZE, SCALE_ARCSEC = "g,r,i", 32, 0.25
FIELD_SIZE = 120
NETWORKS = {
    "ours": "--preset OURS",
    "S5": "--preset S5 --class-weights balanced --batch-momentum 0.9",
}
# Recipes of which one network serves all fields, and those with one for each fold, trained on the others.
WHOLE = {
    "demo": "the demo survey",
    "preset": "the simulated Pan-STARRS1 survey",
    "painted": "that, arcs painted on its galaxies, and objects of its fields",
}
FOLDED = {
    "hosts": "painted, gone on with arcs on real galaxies and real non-lenses",
    "tuned": "painted, gone on with real lenses and real non-lenses",
}
RECIPES = WHOLE | FOLDED


@dataclass(frozen=True)
class Effort:
    """How much is simulated and trained.

    Attributes
    ----------
    count, painted, fields
        Simulated cutouts, arcs painted on them, and simulated fields in which objects are found.
    on_real
        Arcs painted on the real galaxies of all folds but one.
    epochs, more_epochs
        Of networks that begin anew, and of those that go on with real images.
    images
        At most so many of the real images are read.
    """

    count: int
    painted: int
    fields: int
    on_real: int
    epochs: int
    more_epochs: int
    seeds: tuple[int, ...]
    networks: tuple[str, ...]
    folds: int
    images: int | None


FULL = Effort(
    count=4000,
    painted=2000,
    fields=3600,
    on_real=300,
    epochs=12,
    more_epochs=15,
    seeds=(0, 1, 2),
    networks=("ours", "S5"),
    folds=4,
    images=None,
)
QUICK = Effort(
    count=128,
    painted=64,
    fields=48,
    on_real=32,
    epochs=1,
    more_epochs=1,
    seeds=(0,),
    networks=("S5",),
    folds=2,
    images=40,
)
