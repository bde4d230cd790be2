"""Sources whose cutouts have several sizes in one split: the middle of the larger ones is taken."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lensapp.cli import main
from lensapp.core.data.fingerprints import perceptual_hash, pixel_digest
from lensapp.core.errors import BandMismatch, SizeMismatch
from lensapp.core.split.splits import SECOND_TEST, SplitSpec
from lensapp.learning.feed.dataset_parts import dataset_part
from lensapp.services.split.datasets import freeze_split, verify_checksum
from lensapp.services.split.leakage import dataset_leaks
from lensapp.services.split.previews import complements_of, preview_split
from lensapp.storage import datasets, sources
from lensapp.storage.workspace import Workspace
from support.small_surveys import ids_of, pack_source

PROJECT = Path(__file__).parents[2]
BOTH = ["large", "small"]
CROPPED = SplitSpec(crop=True, near_duplicate_bits=0)
LARGE = np.random.default_rng(1).normal(0, 1, (30, 14, 14, 3)).astype(np.float32)
SMALL = np.random.default_rng(2).normal(0, 1, (30, 10, 10, 3)).astype(np.float32)
SMALL[0] = LARGE[0, 2:12, 2:12]  # one object, seen in both sizes


def pack(ws: Workspace, name: str, pixels: np.ndarray, label: str) -> None:
    """Pack cutouts of one label without positions: objects are known again by their pixels alone."""
    rows = [
        {
            "row": row,
            "candidate_id": f"{name}-{row:02d}",
            "label": label,
            "perceptual_hash": perceptual_hash(image),
            "pixels_digest": pixel_digest(image),
            "properties": {},
        }
        for row, image in enumerate(pixels)
    ]
    pack_source(ws, name, pixels, rows, kind="import")


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Lenses of 14×14 pixels, non-lenses of 10×10, one of which is the middle of a lens."""
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    workspace = Workspace.open()
    pack(workspace, "large", LARGE, "lens")
    pack(workspace, "small", SMALL, "nonlens")
    return workspace


def test_two_sizes_are_refused_until_the_middle_is_asked_for(ws: Workspace) -> None:
    with pytest.raises(SizeMismatch, match=r"of large have 14×14 pixels, those of small 10×10 .*--crop true"):
        preview_split(ws, source_names=BOTH, spec=SplitSpec())
    # Offered all the same.
    assert complements_of(ws, ["large"], label="nonlens") == [("small", {"nonlens": len(SMALL)})]


def test_a_version_holds_the_middle_and_remembers_that(ws: Workspace) -> None:
    made = freeze_split(ws, source_names=BOTH, spec=CROPPED)
    assert made.spec["middle_of"] == ["large"]
    assert verify_checksum(ws, made.name) == made.checksum
    part = dataset_part(ws, made, "train")
    images = dict(zip(np.asarray(part.cutout_ids).tolist(), part.cutouts.read(part.rows), strict=True))
    names = {key: name for name, key in ids_of(ws, sources.get_source(ws.database, "large")).items()}
    taken = {names[key]: image for key, image in images.items() if key in names}
    assert len(taken) > 10
    for name, image in taken.items():
        np.testing.assert_array_equal(image, LARGE[int(name[-2:]), 2:12, 2:12])


def test_an_object_is_known_again_in_the_middle_of_a_larger_cutout(ws: Workspace) -> None:
    preview = preview_split(ws, source_names=BOTH, spec=CROPPED)
    [seen] = preview.conflicts
    assert {one.candidate_id for one in sources.get_cutouts(ws.database, seen)} == {"large-00", "small-00"}
    made = freeze_split(ws, source_names=BOTH, spec=CROPPED)
    leaks = dataset_leaks(ws, made, group_radius_arcsec=0, near_duplicate_bits=0)
    assert not any(sum(leak["cutouts"].values()) for leak in leaks)


def test_a_second_test_part_of_larger_cutouts_keeps_its_objects_from_training(ws: Workspace) -> None:
    pack(ws, "more", SMALL[5:] + 1.0, "lens")
    names = ["more", "small"]
    with pytest.raises(SizeMismatch):
        preview_split(ws, source_names=names, spec=SplitSpec(), second_test=["large"])
    made = freeze_split(ws, source_names=names, spec=CROPPED, second_test=["large"])
    assert (made.source_ids[-1], made.spec["middle_of"]) == (1, ["large"])
    assert verify_checksum(ws, made.name) == made.checksum
    members = datasets.member_columns(ws.database, made.id)
    here = dict(zip(members["candidate_id"], members["part"], strict=True))
    assert here["large-00"] == SECOND_TEST
    assert "small-00" not in here
    assert dataset_part(ws, made, SECOND_TEST).cutouts.shape[1:] == (10, 10, 3)


def test_a_second_test_part_of_smaller_cutouts_is_refused(ws: Workspace) -> None:
    pack(ws, "others", LARGE + 1.0, "nonlens")
    with pytest.raises(BandMismatch, match="differ in size") as refusal:
        preview_split(ws, source_names=["large", "others"], spec=CROPPED, second_test=["small"])
    assert not isinstance(refusal.value, SizeMismatch)


def test_the_command_takes_the_middle(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--workspace", str(ws.folder), "split", "large,small", "--name", "v"]
    assert main(words) == 2
    assert "--crop true" in capsys.readouterr().err
    assert main([*words, "--crop", "true"]) == 0
    assert datasets.get_dataset(ws.database, "v").spec["split"]["crop"] is True


def test_the_page_says_so_and_takes_the_middle(ws: Workspace) -> None:
    app = AppTest.from_file(PROJECT / "lensapp" / "ui" / "main.py", default_timeout=60).run()
    app.query_params["sources"] = BOTH
    app.switch_page(str(PROJECT / "pages" / "split.py")).run()
    assert not app.exception
    assert [one.value for one in app.info] == [
        "The cutouts of large have 14×14 pixels, those of small 10×10 pixels."
    ]
    toggle = app.toggle(key="split-middle")
    toggle.set_value(False).run()
    assert not any(one.label == "Freeze this dataset version" for one in app.button)
    app.toggle(key="split-middle").set_value(True).run()
    next(one for one in app.button if one.label == "Freeze this dataset version").click().run()
    [made] = datasets.list_datasets(ws.database)
    assert made.spec["middle_of"] == ["large"]
