"""Votes fed back: rules, parts, groups, the untouched test part, and what is refused."""

from typing import Any

import numpy as np
import pytest

from lensapp.core.catalogue import feedback_rules
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.errors import BandMismatch, InvalidInput, NotFound
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.split.splits import SplitSpec
from lensapp.learning.feed.dataset_parts import dataset_part
from lensapp.services.catalogue import feedback
from lensapp.services.catalogue.feedback_plans import plan_feedback
from lensapp.services.catalogue.label_origin import read_origin, write_origin
from lensapp.services.inspect.queues import create_review, is_fed_back, review_of_cutouts
from lensapp.services.next_step import round_of
from lensapp.services.split import datasets as dataset_service
from lensapp.services.split.split_tables import fitting_sources
from lensapp.services.split.versions import stored_checksum
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset, Review, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_review, add_source, add_votes, ids_of, pack_source

RULES = FeedbackRules()
IN_ORDER = ReviewSpec(order="given")


@pytest.fixture
def parent(ws: Workspace) -> Dataset:
    add_source(ws)
    return dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())


@pytest.fixture
def field(ws: Workspace) -> Source:
    """Unlabelled cutouts far from those of the dataset."""
    return add_source(ws, "field", count=20, labelled=False, first_ra_deg=200.0)


def members(ws: Workspace, dataset: Dataset) -> Columns:
    return datasets.member_columns(ws.database, dataset.id)


def grade(ws: Workspace, source: Source, grades: dict[str, str | None], *, name: str = "look") -> Review:
    review, ids = add_review(ws, source, name), ids_of(ws, source)
    add_votes(ws, review, "ann", {ids[key]: letter for key, letter in grades.items()})
    return review


def one_of(ws: Workspace, dataset: Dataset, part: str, label: str) -> int:
    held = members(ws, dataset)
    return int(held["cutout_id"][(held["part"] == part) & (held["label"] == label)][0])


def test_grades_become_labels_by_the_rules(ws: Workspace, parent: Dataset, field: Source) -> None:
    grade(ws, field, {"field-000": "A", "field-001": "B", "field-002": "C", "field-003": "X"})
    made = feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    held, ids = members(ws, made), ids_of(ws, field)
    label = dict(zip(held["cutout_id"].tolist(), held["label"], strict=True))
    assert [label.get(ids[f"field-00{k}"]) for k in range(5)] == ["lens", "lens", None, "nonlens", None]
    assert made.name == "sky-v2"
    assert made.parent_id == parent.id
    assert made.source_ids == (*parent.source_ids, field.id)
    assert dataset_service.verify_checksum(ws, made.name) == made.checksum
    new = held["source_id"] == field.id
    assert set(held["part"][new]) == {"train"}
    assert set(held["label_from"][new]) == {"votes:look:ann"}


def test_the_test_part_stays_byte_identical(ws: Workspace, parent: Dataset, field: Source) -> None:
    wrong = one_of(ws, parent, "test", "lens")
    review = add_review(ws, field)
    add_votes(ws, review, "ann", {wrong: "X", **dict.fromkeys(ids_of(ws, field).values(), "A")})
    made = feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    assert made.spec["outcomes"][feedback_rules.IN_TEST] == 1
    before, after = members(ws, parent), members(ws, made)
    for name in before:
        np.testing.assert_array_equal(
            before[name][before["part"] == "test"], after[name][after["part"] == "test"], err_msg=name
        )
    assert made.spec["test_checksum"] == stored_checksum(ws, parent, part="test")
    assert made.spec["test_checksum"] == stored_checksum(ws, made, part="test")


