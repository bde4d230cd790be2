"""What forms and command-line options read off a specification."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.catalogue.negatives_spec import HardNegativesSpec
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.config import Spec, inner_specs, is_fixed, kinds_of
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.paint_spec import PaintSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.train.training_spec import TrainingSpec

LISTS = ("',)", "(('", "['", "[]")  # as Python writes them


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


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 20}, "^.*earning rate must be a number above 0, at most 10, not 20.$"),
        ({"epochs": None}, "^Epochs must be a whole number at least 1, at most 10000; it is empty.$"),
        (
            {"schedule": {"kind": "cosine", "last_fraction": 3}},
            "^Learning rate schedule, Final fraction must be a number",
        ),
        (
            {"schedule": {"kind": "fast"}},
            "^Learning rate schedule must be one of 'constant', 'step', 'cosine', 'one_cycle', 'cyclic', not",
        ),
        (
            {"task": {"kind": "classes", "positive": []}},
            "^Task, Positive classes must have at least 1 entries, not",
        ),
        ({"device": "tpu"}, "^Device: 'tpu' is not possible. .*cpu.*gpu:0"),
        ({"network_options": {"filters": -3}}, "^Options of .*, Filters must be a whole number at least 1"),
        ({"speed": 1}, "^There is no setting 'speed'.$"),
    ],
)
def test_a_refusal_speaks_as_the_form_does(values, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        TrainingSpec.parse(values)


@pytest.mark.parametrize(
    "spec", [CatalogueQuery, FeedbackRules, HardNegativesSpec, IngestSpec, PaintSpec, TrainingSpec]
)
def test_no_refusal_of_several_values_quotes_a_list_of_the_program(spec) -> None:
    refusals = []
    for name in spec.model_fields:
        for given in (["mag_q <"], ["", "?"], []):
            try:
                spec.parse({name: given})
            except InvalidInput as error:
                refusals.append(str(error))
    assert refusals
    assert not [text for text in refusals if any(quoted in text for quoted in LISTS)]


def test_a_condition_that_is_none_is_quoted_once() -> None:
    with pytest.raises(InvalidInput, match="Which of the other non-lenses: 'mag_q <' is no cond") as told:
        PaintSpec.parse({"nonlens_where": ["mag_q <"]})
    assert str(told.value).count("mag_q") == 1
