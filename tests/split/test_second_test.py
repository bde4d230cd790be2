"""A second test part: lenses that no training of the workspace ever sees, whichever way they come."""

import numpy as np
import pytest

from lensapp.core.catalogue import feedback_rules
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.catalogue.negatives_spec import HardNegativesSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.split.duplicates import looks_like_any
from lensapp.core.split.folds import Fold
from lensapp.core.split.splits import SECOND_TEST, SplitSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.catalogue import feedback
from lensapp.services.catalogue.feedback_plans import plan_feedback
from lensapp.services.catalogue.hard_negatives import add_hard_negatives
from lensapp.services.split.datasets import describe_dataset, freeze_split, verify_checksum
from lensapp.services.split.leakage import dataset_leaks
from lensapp.services.split.previews import preview_split
from lensapp.services.split.second_test import OF_SECOND_TEST
from lensapp.services.train.runs import check_start, start_training
from lensapp.storage import datasets, runs
from lensapp.storage.records import Dataset, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_review, add_source, add_votes, ids_of

SPEC = SplitSpec(near_duplicate_bits=0)
REAL = 12


@pytest.fixture
def real(ws: Workspace) -> Source:
    """Twelve real lenses; the fourth lies where the survey has one too, the fifth has an ID of the survey."""
    add_source(ws)
    cutouts = [
        {
            "candidate_id": "sky-021" if row == 5 else f"real-{row}",
            "ra_deg": 10.09 if row == 4 else 150.0 + row,  # sky-009 lies at 10.09
            "dec_deg": 0.0,
            "label": "lens",
            "pixels_digest": f"{row:064x}",
            "properties": {},
        }
        for row in range(REAL)
    ]
    return add_source(ws, "real", count=REAL, cutouts=cutouts)


@pytest.fixture
def version(ws: Workspace, real: Source) -> Dataset:
    return freeze_split(ws, source_names=["sky"], spec=SPEC, second_test=[real.name])


def in_parts(ws: Workspace, dataset: Dataset) -> dict[str, list[str]]:
    members = datasets.member_columns(ws.database, dataset.id)
    return {
        part: members["candidate_id"][members["part"] == part].tolist()
        for part in set(members["part"].tolist())
    }


def test_a_version_keeps_its_second_test_part_apart_from_all_others(ws: Workspace, version: Dataset) -> None:
    parts = in_parts(ws, version)
    assert len(parts[SECOND_TEST]) == REAL
    assert version.counts[SECOND_TEST] == {"lens": REAL, "nonlens": 0}
    others = [name for part, names in parts.items() if part != SECOND_TEST for name in names]
    assert len(others) == 58  # of 60: one at the place, one with the ID of a real lens
    assert {"sky-009", "sky-021"}.isdisjoint(others)
    assert describe_dataset(ws, version)["second_test"] == ["real"]
    assert verify_checksum(ws, version.name) == version.checksum
    leaks = dataset_leaks(ws, version, group_radius_arcsec=10.0, near_duplicate_bits=0)
    assert [leak["cutouts"] for leak in leaks] == [{}, {}, {}]


def test_a_preview_says_what_the_second_test_part_takes_from_the_others(ws: Workspace, real: Source) -> None:
    preview = preview_split(ws, source_names=["sky"], spec=SPEC, second_test=[real.name])
    assert preview.left_out == {f"labelled {OF_SECOND_TEST!r}": 2}
    assert preview.second is not None
    assert len(preview.second["id"]) == REAL


def test_neither_folds_nor_parts_to_learn_from_hold_it(ws: Workspace, version: Dataset) -> None:
    second = set(in_parts(ws, version)[SECOND_TEST])
    for part in ("train", "validation"):
        for fold in (None, Fold(1, 3, 0)):
            members = datasets.part_members(ws.database, version.id, part, fold=fold)
            assert second.isdisjoint(members["candidate_id"].tolist())
    held = datasets.part_members(ws.database, version.id, SECOND_TEST, fold=Fold(1, 3, 0))
    assert set(held["candidate_id"].tolist()) == second


