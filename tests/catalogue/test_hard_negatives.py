"""Known non-lenses that a run takes for lenses, added to the next version."""

import json
from typing import Any

import numpy as np
import pytest

from lensapp.cli import main
from lensapp.core.catalogue.feedback_rules import BETWEEN_PARTS, OBJECT_IN_TEST
from lensapp.core.catalogue.negatives_spec import HardNegativesSpec
from lensapp.core.errors import BandMismatch, InvalidInput, NotFound
from lensapp.core.split.splits import SplitSpec
from lensapp.services.catalogue.hard_negatives import (
    add_hard_negatives,
    none_placed_words,
    plan_hard_negatives,
)
from lensapp.services.split import datasets as dataset_service
from lensapp.storage import datasets, runs
from lensapp.storage.records import Dataset, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.hard_negatives import scores_in_words
from support.small_surveys import add_review, add_source, add_votes, ids_of

TYPES = ("Spiral", "Spiral", "Spiral", "Ring", "Merger")


@pytest.fixture
def parent(ws: Workspace) -> Dataset:
    add_source(ws)
    return dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())


def objects(ws: Workspace, **settings: Any) -> Source:
    """Twenty cutouts: every fifth a lens, then as many of no label; the others known non-lenses by class."""
    labels = ["lens", None, "nonlens", "nonlens", "nonlens"]
    cutouts = [
        {
            "candidate_id": f"field-{row:03d}",
            "ra_deg": 200 + row * 0.01,
            "dec_deg": 0.0,
            "label": labels[row % 5],
            "object_class": TYPES[row % 5],
            "pixels_digest": f"{row + 900:064x}",
            "properties": {"morphology": "disc" if row < 10 else ""},
        }
        for row in range(20)
    ]
    return add_source(ws, "field", cutouts=cutouts, **settings)


@pytest.fixture
def scored(ws: Workspace, parent: Dataset) -> Source:
    """The later a cutout, the higher its score."""
    field = objects(ws)
    run = runs.create_run(ws.database, name="net", dataset_id=parent.id, model="simple_cnn", spec={})
    ids = list(ids_of(ws, field).values())
    stored_scores.add_scores(ws, run.id, field.id, ids, np.linspace(0.05, 1, 20).tolist())
    return field


def add(ws: Workspace, **settings: Any) -> dict[str, Any]:
    return add_hard_negatives(
        ws, dataset_name="sky-v1", source_name="field", run_name="net", spec=HardNegativesSpec(**settings)
    )


def added_to(ws: Workspace, name: str, field: Source) -> list[int]:
    """Return the numbers of the field's cutouts that a version holds."""
    held = datasets.member_columns(ws.database, datasets.get_dataset(ws.database, name).id)
    new = held["source_id"] == field.id
    assert set(held["label"][new]) == {"nonlens"}
    assert set(held["part"][new]) <= {"train", "validation"}
    return sorted(int(key[-3:]) for key in held["candidate_id"][new])


def test_the_highest_scored_known_nonlenses_are_added_and_nothing_else(ws, parent, scored):
    made = add(ws, count=4)
    assert added_to(ws, made["dataset"], scored) == [14, 17, 18, 19]  # 15 is a lens, nobody knows 16
    assert made["lowest_score"] == pytest.approx(0.05 * 15)
    assert made["added"] == {"Merger": 2, "Ring": 1, "Spiral": 1}
    version = datasets.get_dataset(ws.database, made["dataset"])
    assert (version.name, version.parent_id) == ("sky-v2", parent.id)
    assert dataset_service.verify_checksum(ws, version.name) == version.checksum
    before, after = (datasets.member_columns(ws.database, one.id, part="test") for one in (parent, version))
    assert before["cutout_id"].tolist() == after["cutout_id"].tolist()


def test_nothing_is_added_twice(ws, parent, scored):
    add(ws, count=100)
    with pytest.raises(InvalidInput, match="12 in the dataset"):
        add_hard_negatives(
            ws, dataset_name="sky-v2", source_name="field", run_name="net", spec=HardNegativesSpec()
        )


def test_classes_share_evenly_or_are_chosen(ws, parent, scored):
    assert added_to(ws, add(ws, count=3, even_classes=True)["dataset"], scored) == [17, 18, 19]
    assert add(ws, count=6, even_classes=True)["added"] == {"Merger": 2, "Ring": 2, "Spiral": 2}
    assert add(ws, classes=("Ring",))["added"] == {"Ring": 4}
    assert add(ws, classes=("disc",), class_column="morphology")["added"] == {"disc": 6}
    assert added_to(ws, add(ws, min_score=0.9)["dataset"], scored) == [17, 18, 19]


