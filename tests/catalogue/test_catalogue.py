"""The labelled catalogue, its votes, known lenses, and the ledger of runs and candidates."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.split.splits import SplitSpec
from lensapp.services.catalogue import feedback, ledger
from lensapp.services.catalogue.query import catalogue, select
from lensapp.services.data.known_lenses import match_known, read_known_lenses
from lensapp.services.split import datasets as dataset_service
from lensapp.storage import runs
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_review, add_source, add_votes, ids_of


@pytest.fixture
def field(ws: Workspace) -> Source:
    return add_source(ws, "field", count=6, labelled=False)


def scored(ws: Workspace, source: Source, name: str, scores: list[float]) -> Run:
    if not dataset_service.list_versions(ws):
        add_source(ws, "training", first_ra_deg=100.0)
        dataset_service.freeze_split(ws, source_names=["training"], spec=SplitSpec())
    dataset_id = dataset_service.list_versions(ws)[0].id
    run = runs.create_run(ws.database, name=name, dataset_id=dataset_id, model="elu_cnn", spec={})
    ids = list(ids_of(ws, source).values())[: len(scores)]
    stored_scores.add_scores(ws, run.id, source.id, ids, scores)
    return run


def test_every_candidate_has_a_row_even_before_scores_and_votes(ws: Workspace, field: Source) -> None:
    table = catalogue(ws, CatalogueQuery(of=("field",)))
    assert table["id"].tolist() == [f"field-{k:03d}" for k in range(6)]
    assert table["score"].isna().all()
    assert set(table["grade"]) == set(table["run"]) == set(table["label"]) == {""}
    assert set(table["votes"]) == {0}


def test_rows_are_ordered_by_score_with_the_unscored_last(ws: Workspace, field: Source) -> None:
    scored(ws, field, "r1", [0.1, 0.9, 0.5])
    table = catalogue(ws, CatalogueQuery(of=("field",)))
    assert table["id"].tolist()[:3] == ["field-001", "field-002", "field-000"]
    assert table["run"].tolist() == ["r1"] * 3 + [""] * 3


def test_a_catalogue_of_some_grades_holds_the_rows_that_all_have_with_them(
    ws: Workspace, field: Source
) -> None:
    scored(ws, field, "r1", [0.1, 0.9, 0.5, 0.7, 0.2, 0.3])
    ids = list(ids_of(ws, field).values())
    add_votes(ws, add_review(ws, field), "ada", dict(zip(ids[:4], "ABAX", strict=True)))
    every = catalogue(ws, CatalogueQuery(of=("field",)))
    assert every["grade"].tolist() == ["B", "X", "A", "", "", "A"]
    good = every[every["grade"].isin(["A", "B"])].reset_index(drop=True)
    for of in ("field", "look"):
        pd.testing.assert_frame_equal(catalogue(ws, CatalogueQuery(of=(of,), grades=("a", "B"))), good)
    assert catalogue(ws, CatalogueQuery(of=("field",), grades=("C",))).empty
    rest = every[every["grade"] != "X"].reset_index(drop=True)
    some = CatalogueQuery(of=("field",), grades=("A", "B", "C", "ungraded"))
    pd.testing.assert_frame_equal(catalogue(ws, some), rest)


def test_the_newest_run_is_shown_unless_another_is_named(ws: Workspace, field: Source) -> None:
    scored(ws, field, "r1", [0.1] * 6)
    scored(ws, field, "r2", [0.2] * 6)
    assert set(catalogue(ws, CatalogueQuery(of=("field",)))["run"]) == {"r2"}
    assert set(catalogue(ws, CatalogueQuery(of=("field",), run="r1"))["score"]) == {0.1}


def test_votes_of_all_reviews_become_one_consensus(ws: Workspace, field: Source) -> None:
    ids = ids_of(ws, field)
    add_votes(ws, add_review(ws, field, "one"), "ann", {ids["field-000"]: "A", ids["field-001"]: "X"})
    add_votes(ws, add_review(ws, field, "two"), "bob", {ids["field-000"]: "B"})
    row = catalogue(ws, CatalogueQuery(of=("field",))).set_index("id").loc["field-000"]
    assert row[["grade", "mean", "scatter", "votes", "inspectors"]].tolist() == ["B", 2.5, 0.5, 2, "ann; bob"]
    alone = catalogue(ws, CatalogueQuery(of=("field",), reviews=["one"])).set_index("id").loc["field-000"]
    assert (alone["grade"], alone["votes"]) == ("A", 1)


def test_filters_keep_scores_and_grades(ws: Workspace, field: Source) -> None:
    scored(ws, field, "r1", [0.1, 0.9, 0.5])
    ids = ids_of(ws, field)
    add_votes(ws, add_review(ws, field), "ann", {ids["field-001"]: "A", ids["field-000"]: "A"})
    assert catalogue(ws, CatalogueQuery(of=("field",), min_score=0.5))["id"].tolist() == [
        "field-001",
        "field-002",
    ]
    assert catalogue(ws, CatalogueQuery(of=("field",), min_score=0.5, grades=["a", "B"]))["id"].tolist() == [
        "field-001"
    ]
    with pytest.raises(InvalidInput, match="'Z'"):
        catalogue(ws, CatalogueQuery(of=("field",), grades=["Z"]))
    every = catalogue(ws, CatalogueQuery(of=("field",), grades=["All"]))
    assert len(every) == len(catalogue(ws, CatalogueQuery(of=("field",))))
    ungraded = catalogue(ws, CatalogueQuery(of=("field",), grades=["ungraded"]))
    assert ungraded["id"].tolist() == every["id"][every["votes"] == 0].tolist() != []


def test_unknown_names_are_refused(ws: Workspace, field: Source) -> None:
    for change in ({"of": ["x"]}, {"run": "x"}, {"reviews": ["x"]}):
        with pytest.raises(NotFound, match="'x'"):
            catalogue(ws, CatalogueQuery.parse({"of": ["field"]} | change))


def test_every_vote_is_listed_and_marked_if_it_counts(ws: Workspace, field: Source) -> None:
    review, ids = add_review(ws, field), ids_of(ws, field)
    add_votes(ws, review, "ann", {ids["field-000"]: "A"})
    add_votes(ws, review, "ann", {ids["field-000"]: "X", ids["field-001"]: None})
    table = select(ws, CatalogueQuery(of=("field",))).vote_table(ws)
    assert table["grade"].tolist() == ["A", "X", ""]
    assert table["counts"].tolist() == [False, True, False]
    assert table["voted_at"].tolist()[0] == "1970-01-01T00:16:40.000Z"
    filtered = select(ws, CatalogueQuery(of=("field",), grades=("A",)))
    assert filtered.vote_table(ws)["id"].tolist() == table["id"].tolist()
    assert select(ws, CatalogueQuery(of=("field",), reviews=[])).vote_table(ws).empty


def test_twenty_thousand_candidates_are_all_listed(ws: Workspace) -> None:
    count = 20_000
    rows = [{"candidate_id": f"c{k}", "ra_deg": k / 1000, "dec_deg": 0.0} for k in range(count)]
    source = add_source(ws, "large", count=count, cutouts=rows)
    scored(ws, source, "r", [0.5] * count)
    assert len(catalogue(ws, CatalogueQuery(of=("large",)))) == count


def test_known_lenses_are_matched_by_position(ws: Workspace, field: Source, tmp_path: Path) -> None:
    path = tmp_path / "lenses.csv"
    path.write_text(
        "name,RA [deg],DEC [deg],zlens\nnear,10.0002,0.0,measured\nfar,10.5,1,-\nnowhere,,,0.79\n"
    )
    known = read_known_lenses(path)
    assert (len(known), known.without_position) == (2, 1)
    table = catalogue(ws, CatalogueQuery(of=("field",), known_lenses=str(path), radius_arcsec=1.0))
    row = table.set_index("id").loc["field-000"]
    assert row["known_lens"] == "near"
    assert row["known_sep_arcsec"] == pytest.approx(0.72, rel=1e-6)
    assert set(table["known_lens"][1:]) == {""}
    assert (
        catalogue(ws, CatalogueQuery(of=("field",), known_lenses=str(path), radius_arcsec=0.5))[
            "known_sep_arcsec"
        ]
        .isna()
        .all()
    )


def test_known_lenses_are_read_from_fits_and_votable_too(tmp_path: Path) -> None:
    table = Table({"SourceID": ["a", "b"], "right_ascension": [1.0, 2.0], "Dec": [3.0, 4.0]})
    for name in ("t.fits", "t.vot", "t.ecsv"):
        table.write(tmp_path / name, format="votable" if name.endswith("vot") else None)
        known = read_known_lenses(tmp_path / name)
        assert (known.names, known.ra_deg.tolist(), known.dec_deg.tolist()) == (("a", "b"), [1, 2], [3, 4])


def test_a_table_without_positions_and_a_senseless_radius_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name,flux\na,1\n")
    with pytest.raises(InvalidInput, match=r"t\.csv has no columns ra and dec in degrees"):
        read_known_lenses(path)
    path.write_text("name,ra,dec\na,1,2\n")
    known = read_known_lenses(path)
    for radius in (-1.0, 4000.0, float("nan")):
        with pytest.raises(InvalidInput, match="A radius of"):
            match_known(np.zeros(1), np.zeros(1), known, radius_arcsec=radius)


def test_the_shared_list_of_known_lenses_is_read_whole(shared_data: Path) -> None:
    known = read_known_lenses(shared_data / "catalogues" / "lenscat.csv")
    assert (len(known.names), len(known) + known.duplicates) == (32_838, 32_838)
    assert known.without_position == 0
    name, separation = match_known(known.ra_deg[:500], known.dec_deg[:500], known, radius_arcsec=1.0)
    assert (separation == 0).mean() > 0.99
    assert name[0]


def test_confirmed_systems_are_found_among_known_lenses(shared_data: Path) -> None:
    from lensapp.ingest.catalogues import load_catalogue

    ours = load_catalogue(shared_data / "sled_ps1" / "catalogue.csv")
    known = read_known_lenses(shared_data / "catalogues" / "lenscat.csv")
    name, _ = match_known(ours.ra_deg, ours.dec_deg, known, radius_arcsec=5.0)
    assert (name != "").sum() > 10


def test_the_ledger_of_a_run_tells_data_labels_and_votes(ws: Workspace, field: Source) -> None:
    first = scored(ws, field, "r1", [0.9] * 6)
    ids = ids_of(ws, field)
    review = add_review(ws, field, run_id=first.id)
    add_votes(ws, review, "ann", {ids["field-000"]: "A", ids["field-001"]: "A", ids["field-002"]: "X"})
    add_votes(ws, review, "bob", {ids["field-000"]: "B"})
    made = feedback.label(ws, name="look")
    second = dataset_service.describe_version(ws, made["dataset"]).dataset
    runs.create_run(
        ws.database, name="r2", dataset_id=second.id, model="elu_cnn", spec={}, initial_run_id=first.id
    )
    found = ledger.ledger(ws, "r2")
    assert [version.dataset.name for version in found.versions] == ["training-v2", "training-v1"]
    assert found.sources == ("training", "field")
    assert found.labels == {"import": {"lens": 20, "nonlens": 40}, "votes": {"lens": 2, "nonlens": 1}}
    assert found.votes == (
        ledger.VoteShare(("look",), ("ann",), {"lens": 1, "nonlens": 1}),
        ledger.VoteShare(("look",), ("ann", "bob"), {"lens": 1}),
    )
    assert found.inspectors == {"ann": 3, "bob": 1}
    assert [run.name for run in found.parents] == ["r1"]
    assert ledger.ledger(ws, "r1").scored == {"field": 6}


def test_the_ledger_of_a_candidate_tells_scores_votes_and_networks(ws: Workspace, field: Source) -> None:
    first = scored(ws, field, "r1", [0.9] * 6)
    cutout_id = ids_of(ws, field)["field-000"]
    review = add_review(ws, field, run_id=first.id)
    add_votes(ws, review, "ann", {cutout_id: "B"})
    add_votes(ws, review, "ann", {cutout_id: "A"})
    made = feedback.label(ws, name="field")
    second = dataset_service.describe_version(ws, made["dataset"]).dataset
    runs.create_run(ws.database, name="r2", dataset_id=second.id, model="elu_cnn", spec={})
    found = ledger.ledger_of_candidate(ws, cutout_id)
    assert found is not None
    assert found.source == "field"
    assert found.scores == (("r1", "training-v1", 0.9, None),)
    assert [(name, vote.grade, counts) for name, vote, counts in found.votes] == [
        ("look", "B", False), ("look", "A", True),
    ]  # fmt: skip
    assert [entry["dataset"] for entry in found.memberships] == ["training-v2"]
    assert found.memberships[0]["label_from"] == "votes:look:ann"
    assert found.trained == ("r2",)
    assert ledger.ledger_of_candidate(ws, 999_999) is None


def test_the_ledger_tells_a_withdrawal_of_the_vote_that_it_withdrew(ws: Workspace, field: Source) -> None:
    cutout_id, review = ids_of(ws, field)["field-000"], add_review(ws, field)
    for inspector, grade in (("ann", "C"), ("ann", "B"), ("bob", "X"), ("ann", None), ("cyd", None)):
        add_votes(ws, review, inspector, {cutout_id: grade})
    found = ledger.ledger_of_candidate(ws, cutout_id)
    assert found is not None
    told = [
        (vote.inspector, vote.grade, vote.id in found.withdrawn, counts) for _, vote, counts in found.votes
    ]
    assert told == [
        ("ann", "C", False, False),
        ("ann", "B", True, False),
        ("bob", "X", False, True),
        ("cyd", None, False, False),
    ]