def test_later_versions_leave_its_objects_out_though_they_do_not_name_it(
    ws: Workspace, version: Dataset
) -> None:
    later = freeze_split(ws, source_names=["sky"], spec=SPEC, name="later")
    held = [name for names in in_parts(ws, later).values() for name in names]
    assert {"sky-009", "sky-021"}.isdisjoint(held)
    assert SECOND_TEST not in later.counts
    with pytest.raises(InvalidInput, match="12 object of a second test part"):
        freeze_split(ws, source_names=["real"], spec=SPEC)
    assert version.name != later.name


def test_votes_cannot_feed_it_back(ws: Workspace, version: Dataset, real: Source) -> None:
    fresh = add_source(ws, "fresh", count=4, labelled=False, first_ra_deg=151.0 + 1e-4)  # the first at real-1
    ids = ids_of(ws, fresh)
    review = add_review(ws, fresh, "look")
    add_votes(ws, review, "ann", dict.fromkeys(ids.values(), "A"))
    of_real = add_review(ws, real, "known")
    add_votes(ws, of_real, "ann", dict.fromkeys(ids_of(ws, real).values(), "X"))
    plan = plan_feedback(ws, dataset_name=version.name, review_names=["look", "known"], rules=FeedbackRules())
    assert plan.outcomes == {
        feedback_rules.ADDED: 3,
        feedback_rules.OBJECT_IN_SECOND_TEST: 1,
        feedback_rules.IN_SECOND_TEST: REAL,
    }
    made = feedback.feed_back(
        ws, dataset_name=version.name, review_names=["look", "known"], rules=FeedbackRules()
    )
    assert made.counts[SECOND_TEST] == {"lens": REAL, "nonlens": 0}
    assert in_parts(ws, made)[SECOND_TEST] == in_parts(ws, version)[SECOND_TEST]
    assert "fresh-000" not in in_parts(ws, made)["train"]
    assert made.spec["second_test"] == ["real"]
    assert verify_checksum(ws, made.name) == made.checksum


def test_votes_do_not_bring_it_into_the_version_of_another_survey(
    ws: Workspace, version: Dataset, real: Source
) -> None:
    add_source(ws, "other", first_ra_deg=300.0)
    other = freeze_split(ws, source_names=["other"], spec=SPEC)
    review = add_review(ws, real, "known")
    add_votes(ws, review, "ann", dict.fromkeys(ids_of(ws, real).values(), "A"))
    plan = plan_feedback(ws, dataset_name=other.name, review_names=["known"], rules=FeedbackRules())
    assert plan.outcomes == {feedback_rules.OBJECT_IN_SECOND_TEST: REAL}
    with pytest.raises(InvalidInput, match="no lens in the train part"):
        feedback.freeze_votes(ws, review_names=["known"], rules=FeedbackRules(), spec=SPEC)
    assert version.counts[SECOND_TEST]["lens"] == REAL


def test_a_version_frozen_before_is_not_trained_on_any_more(ws: Workspace, real: Source) -> None:
    before = freeze_split(ws, source_names=["sky"], spec=SPEC, name="before")
    start_training(ws, dataset_name="before", spec=TrainingSpec(), name="early")
    after = freeze_split(ws, source_names=["sky"], spec=SPEC, name="after", second_test=[real.name])
    learned = [name for part in ("train", "validation") for name in in_parts(ws, before)[part]]
    seen = len({"sky-009", "sky-021"} & set(learned))
    assert seen  # by the seed
    with pytest.raises(InvalidInput, match=f"^{seen} cutouts in the training and validation parts of before"):
        start_training(ws, dataset_name="before", spec=TrainingSpec())
    check_start(ws, after, TrainingSpec())
    with pytest.raises(InvalidInput, match=f"early has learned from {seen} cutouts that show objects"):
        check_start(ws, after, TrainingSpec(initial_run="early"))


def test_a_run_that_went_on_from_one_that_saw_it_is_no_start_either(ws: Workspace, real: Source) -> None:
    before = freeze_split(ws, source_names=["sky"], spec=SPEC, name="before")
    early = runs.create_run(
        ws.database, name="early", dataset_id=before.id, model="elu_cnn", spec=TrainingSpec().saved()
    )
    after = freeze_split(ws, source_names=["sky"], spec=SPEC, name="after", second_test=[real.name])
    runs.create_run(
        ws.database, name="late", dataset_id=after.id, model="elu_cnn", spec=TrainingSpec().saved(),
        initial_run_id=early.id,
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="early has learned from"):
        check_start(ws, after, TrainingSpec(initial_run="late"))


