"""Dataset versions: previewed, frozen, named, described, verified, refused."""

import re

import numpy as np
import pytest
import sqlalchemy

from lensapp.core.brightness import compared, nonlenses_beside, preferred_magnitude
from lensapp.core.errors import BandMismatch, InvalidInput, NotFound, StorageError
from lensapp.core.split.splits import SplitSpec
from lensapp.services.split import datasets as service
from lensapp.services.split.previews import in_several_sources, preview_split
from lensapp.services.split.versions import joined_name, require_both_classes, split_spec_of
from lensapp.storage import datasets, sources
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_source, ids_of


def test_a_preview_counts_parts_and_stores_nothing(ws: Workspace) -> None:
    add_source(ws, count=200, lens_every=4)
    preview = preview_split(ws, source_names=["sky"], spec=SplitSpec(folds=2))
    assert preview.counts == {
        "train": {"lens": 28, "nonlens": 84},
        "validation": {"lens": 7, "nonlens": 21},
        "test": {"lens": 15, "nonlens": 45},
    }
    assert sum(sum(fold.values()) for fold in preview.fold_counts.values()) == 140
    assert preview.groups == 200
    assert preview.magnitude_name == "magnitude_r"
    assert preview.columns["magnitude"][3] == 18.3
    assert datasets.list_datasets(ws.database) == []


def test_what_catalogues_write_for_no_magnitude_is_none(ws: Workspace) -> None:
    written = [18.5, 0.0, 99.0, -99.0, 99.99, 21.0] * 10
    rows = [
        {"candidate_id": f"c{k}", "label": "lens" if k % 2 else "nonlens", "properties": {"mag_r": one}}
        for k, one in enumerate(written)
    ]
    add_source(ws, count=len(rows), cutouts=rows)
    magnitudes = preview_split(ws, source_names=["sky"], spec=SplitSpec()).columns["magnitude"]
    assert np.array_equal(magnitudes[:6], [18.5, np.nan, np.nan, np.nan, np.nan, 21.0], equal_nan=True)


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["magnification", "mag_i"], "mag_i"),
        (["magnification", "magnified", "magnetic_field", "mag_err", "e_mag"], None),
        (["magnification_total", "magVIS", "magG"], "magVIS"),
        (["gmag", "rmag", "MAG"], "MAG"),
        (["g_mag", "mag_auto", "magr"], "magr"),
    ],
)
def test_a_magnitude_is_no_magnification(names: list[str], taken: str | None) -> None:
    assert preferred_magnitude(names) == taken


def test_a_preview_counts_the_groups_inside_a_filter_only(ws: Workspace) -> None:
    add_source(ws, count=200, lens_every=4)
    preview = preview_split(ws, source_names=["sky"], spec=SplitSpec(where="magnitude_r < 18.3"))
    assert preview.groups == sum(sum(part.values()) for part in preview.counts.values()) < 200
    assert preview.largest_group == 1


def test_a_preview_tells_what_it_leaves_out_and_what_looks_wrong(ws: Workspace) -> None:
    rows = [
        {"candidate_id": f"c{k}", "label": "lens" if k % 2 else "nonlens", "parent": f"p{k // 20}"}
        for k in range(60)
    ]
    rows += [{"candidate_id": "bare"}, {"candidate_id": "odd", "label": "spiral"}]
    add_source(ws, count=len(rows), cutouts=rows)
    preview = preview_split(ws, source_names=["sky"], spec=SplitSpec())
    assert preview.left_out == {"without a label": 1, "labelled 'spiral'": 1}
    assert preview.largest_group == 20
    assert len(preview.conflicts) == 3
    assert any("One group holds 20 of 60" in warning for warning in preview.warnings)
    assert any("check their labels" in warning for warning in preview.warnings)


def test_only_objects_labelled_both_ways_are_said_to_be(ws: Workspace) -> None:
    kind = {"label": "lens", "ra_deg": 150.0, "dec_deg": 2.0, "parent": "image"}
    rows = [
        kind | {"candidate_id": "lens"},
        kind | {"candidate_id": "neighbour", "label": "nonlens", "dec_deg": 2.0 + 5 / 3600},
        kind | {"candidate_id": "elsewhere in the image", "label": "nonlens", "dec_deg": 2.1},
        kind | {"candidate_id": "blob", "ra_deg": 160.0, "parent": None, "perceptual_hash": "f0" * 8},
        kind
        | {"candidate_id": "like it", "label": "nonlens", "ra_deg": 160.0 + 30 / 3600, "parent": None}
        | {"perceptual_hash": "f0" * 7 + "f1"},
        kind | {"candidate_id": "again", "ra_deg": 180.0, "parent": None},
        kind
        | {
            "candidate_id": "again, otherwise",
            "label": "nonlens",
            "ra_deg": 180.0 + 1 / 3600,
            "parent": None,
        },
        kind | {"candidate_id": "pixels", "ra_deg": 190.0, "parent": None, "pixels_digest": "aa"},
        kind
        | {"candidate_id": "its pixels", "label": "nonlens", "ra_deg": 200.0, "parent": None}
        | {"pixels_digest": "aa"},
    ]
    ids = ids_of(ws, add_source(ws, count=len(rows), cutouts=rows))
    preview = preview_split(ws, source_names=["sky"], spec=SplitSpec())
    assert preview.groups == 4
    assert preview.conflicts == (
        (ids["again"], ids["again, otherwise"]),
        (ids["pixels"], ids["its pixels"]),
    )
    assert preview.warnings[-1].startswith("4 cutouts show objects labelled lens and non-lens")


