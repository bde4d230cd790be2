"""Votes from files: other tools' columns, several machines, none doubled, none lost."""

import csv
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits, votable
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp.cli import main
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.grades import ABCX, SCHEMES
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.inspect.vote_files import grade_of, parse_grade_map, spellings
from lensapp.core.inspect.vote_times import date_order, has_two_readings, parse_time
from lensapp.services.catalogue.export import export
from lensapp.services.inspect import vote_import
from lensapp.services.inspect.consensus import consensus_report
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.team import team_of
from lensapp.services.inspect.vote_import import import_votes
from lensapp.services.inspect.votes import ViewPost, marks_of, save_view, view_for, vote_once
from lensapp.storage import reviews
from lensapp.storage.sources import get_source
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_review, add_source, add_votes, ids_of

NASTY = ["=cmd()", "'quoted", 'a "b"', "two\nlines", "0012", "nan", "-", "back\\slash", "çé 天", "a/b.fits"]


def open_at(folder: Path) -> Workspace:
    return Workspace.open(folder, database_url=f"sqlite:///{folder}.db")


@pytest.fixture(autouse=True)
def _tables_are_read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read tables in this process, not in one started for each, but where that is looked at too."""
    if "qt_stamp_visualizer" not in request.node.name:
        monkeypatch.setattr(vote_import, "isolated_once", lambda function, *work: function(*work))


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    workspace = open_at(tmp_path / "w")
    add_source(workspace, "sky", count=12)
    yield workspace
    workspace.database.close()


def write(path: Path, columns: list[str], rows: list[list[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def grades(ws: Workspace, name: str) -> dict[str, tuple[str, int]]:
    return {
        row["id"]: (row["grade"], row["votes"])
        for row in consensus_report(ws, review_names=[name])["results"]
    }


def test_columns_and_grades_of_qt_stamp_visualizer_are_understood(ws: Workspace, tmp_path: Path) -> None:
    path = write(
        tmp_path / "classification_single_ann_4.csv",
        ["", "file_name", "classification", "subclassification", "comment"],
        [[0, "sky-000.fits", "SL", "", "arc"], [1, "sky-001.fits", "ML", "", ""],
         [2, "sky-002.fits", "NL", "Spiral", ""], [3, "sky-003.fits", "None", "", ""]],
    )  # fmt: skip
    report = import_votes(ws, name="sky", path=path, inspector="ann")
    assert (report["added"], report["new_reviews"]) == (3, ["sky-all"])
    assert report["refused"] == [{"row": 4, "id": "sky-003.fits", "reason": "no grade given"}]
    assert grades(ws, "sky-all") == {"sky-000": ("A", 1), "sky-001": ("B", 1), "sky-002": ("X", 1)}
    votes = reviews.votes_of(ws.database)
    assert [vote.contaminant for vote in votes] == [None, None, "spiral"]
    assert votes[0].comment == "arc"


def test_columns_and_words_of_space_warps_are_understood(ws: Workspace, tmp_path: Path) -> None:
    path = write(
        tmp_path / "dump.csv",
        ["classification_id", "user_name", "subject_id", "annotation", "created_at"],
        [[1, "ann", "sky-000", "LENS", "2026-01-31 12:00:00 UTC"], [2, "bob", "sky-000", "NOT", "2026-01-31"],
         [3, "ann", "sky-000", "NOT", "2026-01-31 11:00:00 UTC"]],
    )  # fmt: skip
    report = import_votes(ws, name="sky", path=path)
    assert report["columns"]["inspector"] == "user_name"
    assert report["inspectors"] == {"ann": 2, "bob": 1}
    assert grades(ws, "sky-all") == {"sky-000": ("B", 2)}  # ann's later vote counts: A and X


def test_other_grades_are_mapped_and_unknown_ones_refused_by_row(ws: Workspace, tmp_path: Path) -> None:
    add_review(ws, get_source(ws.database, "sky"))
    path = write(tmp_path / "v.csv", ["obj", "who", "mark"], [["sky-000", "ann", 2], ["sky-001", "ann", 7],
                 ["other", "ann", 1], ["sky-002", "", 1]])  # fmt: skip
    columns = {"id": "OBJ", "inspector": "who", "grade": "mark"}
    with pytest.raises(InvalidInput, match="--id-column"):
        import_votes(ws, name="look", path=path)
    report = import_votes(ws, name="look", path=path, columns=columns, grade_map=parse_grade_map("2=A, 1=B"))
    assert report["added"] == 1
    reasons = {refusal["row"]: refusal["reason"] for refusal in report["refused"]}
    assert sorted(reasons) == [2, 3, 4]
    assert "map it, as 7=A" in reasons[2]
    assert "not a candidate of look" in reasons[3]
    assert reviews.votes_of(ws.database)[0].grade == "A"
    with pytest.raises(NotFound, match="Reviews: look"):
        import_votes(ws, name="nothing", path=path, columns=columns)
    with pytest.raises(InvalidInput, match="no column of inspectors"):
        import_votes(ws, name="look", path=write(tmp_path / "w.csv", ["id", "grade"], [["sky-000", "A"]]))


def test_a_dry_run_says_the_same_and_writes_nothing(ws: Workspace, tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", ["id", "inspector", "grade"], [["sky-000", "ann", "A"]])
    planned = import_votes(ws, name="sky", path=path, dry_run=True)
    assert reviews.list_reviews(ws.database) == []
    done = import_votes(ws, name="sky", path=path)
    assert planned | {"dry_run": False} == done
    assert done["added"] == 1


def test_without_times_the_last_row_counts_and_a_repetition_adds_nothing(
    ws: Workspace, tmp_path: Path
) -> None:
    rows = [
        ["sky-000", "ann", "A"],
        ["sky-000", "ann", "X"],
        ["sky-000", "ann", "A"],
        ["sky-001", "bob", "C"],
    ]
    path = write(tmp_path / "v.csv", ["id", "inspector", "grade"], rows)
    assert import_votes(ws, name="sky", path=path)["added"] == 4
    again = import_votes(ws, name="sky", path=path)
    assert (again["added"], again["already_there"]) == (0, 4)
    merged = write(tmp_path / "more.csv", ["id", "inspector", "grade"], [*rows, ["sky-002", "bob", "B"]])
    assert import_votes(ws, name="sky", path=merged)["added"] == 1
    assert grades(ws, "sky-all") == {"sky-000": ("A", 1), "sky-001": ("C", 1), "sky-002": ("B", 1)}


def joined_as_before(path: Path) -> Path:
    """Write catalogue and votes as the two tables of one file, as exports did before version 0.2."""
    beside, one = path.with_name(f"{path.stem}_votes{path.suffix}"), path.with_stem("one")
    if path.suffix == ".fits":
        with fits.open(path) as catalogue, fits.open(beside) as votes:
            fits.HDUList([*catalogue, votes[1]]).writeto(one)
    else:
        file = votable.parse(path)
        file.resources[0].tables.append(votable.parse(beside).resources[0].tables[0])
        file.to_xml(str(one))
    return one


@pytest.mark.parametrize(
    ("ending", "in_one_file"),
    [(".csv", False), (".ecsv", False), (".fits", False), (".vot", False), (".parquet", False),
     (".fits", True), (".vot", True)],
)  # fmt: skip
def test_votes_survive_export_and_import_into_an_empty_workspace(
    tmp_path: Path, ending: str, in_one_file: bool
) -> None:
    first, second = open_at(tmp_path / "first"), open_at(tmp_path / "second")
    add_source(second, "other", count=2)  # other cutout ids than in the first
    rows = [{"candidate_id": name} for name in NASTY]
    sources = [add_source(each, "sky", count=len(rows), cutouts=rows) for each in (first, second)]
    ids = ids_of(first, sources[0])
    look = add_review(first, sources[0])
    add_votes(first, look, '@ann "x"', {key: "ABCX"[k % 4] for k, key in enumerate(ids.values())})
    add_votes(first, look, "bob", {ids["-"]: "A", ids["nan"]: "C"})
    add_votes(first, look, "bob", {ids["-"]: None, ids["nan"]: "A"})
    own = ReviewSpec(order="given", grades="own", own_grades=("sure=3", "odd=1.25", "no=0"))
    make_own_vote(first, create_review(first, name="own", source_name="sky", spec=own).id, ids["0012"])
    export(first, CatalogueQuery(of=("sky",)), out=tmp_path / f"out{ending}")
    path = joined_as_before(tmp_path / f"out{ending}") if in_one_file else tmp_path / f"out_votes{ending}"
    report = import_votes(second, name="sky", path=path)
    assert (report["refused"], report["added"], report["new_reviews"]) == ([], 15, ["look", "own"])
    for name in ("look", "own"):
        for method in ("mean", "dawid_skene"):
            spec = ConsensusSpec(method=method)
            mine, theirs = (
                consensus_report(each, review_names=[name], spec=spec) for each in (first, second)
            )
            assert mine == theirs
    kept, taken = (reviews.votes_of(each.database) for each in (first, second))
    for name in ("client", "seq", "inspector", "grade", "contaminant", "comment", "stretch", "score_seen"):
        assert [getattr(vote, name) for vote in taken] == [getattr(vote, name) for vote in kept], name
    for name in ("voted_at", "received_at", "seconds_spent"):
        here, there = ([getattr(vote, name) or 0 for vote in each] for each in (taken, kept))
        assert here == pytest.approx(there, rel=0, abs=1e-6), name
    assert import_votes(second, name="sky", path=path)["already_there"] == 15
    assert import_votes(first, name="sky", path=path)["added"] == 0
    first.database.close()
    second.database.close()


def make_own_vote(ws: Workspace, review_id: int, cutout_id: int) -> None:
    vote = {
        "client": "tab-own-1",
        "seq": 1,
        "review_id": review_id,
        "cutout_id": cutout_id,
        "inspector": "eve",
        "grade": "odd",
        "value": 1.25,
        "comment": "=1+1\nodd",
        "voted_at": 1.7e9 + 1 / 7,
        "seconds_spent": 2.5,
        "stretch": "asinh",
        "score_seen": True,
        "starred": True,
    }
    reviews.add_votes(ws.database, [vote])


def test_another_vote_with_the_same_running_number_is_refused(ws: Workspace, tmp_path: Path) -> None:
    columns = ["id", "inspector", "grade", "client", "seq"]
    import_votes(
        ws, name="sky", path=write(tmp_path / "a.csv", columns, [["sky-000", "ann", "A", "tab-1", 1]])
    )
    rows = [["sky-001", "ann", "X", "tab-1", 1], ["sky-001", "bob", "X", "tab-1", 1]]
    report = import_votes(ws, name="sky", path=write(tmp_path / "b.csv", columns, rows))
    assert report["inspectors"] == {"bob": 1}  # nobody can take the numbers of another's tab
    assert "running number 1" in report["refused"][0]["reason"]


def test_closed_reviews_refuse_strangers_and_unknown_contaminants(ws: Workspace, tmp_path: Path) -> None:
    spec = ReviewSpec(order="given", inspectors=("ann",), contaminants=("spiral",))
    create_review(ws, name="closed", source_name="sky", spec=spec)
    rows = [["sky-000", "bob", "A", ""], ["sky-001", "ann", "X", "comet"], ["sky-002", "ann", "X", "Spiral"]]
    path = write(tmp_path / "v.csv", ["id", "inspector", "grade", "contaminant"], rows)
    report = import_votes(ws, name="closed", path=path)
    assert report["added"] == 1
    assert [row["row"] for row in report["refused"]] == [1, 2]


def test_the_command_line_imports_and_says_what_it_did(
    ws: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSAPP_DATABASE_URL", f"sqlite:///{tmp_path / 'w.db'}")
    path = write(tmp_path / "v.csv", ["name", "p1", "g"], [["sky-000", "ann", 2]])
    given_options = ["--inspector-column", "p1", "--grade-column", "g", "--map", "2=A,1=B", "--json"]
    command = ["--workspace", str(tmp_path / "w"), "import-votes", "sky", str(path), *given_options]
    assert main([*command, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["added"] == 1
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["reviews"] == ["sky-all"]
    assert main([*command[:-2], "2=A,2=B"]) == 2
    assert "each grade once" in capsys.readouterr().err


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**33), st.text(max_size=8))
def test_times_and_spellings_are_read_or_refused_plainly(seconds: int, text: str) -> None:
    moment = np.datetime64(min(seconds, 10**9), "s").item().isoformat()
    assert (
        parse_time(moment)
        == parse_time(f"{moment}Z")
        == parse_time(str(5 * 10**8 + seconds)) - (5 * 10**8 + seconds - min(seconds, 10**9))
    )
    assert parse_time(f"{1.7e12:.0f}") == 1.7e9
    assert spellings(text)[0] == text
    with pytest.raises(InvalidInput, match="is no time"):
        parse_time("yesterday" + text)


def test_words_for_lenses_mean_the_best_grade_of_any_scheme() -> None:
    for scheme in SCHEMES.values():
        assert grade_of("Lens candidate", scheme, {}) == scheme.letters[0]
        assert grade_of("not a lens", scheme, {}) == scheme.letters[-1]
    assert grade_of("b", ABCX, {}) == "B"
    with pytest.raises(InvalidInput, match="map it, as 1=A"):
        grade_of("1", ABCX, {})


def test_votes_with_impossible_ids_are_refused_by_row(ws: Workspace, tmp_path: Path) -> None:
    rows = [["", "ann", "A", ""], ["sky\0-000", "ann", "A", ""], ["sky-000", "ann", "A", "a\0b"]]
    path = tmp_path / "v.parquet"
    pd.DataFrame(rows, columns=["id", "inspector", "grade", "comment"]).to_parquet(path)
    report = import_votes(ws, name="sky", path=path)
    assert {refusal["row"]: refusal["reason"] for refusal in report["refused"]} == {
        1: "the ID is empty",
        2: "the ID 'sky\\x00-000' holds characters that no database keeps",
    }
    assert report["added"] == 1
    assert import_votes(ws, name="sky", path=path)["already_there"] == 1


@pytest.mark.parametrize(
    ("text", "iso"),
    [  # by astropy.time: Time(iso).mjd, .jd; a serial is MJD - 15018
        ("60314.5", "2024-01-05T12:00:00"), ("2460315.0", "2024-01-05T12:00:00"), ("20240105", "2024-01-05"),
        ("45296.5", "2024-01-05T12:00:00"), ("20240105120000", "2024-01-05T12:00:00"),
        ("1704456000", "2024-01-05T12:00:00"), ("1704456000000", "2024-01-05T12:00:00"),
        ("13/01/2024 12:00", "2024-01-13T12:00:00"), ("01/13/2024 12:00", "2024-01-13T12:00:00"),
    ],
)  # fmt: skip
def test_numbers_and_dates_of_every_kind_are_times(text: str, iso: str) -> None:
    assert parse_time(text) == parse_time(f"{iso}Z" if "T" in iso else iso)


def test_raw_exports_of_panoptes_are_votes_on_the_files_of_their_subjects(
    ws: Workspace, tmp_path: Path
) -> None:
    rows = [
        [number, user, when, json.dumps([{"task": "T0", "value": value}]),
         json.dumps({"501": {"retired": None, "#filename": "sky-000.png"}}), 501]
        for number, user, when, value in [
            (1, "Proth", "2024-01-01 09:01:10 UTC", "Yes"), (2, "Proth", "2024-01-01 09:01:46 UTC", "No"),
            (3, "jm", "2024-01-02 01:18:33 UTC", "Yes"),
        ]
    ]  # fmt: skip
    columns = ["classification_id", "user_name", "created_at", "annotations", "subject_data", "subject_ids"]
    assert import_votes(ws, name="sky", path=write(tmp_path / "z.csv", columns, rows))["added"] == 3
    assert grades(ws, "sky-all")["sky-000"][1] == 2


def test_a_file_of_which_no_row_is_a_vote_is_refused(ws: Workspace, tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", ["id", "inspector", "grade"], [["elsewhere", "ann", "A"]])
    with pytest.raises(InvalidInput, match="None of the 1 rows"):
        import_votes(ws, name="sky", path=path)


def test_votes_follow_candidates_that_are_imported_anew(ws: Workspace, tmp_path: Path) -> None:
    columns = ["id", "inspector", "grade", "review", "client", "seq"]
    path = write(tmp_path / "v.csv", columns, [["SKY-000", "ann", "A", "sky-all", "tab-1", 1]])
    assert import_votes(ws, name="sky", path=path)["added"] == 1
    rows = [{"candidate_id": f"sky-{k:03d}"} for k in range(12)]
    add_source(ws, "again", count=12, cutouts=rows)
    assert import_votes(ws, name="again", path=path)["reviews"] == ["sky-all-again"]
    assert import_votes(ws, name="again", path=path)["already_there"] == 1


def test_a_name_in_any_case_and_unicode_form_is_one_inspector(ws: Workspace, tmp_path: Path) -> None:
    composed, decomposed = "Zoë Świst", unicodedata.normalize("NFD", "zoë  ŚWIST ")
    rows = [["sky-000", composed, "A"], ["sky-000", decomposed, "X"], ["sky-001", "ＡＤＡ", "B"]]
    path = write(tmp_path / "v.csv", ["id", "inspector", "grade"], rows)
    assert import_votes(ws, name="sky", path=path)["inspectors"] == {composed: 2, "ＡＤＡ": 1}
    vote_once(ws, source_or_review_name="sky", candidate_id="sky-001", grade="C", inspector=" ada")
    assert grades(ws, "sky-all") == {"sky-000": ("X", 1), "sky-001": ("C", 1)}
    assert {vote.inspector for vote in reviews.votes_of(ws.database)} == {composed, "ＡＤＡ"}
    assert len(reviews.votes_of(ws.database, inspector="zoë świst")) == 2
    assert [record.name for record in team_of(ws, review_name="sky-all").inspectors] == [composed, "ＡＤＡ"]


def test_invitations_hold_for_every_spelling_and_name_a_person_once(ws: Workspace) -> None:
    spec = ReviewSpec(order="given", inspectors=("Ann Lee", "ann  lee", "Bob"))
    look = create_review(ws, name="look", source_name="sky", spec=spec)
    assert look.spec["inspectors"] == ["Ann Lee", "Bob"]
    vote = vote_once(ws, source_or_review_name="look", candidate_id="sky-000", grade="A", inspector="ANN LEE")
    assert vote.inspector == "Ann Lee"
    with pytest.raises(InvalidInput, match="not one of the inspectors"):
        vote_once(ws, source_or_review_name="look", candidate_id="sky-000", grade="A", inspector="Ann")
    save_view(ws, review=look, inspector="ann lee", post=ViewPost(last=3))
    assert view_for(ws, review=look, inspector="Ann LEE").last == 3
    assert marks_of(ws, review=look, inspector="ann lee").keys() == {vote.cutout_id}


def test_the_same_votes_from_another_file_or_review_are_not_added_again(
    ws: Workspace, tmp_path: Path
) -> None:
    columns = ["id", "inspector", "grade", "voted_at"]
    rows = [["sky-000", "Ann", "A", "2024-01-05T12:00:00.123456Z"], ["sky-001", "Ann", "B", "2024-01-05"]]
    assert import_votes(ws, name="sky", path=write(tmp_path / "a.csv", columns, rows))["added"] == 2
    again = [
        [rows[0][0], "ann", "a", "2024-01-05 12:00:00.123456"],
        rows[1],
        ["sky-001", "Ann", "X", "2024-01-06"],
    ]
    report = import_votes(ws, name="sky", path=write(tmp_path / "b.csv", columns, again))
    assert (report["added"], report["already_there"]) == (1, 2)
    other = [[*row, "second"] for row in rows]
    report = import_votes(ws, name="sky", path=write(tmp_path / "c.csv", [*columns, "review"], other))
    assert (report["added"], report["already_there"]) == (0, 2)
    export(ws, CatalogueQuery(of=("sky",)), out=tmp_path / "out.csv")
    plain = pd.read_csv(tmp_path / "out_votes.csv", dtype=str)[columns]
    plain.to_csv(tmp_path / "d.csv", index=False)
    assert import_votes(ws, name="sky", path=tmp_path / "d.csv")["already_there"] == 3


def test_votes_that_another_review_holds_are_told_of_when_a_review_takes_them_too(
    ws: Workspace, tmp_path: Path
) -> None:
    columns = ["id", "inspector", "grade", "voted_at"]
    rows = [["sky-000", "Ann", "A", "2024-01-05T12:00"], ["sky-001", "Ann", "B", "2024-01-05T12:01"]]
    import_votes(ws, name="sky", path=write(tmp_path / "a.csv", columns, rows))
    create_review(ws, name="second", source_name="sky", spec=ReviewSpec(order="given"))
    more = write(tmp_path / "b.csv", columns, [*rows, ["sky-002", "Ann", "C", "2024-01-05T12:02"]])
    report = import_votes(ws, name="second", path=more)
    assert (report["added"], report["already_there"]) == (3, 0)
    [said] = report["warnings"]
    assert said.startswith("2 new votes are already in sky-all. Added here too, ")
    assert import_votes(ws, name="second", path=more)["warnings"] == []


def test_of_votes_on_one_day_the_later_row_counts_and_a_repeated_row_is_one_vote(
    ws: Workspace, tmp_path: Path
) -> None:
    columns = ["id", "inspector", "grade", "date"]
    rows = [["sky-000", "ann", grade, "2024-01-05"] for grade in "AXXBA"]
    path = write(tmp_path / "v.csv", columns, rows)
    report = import_votes(ws, name="sky", path=path)
    assert (report["added"], report["already_there"]) == (4, 1)
    assert grades(ws, "sky-all") == {"sky-000": ("A", 1)}
    assert import_votes(ws, name="sky", path=path)["added"] == 0


@pytest.mark.parametrize(
    ("dates", "order"),
    [(["05/01/2024", "13/01/2024"], "day-first"), (["05/01/2024 10:00", "01/13/2024 11:00"], "month-first"),
     (["05-01-2024", "31-01-2024"], "day-first"), (["05/01/2024", "06/01/2024"], None),
     (["13/01/2024", "01/14/2024"], None), (["05.01.2024", "2024-01-13"], None)],
)  # fmt: skip
def test_one_decisive_date_tells_the_order_of_a_column(dates: list[str], order: str | None) -> None:
    assert date_order(dates) == order
    assert [has_two_readings(text) for text in ("05/01/2024", "05/05/2024", "05.01.2024", None)] == [
        True, False, False, False,
    ]  # fmt: skip


def test_ambiguous_dates_are_said_and_refused_where_the_last_vote_depends_on_them(
    ws: Workspace, tmp_path: Path
) -> None:
    columns = ["id", "inspector", "grade", "voted_at"]
    told = [["sky-000", "ann", "A", "02/01/2024"], ["sky-000", "ann", "X", "01/31/2024"]]
    import_votes(ws, name="sky", path=write(tmp_path / "a.csv", columns, told))
    assert grades(ws, "sky-all") == {"sky-000": ("A", 1)}  # 1 February is the later day
    same = [["sky-001", "ann", "A", "05/01/2024 3:05 PM"], ["sky-001", "ann", "X", "06/02/2024"]]
    path = write(tmp_path / "b.csv", columns, same)
    report = import_votes(ws, name="sky", path=path)
    assert "2 dates in the column voted_at, such as 05/01/2024 3:05 PM" in report["warnings"][0]
    other = [["sky-002", "ann", "A", "05/01/2024"], ["sky-002", "ann", "X", "02/03/2024"]]
    path = write(tmp_path / "c.csv", columns, other)
    with pytest.raises(InvalidInput, match="--date-order"):
        import_votes(ws, name="sky", path=path)
    report = import_votes(ws, name="sky", path=path, order="month-first")
    assert (report["warnings"], grades(ws, "sky-all")["sky-002"]) == ([], ("A", 1))  # 1 May after 3 February
    stored = [vote for vote in reviews.votes_of(ws.database) if vote.grade == "A"]
    assert stored[-1].voted_at == Time("2024-05-01").unix


def test_small_numbers_are_no_times_and_that_is_said(ws: Workspace, tmp_path: Path) -> None:
    rows = [["sky-000", "ann", "X", 3], ["sky-000", "ann", "B", 2], ["sky-000", "ann", "A", 1]]
    path = write(tmp_path / "v.csv", ["id", "inspector", "grade", "time"], rows)
    report = import_votes(ws, name="sky", path=path)
    assert "The column time holds no times, such as '3'" in report["warnings"][0]
    assert grades(ws, "sky-all") == {"sky-000": ("A", 1)}  # the last row
    with pytest.raises(InvalidInput, match="'3' is no time"):
        import_votes(ws, name="sky", path=path, columns={"voted_at": "time"})


def test_a_table_of_consensus_is_not_taken_as_one_inspectors_votes(ws: Workspace, tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", ["id", "inspector", "grade"], [["sky-000", "ann", "A"]])
    import_votes(ws, name="sky", path=path)
    export(ws, CatalogueQuery(of=("sky",)), out=tmp_path / "out.csv")
    summed = [
        tmp_path / "out.csv",
        write(tmp_path / "p.csv", ["objid", "grade", "N_votes"], [["sky-000", "A", 7]]),
        write(tmp_path / "q.csv", ["subject_id", "label", "vote fraction"], [["sky-000", "lens", 0.7]]),
    ]
    for path in summed:
        with pytest.raises(InvalidInput, match="sums up the votes of several people"):
            import_votes(ws, name="sky", path=path, inspector="Team")
    report = import_votes(ws, name="sky", path=path, inspector="Bob", columns={"grade": "label"})
    assert (report["added"], len(report["warnings"])) == (1, 1)


def test_names_that_are_too_long_are_refused_by_row_and_by_command(ws: Workspace, tmp_path: Path) -> None:
    rows = [["sky-000", "a" * 101, "A"], ["sky-001", "a" * 100, "A"], ["sky-002", "\ufdfa" * 100, "A"]]
    report = import_votes(ws, name="sky", path=write(tmp_path / "v.csv", ["id", "inspector", "grade"], rows))
    assert report["added"] == 1
    reasons = {refusal["row"]: refusal["reason"] for refusal in report["refused"]}
    assert "of 101 characters cannot be an inspector's name: it needs 1 to 100" in reasons[1]
    assert "stand for whole words" in reasons[3]  # one sign is 18 letters (Unicode, U+FDFA)
    with pytest.raises(InvalidInput, match="has 101 characters: write a name of 1 to 100"):
        ReviewSpec.parse({"contaminants": ["c" * 101]})