def test_votes_relabel_members_of_training_and_validation(ws: Workspace, parent: Dataset) -> None:
    source = add_source(ws, "other", count=3, labelled=False, first_ra_deg=300.0)
    train, validation = one_of(ws, parent, "train", "lens"), one_of(ws, parent, "validation", "nonlens")
    same = one_of(ws, parent, "train", "nonlens")
    add_votes(ws, add_review(ws, source), "ann", {train: "X", validation: "A", same: "X"})
    made = feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    described = dataset_service.describe_version(ws, made.name)
    assert described.changes is not None
    assert described.changes.relabelled == {"lens → nonlens": 1, "nonlens → lens": 1}
    assert described.changes.added == {}
    assert described.changes.test_unchanged
    held = members(ws, made)
    origin = dict(zip(held["cutout_id"].tolist(), held["label_from"], strict=True))
    assert (origin[train], origin[same]) == ("votes:look:ann", "import")
    with pytest.raises(InvalidInput, match=r"1 confirmed, 2 label kept: relabelling is off"):
        feedback.feed_back(
            ws, dataset_name="sky-v1", review_names=["look"], rules=FeedbackRules(relabel=False)
        )


def test_candidates_that_their_source_labels_otherwise_stay_out_unless_relabelling_is_on(
    ws: Workspace, parent: Dataset
) -> None:
    known = add_source(ws, "known", count=6, lens_every=2, first_ra_deg=200.0)  # lenses are 0, 2 and 4
    grade(
        ws, known, {"known-000": "X", "known-001": "A", "known-002": "A", "known-003": "X", "known-004": "C"}
    )
    careful = FeedbackRules(relabel=False)
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=careful)
    assert plan.outcomes[feedback_rules.LABELLED_OTHERWISE] == 2
    assert plan.added["train"] == {"lens": 1, "nonlens": 1}
    assert plan.overruled == 0
    made = feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=careful)
    ids = ids_of(ws, known)
    assert not np.isin([ids["known-000"], ids["known-001"]], members(ws, made)["cutout_id"]).any()
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    assert plan.added["train"] == {"lens": 2, "nonlens": 2}
    assert plan.overruled == 2


def test_too_few_votes_are_ignored(ws: Workspace, parent: Dataset, field: Source) -> None:
    review, ids = grade(ws, field, {"field-000": "A", "field-001": "A"}), ids_of(ws, field)
    add_votes(ws, review, "bob", {ids["field-001"]: "A"})
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=FeedbackRules(min_votes=2))
    assert plan.outcomes == {"too few votes": 1, "added": 1}
    assert plan.ungraded == 18
    assert plan.inspectors == {"ann": 2, "bob": 1}
    assert plan.added["train"] == {"lens": 1, "nonlens": 0}
    assert plan.columns["outcome"].tolist() == ["too few votes", "added"]
    assert plan.columns["part"].tolist() == ["", "train"]
    assert len(datasets.list_datasets(ws.database)) == 1


def test_scores_alone_never_make_a_label(ws: Workspace, parent: Dataset, field: Source) -> None:
    run = runs.create_run(ws.database, name="r", dataset_id=parent.id, model="m", spec={})
    ids = list(ids_of(ws, field).values())
    stored_scores.add_scores(ws, run.id, field.id, ids, [0.99] * len(ids))
    grade(ws, field, {"field-004": "A"})
    made = feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    assert len(members(ws, made)["cutout_id"]) == len(members(ws, parent)["cutout_id"]) + 1


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_new_members_go_to_training_and_the_asked_share_to_validation(
    ws: Workspace, parent: Dataset, field: Source, share: float
) -> None:
    grade(ws, field, {f"field-{k:03d}": "A" if k < 10 else "X" for k in range(20)})
    rules = FeedbackRules(validation_share=share)
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=rules)
    assert plan.added["validation"] == {"lens": 10 * share, "nonlens": 10 * share}
    assert plan.added["test"] == {"lens": 0, "nonlens": 0}


def position_of(ws: Workspace, dataset: Dataset, part: str) -> dict[str, float]:
    held = datasets.member_columns(ws.database, dataset.id, part=part, extra=("ra_deg", "dec_deg"))
    return {"ra_deg": float(held["ra_deg"][0]) + 3 / 3600, "dec_deg": float(held["dec_deg"][0])}