def test_a_preview_lists_images_that_look_alike(ws: Workspace) -> None:
    hashes = ["00000000000000ff", "00000000000000fe", "ffffffff00000000", None]
    rows = [
        {"candidate_id": f"c{k}", "label": "lens" if k % 2 else "nonlens", "perceptual_hash": hashes[k]}
        for k in range(4)
    ]
    source = add_source(ws, count=4, cutouts=rows)
    ids = ids_of(ws, source)
    preview = preview_split(ws, source_names=["sky"], spec=SplitSpec())
    assert preview.duplicate_groups == ((ids["c0"], ids["c1"]),)


def test_a_frozen_version_holds_what_the_preview_showed(ws: Workspace) -> None:
    source = add_source(ws)
    spec = SplitSpec(folds=3, seed=7)
    preview = preview_split(ws, source_names=["sky"], spec=spec)
    dataset = service.freeze_split(ws, source_names=["sky"], spec=spec)
    members = datasets.member_columns(ws.database, dataset.id)
    np.testing.assert_array_equal(members["cutout_id"], preview.columns["cutout_id"])
    np.testing.assert_array_equal(members["part"], preview.columns["part"])
    assert members["fold"].tolist() == [f if f >= 0 else None for f in preview.columns["fold"].tolist()]
    assert set(members["label_from"]) == {"import"}
    assert (dataset.name, dataset.bands, dataset.source_ids) == ("sky-v1", ("g", "r"), (source.id,))
    assert dataset.counts == preview.counts
    assert split_spec_of(dataset) == spec


def test_versions_are_numbered(ws: Workspace) -> None:
    add_source(ws)
    names = [service.freeze_split(ws, source_names=["sky"], spec=SplitSpec()).name for _ in range(2)]
    assert names == ["sky-v1", "sky-v2"]


def test_labels_of_a_demo_survey_are_marked_as_such(ws: Workspace) -> None:
    add_source(ws, kind="demo")
    dataset = service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())
    assert set(datasets.member_columns(ws.database, dataset.id)["label_from"]) == {"demo"}


@pytest.mark.parametrize(
    ("names", "joined"),
    [
        (["sky"], "sky"),
        (["a", "b"], "a_b"),
        (["sled_ps1", "sled_ps1-objects1"], "sled_ps1_objects1"),
        (["sled32", "sled_ps1_fields-objects1"], "sled32-and-1-more"),
        (["sky-objects1", "sky"], "sky-objects1"),
        (["x" * 70], "x" * 70),
        (["north-" * 8, "south-" * 8, "east"], "north-north-and-2-more"),
    ],
)
def test_a_version_of_several_sources_says_each_word_once(names: list[str], joined: str) -> None:
    assert joined_name(names) == joined


def test_the_checksum_depends_on_the_members_and_not_on_the_name_or_the_order_of_sources(
    ws: Workspace,
) -> None:
    add_source(ws, "a")
    add_source(ws, "b", first_ra_deg=50.0)
    one, two, other = (
        service.freeze_split(ws, source_names=names, spec=SplitSpec(seed=seed))
        for names, seed in ((["a", "b"], 0), (["b", "a"], 0), (["a", "b"], 1))
    )
    assert one.checksum == two.checksum != other.checksum
    assert (one.name, two.name) == ("a_b-v1", "a_b-v2")
    assert service.verify_checksum(ws, one.name) == one.checksum


def test_the_checksum_notices_a_changed_member_and_changed_pixels(ws: Workspace) -> None:
    add_source(ws)
    for number, change in enumerate(
        ("UPDATE dataset_members SET label = 'lens' WHERE label = 'nonlens' AND part = 'test'",
         "UPDATE cutouts SET pixels_digest = '0' WHERE id = 1")
    ):  # fmt: skip
        dataset = service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())
        assert dataset.name == f"sky-v{number + 1}"
        with ws.database.write() as connection:
            connection.execute(sqlalchemy.text(change))
        with pytest.raises(StorageError, match=f"of {dataset.name}.*changed outside"):
            service.verify_checksum(ws, dataset.name)


