"""What a recipe would read or run from this machine, judged before it is queued."""

from typing import Any

from lensapp.core.train.study_spec import SearchSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.transfer_rules import require_start
from lensapp.services.access.roots import check_readable

FILES_OF_OPTIONS = ("builder", "preset")  # code of a network of one's own, folder of a KerasHub preset


def check_recipe(spec: TrainingSpec) -> None:
    """Refuse a training that cannot start from what its recipe names, or whose files are out of bounds.

    Raises
    ------
    InvalidInput, NotFound
        As `require_start`.
    NotAllowed
        When weights, a preset or the code of an own network lie outside the folders that accounts may read.
    """
    _check_files({"initial_weights": spec.initial_weights} | spec.network_options)
    require_start(spec)


def check_space(spec: SearchSpec) -> None:
    """Refuse a search that would try files out of bounds; raises NotAllowed."""
    for name, choices in spec.space.items():
        for value in getattr(choices, "values", ()):
            _check_files({name.rpartition(".")[2]: value})


def _check_files(options: dict[str, Any]) -> None:
    for name in ("initial_weights", *FILES_OF_OPTIONS):
        named = str(options.get(name) or "")
        if named:
            # What comes before the colon is a module where it is no file: that has no folder to lie in.
            check_readable(named.rpartition(":")[0] if name == "builder" else named)