def test_another_view_of_a_test_object_is_refused_and_reported(ws: Workspace, parent: Dataset) -> None:
    rows = [
        {"candidate_id": "view", **position_of(ws, parent, "test")},
        {"candidate_id": "far", "ra_deg": 99.0, "dec_deg": 9.0},
    ]
    source = add_source(ws, "again", count=2, cutouts=rows)
    grade(ws, source, {"view": "A", "far": "A"})
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    outcome = dict(zip(plan.columns["candidate_id"], plan.columns["outcome"], strict=True))
    assert outcome == {"view": "its object, or a near-duplicate, is in the test part", "far": "added"}


@pytest.mark.parametrize("part", ["train", "validation"])
def test_another_view_joins_the_part_and_group_of_its_object(
    ws: Workspace, parent: Dataset, part: str
) -> None:
    source = add_source(
        ws, "again", count=1, cutouts=[{"candidate_id": "view", **position_of(ws, parent, part)}]
    )
    grade(ws, source, {"view": "A"})
    made = feedback.feed_back(
        ws, dataset_name="sky-v1", review_names=["look"], rules=FeedbackRules(validation_share=0.5)
    )
    held = members(ws, made)
    new = held["source_id"] == source.id
    assert held["part"][new].tolist() == [part]
    assert held["group_id"][new][0] in held["group_id"][~new]


def test_a_view_that_links_two_parts_is_refused(ws: Workspace) -> None:
    rows = [
        {"candidate_id": f"c{k}", "label": ("nonlens", "lens")[k % 2], "ra_deg": k * 15 / 3600, "dec_deg": 0}
        for k in range(60)
    ]  # fmt: skip
    add_source(ws, "row", count=60, cutouts=rows)
    parent = dataset_service.freeze_split(ws, source_names=["row"], spec=SplitSpec())
    part = members(ws, parent)["part"]
    gap = next(k for k in range(59) if {part[k], part[k + 1]} == {"train", "validation"})
    between = {"candidate_id": "between", "ra_deg": (gap + 0.5) * 15 / 3600, "dec_deg": 0.0}
    source = add_source(ws, "again", count=1, cutouts=[between])
    grade(ws, source, {"between": "A"})
    with pytest.raises(InvalidInput, match="1 links objects of different parts or folds"):
        feedback.feed_back(ws, dataset_name="row-v1", review_names=["look"], rules=RULES)


def test_folds_are_continued(ws: Workspace, field: Source) -> None:
    add_source(ws)
    dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec(folds=4))
    grade(ws, field, {f"field-{k:03d}": "A" for k in range(20)})
    made = feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    held = members(ws, made)
    folds = held["fold"][held["source_id"] == field.id].tolist()
    assert sorted(set(folds)) == [0, 1, 2, 3]
    assert {folds.count(k) for k in range(4)} == {5}


def test_versions_chain_and_votes_given_later_change_the_next_one(
    ws: Workspace, parent: Dataset, field: Source
) -> None:
    review, ids = grade(ws, field, {"field-000": "A"}), ids_of(ws, field)
    feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    add_votes(ws, review, "ann", {ids["field-000"]: "X", ids["field-001"]: "B"})
    third = feedback.feed_back(ws, dataset_name="sky-v2", review_names=["look"], rules=RULES)
    changes = dataset_service.describe_version(ws, third.name).changes
    assert changes is not None
    assert (changes.added, changes.relabelled) == ({"train": 1}, {"lens → nonlens": 1})
    assert [v.name for v in dataset_service.list_versions(ws)] == ["sky-v3", "sky-v2", "sky-v1"]


def test_reviews_are_combined_and_named(ws: Workspace, parent: Dataset, field: Source) -> None:
    grade(ws, field, {"field-000": "X"}, name="first")
    second, ids = add_review(ws, field, "second"), ids_of(ws, field)
    add_votes(ws, second, "Bob, the 2nd", {ids["field-000"]: "A"})
    add_votes(ws, second, "çem", {ids["field-000"]: "A"})
    made = feedback.feed_back(ws, dataset_name="sky-v1", review_names=["first", "second"], rules=RULES)
    held = members(ws, made)
    origin = read_origin(held["label_from"][held["source_id"] == field.id][0])
    assert origin == ("votes", ("first", "second"), ("Bob, the 2nd", "ann", "çem"))
    assert held["label"][held["source_id"] == field.id].tolist() == ["lens"]