@pytest.mark.parametrize(
    ("other", "what"),
    [({"bands": ("r", "g")}, "differ in bands: g, r in first and r, g in second"),
     ({"size": 9}, r"of second have 9×9 pixels, those of first 8×8.*--crop true"),
     ({"pixel_scale_arcsec": 0.4}, "differ in pixel scale: 0.2 arcsec in first and 0.4 arcsec")],
)  # fmt: skip
def test_sources_that_do_not_fit_together_are_refused_by_name(
    ws: Workspace, other: dict[str, object], what: str
) -> None:
    add_source(ws, "first")
    add_source(ws, "second", **other)  # type: ignore[arg-type]
    with pytest.raises(BandMismatch, match=what):
        preview_split(ws, source_names=["first", "second"], spec=SplitSpec())


def test_an_unknown_pixel_scale_fits_any(ws: Workspace) -> None:
    add_source(ws, "first")
    add_source(ws, "second", pixel_scale_arcsec=None, first_ra_deg=80.0)
    assert preview_split(ws, source_names=["first", "second"], spec=SplitSpec()).groups == 120


@pytest.mark.parametrize(
    ("names", "error", "what"),
    [([], InvalidInput, "at least one source"), (["nothing"], NotFound, "no source called 'nothing'"),
     (["half"], InvalidInput, "half is still being imported"),
     (["bare"], InvalidInput, r"No cutout of bare .* \(no labels\)")],
)  # fmt: skip
def test_sources_that_cannot_be_split_are_refused(
    ws: Workspace, names: list[str], error: type[Exception], what: str
) -> None:
    add_source(ws, "half", finished=False)
    add_source(ws, "bare", labelled=False)
    with pytest.raises(error, match=what):
        service.freeze_split(ws, source_names=names, spec=SplitSpec())


def test_too_few_lenses_for_all_parts_are_refused(ws: Workspace) -> None:
    add_source(ws, count=30, lens_every=15)
    with pytest.raises(InvalidInput, match=r"no lens in the .* part .2 in all"):
        service.freeze_split(ws, source_names=["sky"], spec=SplitSpec())
    assert datasets.list_datasets(ws.database) == []


def test_a_version_has_no_validation_part_where_none_is_asked_for(ws: Workspace) -> None:
    add_source(ws, count=40, lens_every=2)
    without = SplitSpec(train=0.8, validation=0.0, test=0.2)
    dataset = service.freeze_split(ws, source_names=["sky"], spec=without)
    assert dataset.counts["validation"] == {"lens": 0, "nonlens": 0}
    assert min(dataset.counts["train"].values()) > min(dataset.counts["test"].values()) > 0
    lacking = {"train": {"lens": 1, "nonlens": 1}, "validation": {"lens": 0, "nonlens": 2}}
    with pytest.raises(InvalidInput, match="no lens in the validation part"):
        require_both_classes(lacking | {"test": lacking["train"]}, without)


def test_a_source_of_lenses_only_is_split_with_a_warning(ws: Workspace) -> None:
    add_source(ws, count=30, lens_every=1)
    preview = preview_split(ws, source_names=["sky"], spec=SplitSpec())
    assert preview.warnings[0].startswith("No cutout is labelled non-lens: networks can learn values")
    counts = service.freeze_split(ws, source_names=["sky"], spec=SplitSpec()).counts
    assert all(counts[part]["lens"] and not counts[part]["nonlens"] for part in counts)


def test_a_taken_name_is_refused(ws: Workspace) -> None:
    add_source(ws)
    service.freeze_split(ws, source_names=["sky"], spec=SplitSpec(), name="mine")
    with pytest.raises(InvalidInput, match="already"):
        service.freeze_split(ws, source_names=["sky"], spec=SplitSpec(), name="mine")


def test_a_description_is_plain_json(ws: Workspace) -> None:
    import json

    add_source(ws)
    dataset = service.freeze_split(ws, source_names=["sky"], spec=SplitSpec(folds=2))
    described = json.loads(json.dumps(service.describe_dataset(ws, dataset)))
    assert described["dataset"] == "sky-v1"
    assert described["groups"] == 60
    assert described["folds"] == 2
    assert described["changes"] is None


def test_a_source_made_again_under_its_old_name_is_read_again(ws: Workspace) -> None:
    source = add_source(ws)
    preview_split(ws, source_names=["sky"], spec=SplitSpec())
    sources.delete_source(ws.database, source.id)
    add_source(ws, count=30)
    assert preview_split(ws, source_names=["sky"], spec=SplitSpec()).groups == 30


