"""Splits: whole, disjoint, stratified, and no object of the sky on two sides."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lensapp.core.data.sky import separation_arcsec
from lensapp.core.errors import InvalidInput
from lensapp.core.split.splits import CutoutTable, SplitSpec, group_cutouts, split_cutouts


def texts(values: list[Any]) -> NDArray[Any]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def table_of(n: int, **columns: Any) -> CutoutTable:
    ordinary: dict[str, Any] = {
        "source": ["s"] * n,
        "candidate_id": [f"c{k:05d}" for k in range(n)],
        "parent": [None] * n,
        "label": ["lens" if k % 4 == 0 else "nonlens" for k in range(n)],
        "ra_deg": [np.nan] * n,
        "dec_deg": [np.nan] * n,
        "perceptual_hash": [None] * n,
        "pixels_digest": [None] * n,
    }
    arrays = {
        name: np.array(values, np.float64) if name.endswith("_deg") else texts(list(values))
        for name, values in (ordinary | columns).items()
    }
    return CutoutTable(**arrays)


def counts(table: CutoutTable, part: NDArray[Any]) -> Counter[tuple[str, str]]:
    return Counter(zip(part, table.label, strict=True))


def test_the_default_shares_are_those_of_the_document() -> None:
    table = table_of(10_000)
    found = counts(table, split_cutouts(table, SplitSpec()).part)
    assert found == {
        ("train", "lens"): 1400, ("validation", "lens"): 350, ("test", "lens"): 750,
        ("train", "nonlens"): 4200, ("validation", "nonlens"): 1050, ("test", "nonlens"): 2250,
    }  # fmt: skip


@pytest.mark.parametrize("change", [{"test": 0.4}, {"folds": 1}, {"train": 0.86, "test": 0.0}, {"colour": 1}])
def test_settings_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(
        InvalidInput, match=r"sum to 1|One fold is not possible|must be a number|no setting 'colour'"
    ):
        SplitSpec.parse(change)


def test_shares_may_miss_one_by_rounding_only() -> None:
    assert SplitSpec(train=1 / 3, validation=1 / 3, test=1 / 3).train == 1 / 3
    with pytest.raises(InvalidInput, match=r"sum of 0\.99999"):
        SplitSpec.parse({"train": 0.55999, "validation": 0.14, "test": 0.30})


def test_unlabelled_cutouts_are_in_no_part() -> None:
    table = table_of(40, label=["lens"] * 10 + ["nonlens"] * 10 + [None] * 10 + ["spiral"] * 10)
    part = split_cutouts(table, SplitSpec()).part
    assert set(part[20:]) == {""}
    assert "" not in set(part[:20])


def test_views_of_one_parent_stay_together_even_when_the_parent_is_a_cutout_itself() -> None:
    parents = [None if k < 100 else f"c{k % 100:05d}" for k in range(300)]
    table = table_of(300, parent=parents)
    split = split_cutouts(table, SplitSpec())
    for k in range(300):
        assert split.part[k] == split.part[k % 100]


def test_one_object_in_two_sources_stays_together() -> None:
    table = table_of(
        200, source=["deep"] * 100 + ["wide"] * 100, candidate_id=[f"o{k % 100}" for k in range(200)]
    )
    split = split_cutouts(table, SplitSpec())
    assert (split.part[:100] == split.part[100:]).all()


def test_ids_that_sources_use_for_different_objects_can_be_kept_apart() -> None:
    table = table_of(
        200, source=["deep"] * 100 + ["wide"] * 100, candidate_id=[f"o{k % 100}" for k in range(200)]
    )
    grouping = group_cutouts(table, SplitSpec(same_id_is_same_object=False))
    assert len(set(grouping.group.tolist())) == 200


def test_identical_pixels_stay_together_even_with_the_near_duplicates_switched_off() -> None:
    table = table_of(100, pixels_digest=[f"{k % 50:064x}" for k in range(100)])
    split = split_cutouts(table, SplitSpec(near_duplicate_bits=0))
    assert (split.part[:50] == split.part[50:]).all()


def test_images_that_look_alike_all_over_the_sky_are_objects_of_their_own() -> None:
    one_look, degree = "f0" * 8, 1.0
    at = [0.0, 20 / 3600, 70 / 3600, 80 / 3600, degree, 2 * degree]
    table = table_of(6, perceptual_hash=[one_look] * 6, ra_deg=at, dec_deg=[0.0] * 6)
    spec = SplitSpec(group_radius_arcsec=0)
    # 50 arcsec lie between the second and the third, one degree before the fifth.
    assert group_cutouts(table, spec).group.tolist() == [0, 0, 0, 0, 1, 2]
    at[3] = np.nan  # whose place is not known may show any of them
    unknown = table_of(6, perceptual_hash=[one_look] * 6, ra_deg=at, dec_deg=[0.0] * 6)
    assert group_cutouts(unknown, spec).group.tolist() == [0] * 6
    same = table_of(2, pixels_digest=["a"] * 2, perceptual_hash=[one_look] * 2, ra_deg=[0, 9], dec_deg=[0, 0])
    assert group_cutouts(same, spec).group.tolist() == [0, 0]  # a copy, wherever it is said to be


def test_near_duplicate_images_stay_together() -> None:
    rng = np.random.default_rng(3)
    hashes = rng.integers(0, 2**63, 50, dtype=np.uint64)
    twins = hashes ^ np.uint64(0b101 << 20)
    table = table_of(100, perceptual_hash=[f"{value:016x}" for value in [*hashes, *twins]])
    spec = SplitSpec(near_duplicate_bits=2)
    split = split_cutouts(table, spec)
    assert (split.part[:50] == split.part[50:]).all()
    assert len(set(group_cutouts(table, spec.replaced(near_duplicate_bits=1)).group.tolist())) == 100


def test_folds_share_training_and_validation_evenly_and_leave_the_test_part_out() -> None:
    table = table_of(1000, parent=[f"p{k // 2}" for k in range(1000)])
    split = split_cutouts(table, SplitSpec(folds=5))
    assert set(split.fold[split.part == "test"].tolist()) == {-1}
    inner = split.part != "test"
    lenses = Counter(split.fold[inner & (table.label == "lens")].tolist())
    assert set(lenses) == set(range(5))
    assert max(lenses.values()) - min(lenses.values()) <= 2
    for group in np.unique(split.group[inner]):
        assert len(set(split.fold[split.group == group].tolist())) == 1


def test_groups_of_mixed_sizes_still_give_the_shares_asked_for() -> None:
    rng = np.random.default_rng(5)
    parents = [f"p{k}" for k in rng.integers(0, 400, 2000)]
    table = table_of(2000, parent=parents, label=np.where(rng.random(2000) < 0.1, "lens", "nonlens").tolist())
    found = counts(table, split_cutouts(table, SplitSpec()).part)
    total = Counter(table.label)
    for part, share in zip(("train", "validation", "test"), (0.56, 0.14, 0.30), strict=True):
        for label in ("lens", "nonlens"):
            assert abs(found[part, label] / total[label] - share) < 0.02


def test_large_groups_are_not_heaped_into_one_part() -> None:
    table = table_of(600, parent=[f"p{k % 60}" if k < 300 else None for k in range(600)])
    split = split_cutouts(table, SplitSpec(train=0.4, validation=0.3, test=0.3))
    assert min(Counter(split.part[:300]).values()) > 50


def test_every_part_gets_both_classes_where_the_groups_allow_it() -> None:
    table = table_of(9, parent=["x"] * 3 + ["y"] * 3 + ["z"] * 3, label=["lens", "lens", "nonlens"] * 3)
    found = counts(table, split_cutouts(table, SplitSpec()).part)
    assert len(found) == 6


def test_three_lenses_among_many_reach_all_parts() -> None:
    table = table_of(100, label=["lens"] * 3 + ["nonlens"] * 97)
    found = counts(table, split_cutouts(table, SplitSpec()).part)
    assert {part for part, label in found if label == "lens"} == {"train", "validation", "test"}


def test_balance_drops_nonlenses_of_training_and_validation_only() -> None:
    table = table_of(1000, label=["lens"] * 100 + ["nonlens"] * 900)
    found = counts(table, split_cutouts(table, SplitSpec(max_nonlens_per_lens=2.0)).part)
    assert found["train", "nonlens"] == 2 * found["train", "lens"]
    assert found["validation", "nonlens"] == 2 * found["validation", "lens"]
    assert found["test", "nonlens"] == 270


def test_another_seed_gives_another_split() -> None:
    table = table_of(100)
    first, second = (split_cutouts(table, SplitSpec(seed=seed)).part for seed in (1, 2))
    assert (first != second).any()


def test_an_empty_table_splits_into_nothing() -> None:
    assert len(split_cutouts(table_of(0), SplitSpec()).part) == 0


@st.composite
def surveys(draw: st.DrawFn) -> CutoutTable:
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    few = max(1, n // 3)
    return table_of(
        n,
        source=[f"s{k}" for k in rng.integers(0, 2, n)],
        parent=[f"p{k}" if k < few else None for k in rng.integers(0, 2 * few, n)],
        label=rng.choice(np.array(["lens", "nonlens", None], object), n).tolist(),
        ra_deg=(rng.integers(-3, 4, n) * 4 / 3600) % 360,
        dec_deg=rng.choice([-90.0, 0.0, 45.0, 89.9999], n),
        perceptual_hash=[f"{1 << k:016x}" if k < 20 else None for k in rng.integers(0, 40, n)],
    )


@settings(max_examples=80, deadline=None)
@given(table=surveys(), seed=st.integers(0, 5), folds=st.sampled_from([0, 2, 3]))
def test_parts_are_disjoint_and_complete(table: CutoutTable, seed: int, folds: int) -> None:
    split = split_cutouts(table, SplitSpec(seed=seed, folds=folds))
    labelled = np.isin(table.label, ("lens", "nonlens"))
    assert set(split.part[labelled]) <= {"train", "validation", "test"}
    assert set(split.part[~labelled]) <= {""}
    assert ((split.fold >= 0) == (np.isin(split.part, ("train", "validation")) & (folds > 0))).all()


@settings(max_examples=80, deadline=None)
@given(table=surveys(), seed=st.integers(0, 5))
def test_same_sky_object_never_crosses_splits(table: CutoutTable, seed: int) -> None:
    spec = SplitSpec(seed=seed, folds=2, near_duplicate_bits=0)
    split = split_cutouts(table, spec)
    used = np.flatnonzero(split.part != "")
    for one in used:
        for two in used:
            near = separation_arcsec(
                table.ra_deg[one], table.dec_deg[one], table.ra_deg[two], table.dec_deg[two]
            )
            same = table.parent[one] is not None and table.parent[one] == table.parent[two]
            if same or near <= spec.group_radius_arcsec:
                assert split.part[one] == split.part[two]
                assert split.fold[one] == split.fold[two]


@settings(max_examples=80, deadline=None)
@given(table=surveys(), seed=st.integers(0, 5), shuffle=st.integers(0, 1000), balanced=st.booleans())
def test_the_order_of_the_rows_changes_nothing(
    table: CutoutTable, seed: int, shuffle: int, balanced: bool
) -> None:
    spec = SplitSpec(seed=seed, folds=2, max_nonlens_per_lens=1.0 if balanced else None)
    order = np.random.default_rng(shuffle).permutation(len(table))
    first, second = (
        split_cutouts(table, spec),
        split_cutouts(CutoutTable(**{name: column[order] for name, column in vars(table).items()}), spec),
    )
    assert (first.part[order] == second.part).all()
    assert (first.fold[order] == second.fold).all()
    assert (first.group[order] == second.group).all()


def test_a_validation_part_of_nothing_leaves_it_empty_and_the_others_their_shares() -> None:
    table = table_of(1000)
    spec = SplitSpec(train=0.9, validation=0.0, test=0.1)
    found = counts(table, split_cutouts(table, spec).part)
    assert found == {
        ("train", "lens"): 225, ("test", "lens"): 25, ("train", "nonlens"): 675, ("test", "nonlens"): 75,
    }  # fmt: skip