def test_an_origin_survives_any_inspector_name() -> None:
    people = ("a,b", "a%2Cb", "x:y", "100 %", "é+è")
    assert read_origin(write_origin(["r1", "r2"], people)) == ("votes", ("r1", "r2"), tuple(sorted(people)))
    assert read_origin("import") == ("import", (), ())


@pytest.mark.parametrize(
    ("change", "what"),
    [({"lens_grades": ("A", "X")}, "one label, but X would be lens and non-lens"),
     ({"lens_grades": (), "nonlens_grades": ()}, "at least one grade"),
     ({"lens_grades": ("D",)}, "Lens grades"), ({"min_votes": 0}, "Fewest votes")],
)  # fmt: skip
def test_rules_that_make_no_sense_are_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        FeedbackRules.parse(change)


def test_the_rules_can_be_read() -> None:
    assert FeedbackRules().meanings() == (
        ("grade A or B", "lens"),
        ("grade X", "non-lens"),
        ("grade C", "ignored"),
        ("as many votes against the label as for it, or more", "ignored"),
        ("no vote", "ignored"),
        ("new cutout", "to training, never to test"),
        ("another view of an object that a part holds", "to that part, whatever the fraction"),
        ("cutout of the test part", "stays as it is"),
    )


def test_nothing_to_feed_back_is_refused(ws: Workspace, parent: Dataset, field: Source) -> None:
    with pytest.raises(NotFound, match="'nothing'"):
        feedback.feed_back(ws, dataset_name="sky-v1", review_names=["nothing"], rules=RULES)
    with pytest.raises(InvalidInput, match="no vote to feed back in no review"):
        feedback.feed_back(ws, dataset_name="sky-v1", review_names=[], rules=RULES)
    grade(ws, field, {"field-000": None})
    with pytest.raises(InvalidInput, match="no vote to feed back in look"):
        feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)


def test_only_ignored_grades_change_nothing(ws: Workspace, parent: Dataset, field: Source) -> None:
    grade(ws, field, {"field-000": "C"})
    with pytest.raises(InvalidInput, match="1 grade ignored"):
        feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)


def test_cutouts_of_other_bands_are_refused(ws: Workspace, parent: Dataset) -> None:
    other = add_source(ws, "infrared", bands=("J", "H"), labelled=False, first_ra_deg=70.0)
    grade(ws, other, {"infrared-000": "A"})
    with pytest.raises(BandMismatch, match="sky-v1 reads g, r, and infrared has no g or r; it has J, H"):
        feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)


def test_of_a_source_with_more_bands_those_of_the_version_are_fed_back(ws: Workspace) -> None:
    """Pixels say of which band they are: 100 in g, 200 in r, 300 in i, 400 in z."""
    flux, rng = {"g": 100.0, "r": 200.0, "i": 300.0, "z": 400.0}, np.random.default_rng(2)
    for name, bands, first, labelled in (
        ("sky", ("g", "r", "i"), 10.0, True),
        ("far", ("z", "i", "g", "r"), 50.0, False),
    ):
        pixels = rng.normal(0, 1, (24, 8, 8, len(bands))) + np.array([flux[band] for band in bands])
        rows = [
            {"row": k, "candidate_id": f"{name}-{k}", "ra_deg": first + k, "dec_deg": 0.0,
             "label": ("lens", "nonlens")[k % 2] if labelled else None}
            for k in range(24)
        ]  # fmt: skip
        pack_source(ws, name, pixels.astype(np.float32), rows, bands=bands)
    dataset_service.freeze_split(ws, source_names=["sky"], spec=SplitSpec(near_duplicate_bits=0))
    grade(ws, sources.get_source(ws.database, "far"), {"far-0": "A", "far-1": "X"})
    made = feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)
    assert made.spec["outcomes"] == {feedback_rules.ADDED: 2}
    part = dataset_part(ws, made, "train")
    new = np.isin(part.cutout_ids, list(ids_of(ws, sources.get_source(ws.database, "far")).values()))
    assert np.count_nonzero(new) == 2
    middles = part.cutouts.read(part.rows[new]).mean((1, 2))
    np.testing.assert_allclose(middles, [[100, 200, 300]] * 2, atol=1)