def add_contradictory_sources(ws: Workspace, *, far_apart: bool = False) -> None:
    """Add two sources of 24 objects, of which the first two are lenses in one and non-lenses in the other."""
    for name, flipped in (("ps", 0), ("hsc", 1)):
        rows = [
            {"candidate_id": f"A{k}", "label": "lens" if (k + flipped * (k < 2)) % 2 else "nonlens"}
            | {"ra_deg": 10.0 + k, "dec_deg": 5.0 + flipped * far_apart}
            for k in range(24)
        ]
        add_source(ws, name, count=24, cutouts=rows)


def test_an_object_labelled_both_ways_in_two_sources_is_refused_until_decided(ws: Workspace) -> None:
    add_contradictory_sources(ws)
    said = "2 objects are labelled both ways: A0 (lens in hsc, non-lens in ps), A1 (lens in ps"
    names = ["ps", "hsc"]
    with pytest.raises(InvalidInput, match=re.escape(said)):
        service.freeze_split(ws, source_names=names, spec=SplitSpec())
    left_out = preview_split(ws, source_names=names, spec=SplitSpec(contradictions="leave_out"))
    assert left_out.left_out == {"labelled 'both ways in different sources'": 4}
    assert set(left_out.columns["candidate_id"][left_out.columns["part"] == ""]) == {"A0", "A1"}
    dataset = service.freeze_split(ws, source_names=names, spec=SplitSpec(contradictions="leave_out"))
    assert sum(sum(part.values()) for part in dataset.counts.values()) == 44
    dataset = service.freeze_split(ws, source_names=names, spec=SplitSpec(contradictions="keep"))
    (warning,) = [text for text in service.describe_dataset(ws, dataset)["warnings"] if "both ways" in text]
    assert said in warning
    assert sum(sum(part.values()) for part in dataset.counts.values()) == 48


def test_an_id_that_two_surveys_give_to_objects_far_apart_contradicts_nothing(ws: Workspace) -> None:
    add_contradictory_sources(ws, far_apart=True)
    assert preview_split(ws, source_names=["ps", "hsc"], spec=SplitSpec()).contradictions == ()


def test_hosts_with_and_without_painted_arcs_are_no_contradiction(ws: Workspace) -> None:
    rows = [
        {"candidate_id": f"c{k}", "label": "lens" if k % 2 else "nonlens", "parent": f"p{k // 20}"}
        for k in range(60)
    ]
    add_source(ws, count=len(rows), cutouts=rows, kind="paint")
    preview = preview_split(ws, source_names=["sky"], spec=SplitSpec())
    assert not preview.warnings
    assert preview.notes[0].startswith("The largest group, 20 of 60 cutouts, is of hosts that were painted")
    assert preview.notes[1].startswith("60 cutouts show hosts both with and without painted arcs")


def test_images_in_several_sources_are_told_of_since_they_count_as_often() -> None:
    source = np.array(["objects", "objects", "objects", "painted", "painted", "painted"], object)
    label = np.array(["nonlens"] * 5 + ["lens"], object)
    looks = np.array([0, 1, 2, 0, 1, 2])  # the third is painted on in the other
    [sentence] = in_several_sources(source, label, looks)
    assert sentence.startswith("2 non-lens images are in more than one of objects, painted: each counts ")
    assert in_several_sources(source, label, np.array([0, 1, 1, 2, 2, 3])) == ()  # alike within one source


def test_nonlenses_beside_painted_hosts_are_as_bright_as_a_split_compares_them() -> None:
    """Hosts painted on most are the brightest, those left for non-lenses the faintest."""
    rng = np.random.default_rng(4)
    hosts, others = np.sort(rng.normal(20.4, 1, 64)), rng.normal(21.4, 1, 60)
    painted = np.minimum(rng.exponential(12, 200).astype(int), 63)
    medians, counts = {}, {}
    for alike in (False, True):
        first, then = nonlenses_beside(
            rng, hosts, others, painted=painted, wanted=96, host_share=0.5, alike=alike
        )
        assert len(set(first.tolist())) == len(first)
        values = np.concatenate([hosts[first], others[then]])
        both = compared(hosts[painted], values)
        assert both is not None
        medians[alike], counts[alike] = both.others.median - both.lenses.median, len(values)
    assert counts[False] == 96
    assert counts[True] >= 48, "half of what is asked for at least"
    assert medians[True] < 0.6 * medians[False]
    far = nonlenses_beside(rng, hosts, others + 5, painted=painted, wanted=20, host_share=0, alike=True)
    assert [len(one) for one in far] == [0, 10], "which are not alike, as no others are there"