def test_grades_and_what_inspectors_named_come_before_labels_and_columns(ws, parent, scored):
    review, ids = add_review(ws, scored), ids_of(ws, scored)
    grades = {"field-019": "A", "field-018": "C", "field-016": "X", "field-015": "X"}
    add_votes(ws, review, "ann", {ids[key]: grade for key, grade in grades.items()})
    made = add(ws, count=3)
    assert added_to(ws, made["dataset"], scored) == [15, 16, 17]
    held = datasets.member_columns(ws.database, datasets.get_dataset(ws.database, made["dataset"]).id)
    origins = dict(zip(held["candidate_id"], held["label_from"], strict=True))
    assert [origins["field-016"], origins["field-017"]] == ["votes:look:ann", "import"]
    asked = {"dataset_name": "sky-v1", "source_name": "field", "run_name": "net"}
    plan = plan_hard_negatives(ws, **asked, spec=HardNegativesSpec(count=3))
    assert plan.graded == 2  # Votes adds these as well


def test_where_all_are_held_nothing_that_is_done_is_advised(ws, parent, scored):
    made = add(ws, count=100)
    with pytest.raises(InvalidInput, match=r"in the dataset already.*more of the source\.$") as refusal:
        add_hard_negatives(
            ws,
            dataset_name=made["dataset"],
            source_name="field",
            run_name="net",
            spec=HardNegativesSpec(),
        )
    assert "score" not in str(refusal.value)


def test_what_cannot_be_used_is_said(ws, parent, scored):
    with pytest.raises(InvalidInput, match=r"is left to add: .* Its classes are Merger \(4\), Ring \(4\)"):
        add(ws, classes=("Disc",))
    with pytest.raises(
        InvalidInput, match=r"is left to add: 8 of a class that was not chosen, 4 with a score below 1\."
    ):
        add(ws, classes=("Spiral",), min_score=1.0)
    with pytest.raises(NotFound):
        add_hard_negatives(
            ws, dataset_name="sky-v1", source_name="field", run_name="no", spec=HardNegativesSpec()
        )
    other = add_source(ws, "other", bands=("g",))
    run = runs.get_run(ws.database, "net")
    ids = list(ids_of(ws, other).values())
    stored_scores.add_scores(ws, run.id, other.id, ids, [0.5] * len(ids))
    with pytest.raises(BandMismatch):
        add_hard_negatives(
            ws, dataset_name="sky-v1", source_name="other", run_name="net", spec=HardNegativesSpec()
        )


def test_the_command_adds_them(ws, parent, scored, capsys, monkeypatch):
    monkeypatch.setenv("LENSAPP_DATABASE_URL", f"sqlite:///{ws.folder.parent / 'w.db'}")
    words = ["negatives", "field", "--run", "net", "--dataset", "sky-v1", "--as", "hard", "--count", "2"]
    assert main(["--workspace", str(ws.folder), *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["added"] == {"Merger": 1, "Ring": 1}
    assert added_to(ws, "hard", scored) == [18, 19]


def test_why_no_part_takes_the_hardest_nonlenses_is_said_in_sentences():
    assert none_placed_words({OBJECT_IN_TEST: 16}, source_name="sky") == (
        "No further non-lens of sky can be added. Of the 16 with the highest scores all show an object "
        "that the test part holds, or look like one of its cutouts. Take another source."
    )
    assert "Of the 3 with the highest scores 2 show an object that" in none_placed_words(
        {OBJECT_IN_TEST: 2, BETWEEN_PARTS: 1}, source_name="sky"
    )
    assert none_placed_words({OBJECT_IN_TEST: 1}, source_name="sky").startswith(
        "The only non-lens of sky left is kept out of training: its object, or a near-duplicate, is in the"
    )


def test_one_hard_negative_has_one_score() -> None:
    assert scores_in_words([0.347], "r") == "Score by r: 0.347."
    assert scores_in_words([0.347, 0.347], "r") == "Score by r: 0.347 each."
    assert scores_in_words([0.912, 0.347], "r") == "Scores by r from 0.912 down to 0.347."