def test_relabelling_may_not_empty_a_class(ws: Workspace, parent: Dataset, field: Source) -> None:
    held = members(ws, parent)
    lenses = held["cutout_id"][(held["part"] == "validation") & (held["label"] == "lens")]
    add_votes(ws, add_review(ws, field), "ann", {int(key): "X" for key in lenses})
    with pytest.raises(InvalidInput, match="no lens in the validation part"):
        feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look"], rules=RULES)


@pytest.mark.parametrize("name", ["field", "look"])
def test_label_builds_on_the_dataset_of_the_run_that_scored(
    ws: Workspace, parent: Dataset, field: Source, name: str
) -> None:
    run = runs.create_run(ws.database, name="r", dataset_id=parent.id, model="m", spec={})
    review, ids = add_review(ws, field, run_id=run.id), ids_of(ws, field)
    add_votes(ws, review, "ann", {ids["field-000"]: "A"})
    made = feedback.label(ws, name=name)
    assert (made["dataset"], made["parent"], made["reviews"]) == ("sky-v2", "sky-v1", ["look"])
    assert made["changes"]["added"] == {"train": 1}
    add_votes(ws, review, "ann", {ids["field-001"]: "X"})
    assert feedback.label(ws, name=name)["parent"] == "sky-v2"


def test_label_takes_a_dataset_and_a_source_within_it(ws: Workspace, parent: Dataset) -> None:
    source = fitting_sources(ws, ["sky"])[0]
    add_votes(ws, add_review(ws, source), "ann", {one_of(ws, parent, "train", "lens"): "X"})
    assert feedback.label(ws, name="sky-v1", new_name="mine")["dataset"] == "mine"
    assert feedback.label(ws, name="sky", dataset_name="sky-v1")["parent"] == "sky-v1"


def test_votes_alone_make_the_first_version_of_a_survey_without_labels(ws: Workspace, field: Source) -> None:
    grade(ws, field, {f"field-{k:03d}": "ACX"[k % 3] for k in range(18)})
    made = feedback.label(ws, name="field")
    assert (made["dataset"], made["parent"]) == ("field-v1", None)
    assert sum(made["counts"][part]["lens"] for part in made["counts"]) == 6
    assert sum(made["counts"][part]["nonlens"] for part in made["counts"]) == 6
    assert dataset_service.verify_checksum(ws, "field-v1") == made["checksum"]


def test_label_names_what_it_does_not_know(ws: Workspace, field: Source) -> None:
    with pytest.raises(NotFound, match=r"called 'nothing'.*field"):
        feedback.label(ws, name="nothing")
    with pytest.raises(InvalidInput, match="no votes on field yet"):
        feedback.label(ws, name="field")


def look_at(ws: Workspace, source: Source, letters: str, *, name: str = "net-false-positives") -> Review:
    """Grade the cutouts that someone opened by a click, the last of the source first."""
    ids = sorted(ids_of(ws, source).values(), reverse=True)[: len(letters)]
    review = review_of_cutouts(ws, name=name, cutout_ids=ids)
    add_votes(ws, review, "ann", dict(zip(ids, letters, strict=True)))
    return review


def added(ws: Workspace, version: str, source: Source) -> list[str]:
    held = members(ws, datasets.get_dataset(ws.database, version))
    return sorted(held["candidate_id"][held["source_id"] == source.id])


