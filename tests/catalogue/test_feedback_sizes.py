"""Grades of cutouts that are larger than those of the dataset version: their middle is fed back."""

from collections.abc import Iterator

import numpy as np
import pytest

from lensapp.cli import main
from lensapp.core.catalogue.feedback_rules import ADDED, OBJECT_IN_TEST
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.catalogue.negatives_spec import HardNegativesSpec
from lensapp.core.data.fingerprints import perceptual_hash, pixel_digest
from lensapp.core.errors import BandMismatch, SizeMismatch
from lensapp.core.split.splits import SplitSpec
from lensapp.learning.feed.dataset_parts import dataset_part
from lensapp.services.catalogue import feedback
from lensapp.services.catalogue.feedback_plans import plan_feedback
from lensapp.services.catalogue.hard_negatives import add_hard_negatives
from lensapp.services.split.datasets import freeze_split, verify_checksum
from lensapp.services.split.leakage import dataset_leaks
from lensapp.storage import datasets, runs, sources
from lensapp.storage.records import Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_review, add_votes, ids_of, pack_source

CROPPED = FeedbackRules(crop=True)
LARGE = np.random.default_rng(4).normal(0, 1, (6, 14, 14, 3)).astype(np.float32)


def pack(ws: Workspace, name: str, pixels: np.ndarray, *, labels: bool = False) -> Source:
    """Pack cutouts without positions, as an import does: objects are known again by their pixels alone."""
    rows = [
        {
            "row": row,
            "candidate_id": f"{name}-{row:02d}",
            "label": ("lens" if row % 2 else "nonlens") if labels else None,
            "perceptual_hash": perceptual_hash(image),
            "pixels_digest": pixel_digest(image),
            "properties": {},
        }
        for row, image in enumerate(pixels)
    ]
    return pack_source(ws, name, pixels, rows, kind="import")


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Version sky-v1 of 10×10 pixels; "large" has 14×14, the first with the middle of a test cutout."""
    folder = tmp_path_factory.mktemp("sizes")
    workspace = Workspace.open(folder / "w", database_url=f"sqlite:///{folder / 'w.db'}")
    rng = np.random.default_rng(5)
    small = rng.normal(0, 1, (24, 10, 10, 3)).astype(np.float32)
    sky = pack(workspace, "sky", small, labels=True)
    freeze_split(workspace, source_names=["sky"], spec=SplitSpec(near_duplicate_bits=0))
    test = datasets.member_columns(workspace.database, 1, part="test")["row"][0]
    large = LARGE.copy()
    large[0, 2:12, 2:12] = small[test]
    wide = pack(workspace, "large", large)
    pack(workspace, "little", rng.normal(0, 1, (4, 6, 6, 3)).astype(np.float32))
    ids = ids_of(workspace, wide)
    grades = dict(zip(sorted(ids.values()), "AAXXCA", strict=True))
    add_votes(workspace, add_review(workspace, wide, "wide"), "ann", grades)
    run = runs.create_run(workspace.database, name="net", dataset_id=1, model="m", spec={})
    stored_scores.add_scores(workspace, run.id, wide.id, list(grades), [0.1, 0.2, 0.9, 0.8, 0.4, 0.5])
    assert sky.id == 1
    yield workspace
    workspace.database.close()


def test_larger_cutouts_are_refused_until_their_middle_is_asked_for(ws: Workspace) -> None:
    with pytest.raises(SizeMismatch, match=r"of large have 14×14 pixels, those of sky 10×10 .*--crop true"):
        plan_feedback(ws, dataset_name="sky-v1", review_names=["wide"], rules=FeedbackRules())
    little = add_review(ws, sources.get_source(ws.database, "little"), "low")
    add_votes(ws, little, "ann", {ids_of(ws, sources.get_source(ws.database, "little"))["little-00"]: "A"})
    with pytest.raises(BandMismatch, match="differ in size") as refusal:  # there is no more sky around them
        plan_feedback(ws, dataset_name="sky-v1", review_names=["low"], rules=CROPPED)
    assert not isinstance(refusal.value, SizeMismatch)


def test_the_version_reads_their_middle_and_remembers_that(ws: Workspace) -> None:
    made = feedback.feed_back(
        ws, dataset_name="sky-v1", review_names=["wide"], rules=CROPPED, name="with-middle"
    )
    assert (made.spec["middle_of"], made.spec["rules"]["crop"]) == (["large"], True)
    assert verify_checksum(ws, made.name) == made.checksum
    part = dataset_part(ws, made, "train")
    pixels = part.cutouts.read(part.rows)
    assert pixels.shape[1:] == (10, 10, 3)
    ids = sorted(ids_of(ws, sources.get_source(ws.database, "large")).values())
    for row in (1, 2, 3, 5):
        [image] = pixels[np.asarray(part.cutout_ids) == ids[row]]
        np.testing.assert_array_equal(image, LARGE[row, 2:12, 2:12])
    again = feedback.feed_back(
        ws, dataset_name="with-middle", review_names=["wide"], name="further",
        rules=FeedbackRules(lens_grades=("A", "C")),
    )  # fmt: skip
    assert again.spec["middle_of"] == ["large"]  # what the parent takes needs no second permission


def test_an_object_of_the_test_part_is_known_in_the_middle_of_a_larger_cutout(ws: Workspace) -> None:
    plan = plan_feedback(ws, dataset_name="sky-v1", review_names=["wide"], rules=CROPPED)
    assert plan.columns["outcome"].tolist()[:2] == [OBJECT_IN_TEST, ADDED]
    leaking = feedback.feed_back(ws, dataset_name="sky-v1", review_names=["wide"], rules=CROPPED)
    assert not dataset_leaks(ws, leaking, group_radius_arcsec=0, near_duplicate_bits=0)[1]["cutouts"]


def test_hard_negatives_are_taken_by_their_middle_too(ws: Workspace) -> None:
    asked = {"dataset_name": "sky-v1", "source_name": "large", "run_name": "net"}
    with pytest.raises(SizeMismatch):
        add_hard_negatives(ws, **asked, spec=HardNegativesSpec())
    made = add_hard_negatives(ws, **asked, spec=HardNegativesSpec(crop=True), name="hard")
    assert (made["added"], made["lowest_score"]) == ({"unknown": 2}, pytest.approx(0.8))
    assert datasets.get_dataset(ws.database, "hard").spec["middle_of"] == ["large"]


def test_votes_on_two_sizes_alone_make_a_version_of_the_smaller(ws: Workspace) -> None:
    more = np.random.default_rng(6).normal(0, 1, (12, 10, 10, 3)).astype(np.float32)
    other = pack(ws, "ten", more)
    votes = dict(zip(sorted(ids_of(ws, other).values()), "AX" * 6, strict=True))
    add_votes(ws, add_review(ws, other, "tens"), "ann", votes)
    names = ["wide", "tens"]
    with pytest.raises(SizeMismatch):
        feedback.freeze_votes(ws, review_names=names, rules=FeedbackRules())
    made = feedback.freeze_votes(ws, review_names=names, rules=CROPPED, name="both-sizes")
    assert made.source_ids[0] == other.id
    assert dataset_part(ws, made, "train").cutouts.shape[1:] == (10, 10, 3)


def test_the_command_takes_the_middle(ws: Workspace, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("LENSAPP_DATABASE_URL", f"sqlite:///{ws.folder.parent / 'w.db'}")
    words = ["label", "wide", "--dataset", "sky-v1", "--as", "by-command"]
    assert main(["--workspace", str(ws.folder), *words]) == 2
    assert "--crop true" in capsys.readouterr().err
    assert main(["--workspace", str(ws.folder), *words, "--crop", "true"]) == 0