def test_a_source_cannot_be_both_and_needs_lenses(ws: Workspace, real: Source) -> None:
    with pytest.raises(InvalidInput, match="sky cannot be training and second test part at once"):
        freeze_split(ws, source_names=["sky"], spec=SPEC, second_test=["sky"])
    add_source(
        ws, "blank", count=4, cutouts=[{"candidate_id": f"b{k}", "label": "nonlens"} for k in range(4)]
    )
    with pytest.raises(InvalidInput, match="No cutout of blank is labelled lens"):
        freeze_split(ws, source_names=["sky"], spec=SPEC, second_test=["blank"])
    assert real.name == "real"
    assert np.array(datasets.list_datasets(ws.database)).size == 0


def test_a_source_without_labels_is_one_of_lenses(ws: Workspace, real: Source) -> None:
    add_source(ws, "known", count=4, labelled=False, first_ra_deg=250.0)
    made = freeze_split(ws, source_names=["sky"], spec=SPEC, second_test=["known"])
    assert made.counts[SECOND_TEST] == {"lens": 4, "nonlens": 0}
    assert real.name == "real"


def test_hard_negatives_do_not_bring_it_in(ws: Workspace, real: Source) -> None:
    cutouts = [
        {
            "candidate_id": f"wrong-{row}",
            "ra_deg": 153.0 if row == 0 else 270.0 + row,  # real-3 lies at 153
            "dec_deg": 0.0,
            "label": "nonlens",
            "pixels_digest": f"{row + 500:064x}",
            "properties": {},
        }
        for row in range(5)
    ]
    wrong = add_source(ws, "wrong", count=5, cutouts=cutouts)
    made = freeze_split(ws, source_names=["sky"], spec=SPEC, second_test=[real.name])
    run = runs.create_run(ws.database, name="net", dataset_id=made.id, model="simple_cnn", spec={})
    ids = list(ids_of(ws, wrong).values())
    stored_scores.add_scores(ws, run.id, wrong.id, ids, [0.9, 0.8, 0.7, 0.6, 0.5])
    told = add_hard_negatives(
        ws, dataset_name=made.name, source_name="wrong", run_name="net", spec=HardNegativesSpec(min_score=0.1)
    )
    assert told["refused"] == {feedback_rules.OBJECT_IN_SECOND_TEST: 1}
    assert told["second_test"] == ["real"]
    later = datasets.get_dataset(ws.database, told["dataset"])
    assert later.counts[SECOND_TEST] == {"lens": REAL, "nonlens": 0}
    assert "wrong-0" not in in_parts(ws, later)["train"]


def test_look_alikes_are_those_of_a_kept_lens_and_not_those_of_its_look_alikes() -> None:
    # Each hash differs in two bits from the one before: a chain from the first to the last.
    hashes = ["ff00", "fc00", "f000", None, "0000"]
    assert looks_like_any(hashes, ["ff00", None], bits=3).tolist() == [True, True, False, False, False]
    assert looks_like_any(hashes, [], bits=3).tolist() == [False] * 5


def test_images_that_look_like_a_kept_lens_take_no_part(ws: Workspace) -> None:
    rows = [
        {"candidate_id": f"a{k}", "ra_deg": 5.0 + k, "dec_deg": 0.0, "label": ("lens", "nonlens")[k % 2],
         "pixels_digest": f"{k:064x}", "perceptual_hash": f"{(k + 2) * 0x9E3779B97F4A7C15 % 2**64:016x}"}
        for k in range(40)
    ]  # fmt: skip
    rows[0]["perceptual_hash"], rows[1]["perceptual_hash"] = "0000000000000003", "000000000000001f"
    add_source(ws, "sky", count=40, cutouts=rows)
    add_source(ws, "real", cutouts=[{"candidate_id": "r", "label": "lens", "perceptual_hash": "0" * 16}])
    preview = preview_split(ws, source_names=["sky"], spec=SplitSpec(), second_test=["real"])
    assert preview.left_out == {f"labelled {OF_SECOND_TEST!r}": 1}  # 2 bits away; the next is 5 bits away