def test_votes_in_a_review_of_clicked_cutouts_are_left_out_and_told(
    ws: Workspace, parent: Dataset, field: Source
) -> None:
    grade(ws, field, {"field-000": "A"})
    look_at(ws, field, "AX")
    look_at(ws, field, "AAX", name="like-field-019")
    review_of_cutouts(ws, name="never-graded", cutout_ids=[ids_of(ws, field)["field-003"]])
    report = feedback.label(ws, name="field", dataset_name="sky-v1", new_name="usual")
    assert report["reviews"] == ["look"]
    assert report["left_out"] == "2 ad-hoc reviews are left out; name them to include their votes"
    assert added(ws, "usual", field) == ["field-000"]


def test_a_review_that_is_named_is_fed_back_whatever_it_says(
    ws: Workspace, parent: Dataset, field: Source
) -> None:
    grade(ws, field, {"field-000": "A"})
    look_at(ws, field, "AX")
    alone = feedback.label(ws, name="net-false-positives", dataset_name="sky-v1", new_name="alone")
    assert alone["reviews"] == ["net-false-positives"]
    assert added(ws, "alone", field) == ["field-018", "field-019"]
    both = feedback.label(
        ws, name="field", dataset_name="sky-v1", new_name="both", also=["net-false-positives"]
    )
    assert "left_out" not in both
    assert added(ws, "both", field) == ["field-000", "field-018", "field-019"]


def test_a_source_with_ad_hoc_votes_alone_says_which_review_to_name(
    ws: Workspace, parent: Dataset, field: Source
) -> None:
    look_at(ws, field, "AX")
    with pytest.raises(InvalidInput, match=r"1 ad-hoc review is left out; name it .*: net-false-positives\."):
        feedback.label(ws, name="field", dataset_name="sky-v1")


def test_reviews_saved_before_they_said_so_are_told_by_how_they_were_made(
    ws: Workspace, field: Source
) -> None:
    ids = np.array(sorted(ids_of(ws, field).values()), np.int64)

    def old(name: str, queue: np.ndarray, **spec: object) -> Review:
        return reviews.create_review(
            ws.database, name=name, source_id=field.id, run_id=None, spec=spec, queue=queue
        )

    clicked = old("net-false-negatives", ids[[7, 2, 4]], order="given", limit=3)
    assert not is_fed_back(ws, clicked)
    assert is_fed_back(ws, old("best", ids[::-1], order="score", limit=20))
    assert is_fed_back(ws, old("first", ids[:10], order="given", limit=10))
    assert is_fed_back(ws, old("field-all", ids[::-1], order="given", limit=None))
    assert is_fed_back(ws, old("best-disputed", ids[[7, 2]], order="given", limit=2))
    assert is_fed_back(ws, add_review(ws, field))


def test_an_ordinary_review_is_fed_back_and_can_be_kept_out(ws: Workspace, field: Source) -> None:
    assert is_fed_back(ws, create_review(ws, name="usual", source_name="field", spec=IN_ORDER))
    kept_out = IN_ORDER.replaced(feeds_back=False)
    assert not is_fed_back(ws, create_review(ws, name="training-people", source_name="field", spec=kept_out))


def test_the_stage_of_votes_is_done_by_votes_and_not_by_a_version(
    ws: Workspace, parent: Dataset, field: Source
) -> None:
    grades = {"field-000": "A", "field-003": "X"}
    look = grade(ws, field, grades)
    add_review(ws, field, "later")
    made = feedback.feed_back(ws, dataset_name="sky-v1", review_names=["look", "later"], rules=RULES)
    assert made.spec["reviews"] == ["look"], "nobody voted in the other"

    def is_done(name: str) -> bool:
        stages = round_of(ws, {"source": "field", "review": name}, [], led_by="review").stages
        return next(stage.done for stage in stages if stage.name == "Votes")

    assert (is_done("look"), is_done("later")) == (True, False)
    add_votes(ws, look, "ann", {ids_of(ws, field)[key]: None for key in grades})
    assert not is_done("look"), "all are withdrawn"
