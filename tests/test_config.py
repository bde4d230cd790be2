"""What forms and command-line options read off a specification."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from lensapp.core.config import Spec, inner_specs, is_fixed, kinds_of
from lensapp.core.training_spec import TrainingSpec


class Near(Spec):
    """One of two alternatives."""

    kind: Literal["near"] = "near"


class Far(Spec):
    """The other."""

    kind: Literal["far", "farther"] = "far"


@pytest.mark.parametrize(
    ("annotation", "kinds"),
    [
        (int, [int]),
        (float | None, [float, type(None)]),
        (Annotated[int | None, Field(gt=0)], [int, type(None)]),
        (Annotated[Near | Far, Field(discriminator="kind")] | None, [Near, Far, type(None)]),
        (tuple[str, ...] | None, [tuple[str, ...], type(None)]),
    ],
)
def test_alternatives_are_found_under_unions_and_annotations(annotation, kinds) -> None:
    assert kinds_of(annotation) == kinds


def test_specifications_are_told_from_plain_values() -> None:
    assert inner_specs(Near | Far | int | None) == [Near, Far]
    assert inner_specs(tuple[str, ...]) == []


def test_only_a_choice_of_one_is_fixed() -> None:
    assert is_fixed(TrainingSpec.model_fields["version"])
    assert is_fixed(Near.model_fields["kind"])
    assert not is_fixed(Far.model_fields["kind"])
    assert not is_fixed(TrainingSpec.model_fields["epochs"])
