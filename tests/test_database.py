"""The database: migrations from empty, from older and newer, transactions, and what it refuses."""

import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Connection,
    Float,
    Integer,
    LargeBinary,
    func,
    insert,
    inspect,
    select,
    text,
)

from lensapp.core.errors import InvalidInput, StorageError
from lensapp.storage import database as module
from lensapp.storage import queue, reviews, sources, tables
from lensapp.storage.database import Database, to_json
from lensapp.storage.records import Rejection
from lensapp.storage.workspace import Workspace
from support.database_servers import BACKENDS, empty_database, migrate

NEXT_REVISION = '''
"""Name the colour of each source."""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None


def upgrade():
    op.add_column("workers", sa.Column("colour", sa.String(20), nullable=False, server_default="none"))
    {after}
'''


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with empty_database(request.param, tmp_path) as address:
        yield address


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    opened.migrate()
    yield opened
    opened.close()


def program_up_to(folder: Path, revision: str) -> Path:
    """Return the migrations of a program as it was at one revision."""
    target = newer_program(folder)
    for path in (target / "versions").glob("[0-9]*.py"):
        if path.name[:4] > revision:
            path.unlink()
    return target


def newer_program(folder: Path, *, after: str = "") -> Path:
    """Return the migrations of a program that is one revision ahead of this one."""
    head = ScriptDirectory(str(module.MIGRATIONS)).get_current_head()
    target = folder / "migrations"
    for path in module.MIGRATIONS.rglob("*.py"):
        copy = target / path.relative_to(module.MIGRATIONS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (target / "versions" / "9999_next.py").write_text(NEXT_REVISION.format(head=head, after=after))
    return target


def revision_of(opened: Database) -> str | None:
    with opened.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def test_an_empty_database_gets_the_tables_that_the_program_declares(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    before = revision_of(database)
    database.migrate()
    assert revision_of(database) == before is not None


def test_several_processes_may_open_a_new_workspace_at_once(url: str) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(migrate, [url] * 2)
    opened = Database(url)
    assert revision_of(opened) is not None
    opened.close()


def test_an_older_workspace_is_migrated_and_keeps_its_rows(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.beat(database, worker="old", host="here")
    monkeypatch.setattr(module, "MIGRATIONS", newer_program(tmp_path))
    later = Database(database.url)
    later.migrate()
    with later.read() as connection:
        rows = connection.execute(text("SELECT name, host, colour FROM workers")).all()
    assert rows == [("old", "here", "none")]
    assert revision_of(later) == "9999"
    later.close()


def take_away_what_came_later(connection: Connection, version: str) -> None:
    of_accounts = ("invitations", "log_in_failures", "sessions", "accounts")
    for table in ("inspectors", "trash", "trail", "score_shards", "shares", *of_accounts):
        connection.execute(text(f"DROP TABLE {table}"))
    of_jobs = (("jobs", "enqueued_by"), ("jobs", "put_first_at"))
    for table, column in (("runs", "note"), ("runs", "tags"), ("sources", "first_name"), *of_jobs):
        connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
    connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def test_digests_of_an_older_workspace_are_kept_under_their_new_name(database: Database) -> None:
    source = sources.create_source(
        database, name="old", kind="import", bands=["r"], height=8, width=8, slots=1,
        pixel_scale_arcsec=None, spec={},
    )  # fmt: skip
    row = {"row": 0, "candidate_id": "one", "pixels_digest": "f" * 64, "masked_fraction": 0.0}
    sources.add_cutouts(database, source.id, [row | {"properties": {}}])
    with database.write() as connection:
        connection.execute(text("ALTER TABLE cutouts RENAME COLUMN pixels_digest TO pixels_sha256"))
        take_away_what_came_later(connection, "0005")
    database.migrate()
    assert sources.find_cutouts(database, "one")[0].pixels_digest == "f" * 64


def test_votes_of_an_older_workspace_are_one_inspectors_in_every_spelling(database: Database) -> None:
    source = sources.create_source(
        database, name="old", kind="import", bands=["r"], height=8, width=8, slots=1,
        pixel_scale_arcsec=None, spec={},
    )  # fmt: skip
    row = {"row": 0, "candidate_id": "one", "masked_fraction": 0.0, "properties": {}}
    sources.add_cutouts(database, source.id, [row])
    [cutout] = sources.find_cutouts(database, "one")
    review = reviews.create_review(
        database, name="look", source_id=source.id, run_id=None, spec={}, queue=np.array([cutout.id])
    )
    vote = {"review_id": review.id, "cutout_id": cutout.id, "received_at": 2.0, "score_seen": False}
    spellings = [("Ada", 1), ("ada", 1), ("ADA ", 2), ("Bob", 1)]
    with database.write() as connection:
        for spelling, seq in spellings:
            values = vote | {"client": "tab-1", "seq": seq, "inspector": spelling, "voted_at": 1.0}
            connection.execute(insert(tables.votes).values(**values))
        for number, spelling in enumerate(("Ada", "aDA")):
            values = {"review_id": review.id, "settings": {"last": number}, "updated_at": float(number)}
            connection.execute(insert(tables.view_settings).values(inspector=spelling, **values))
        take_away_what_came_later(connection, "0007")
    database.migrate()
    votes = reviews.votes_of(database)
    assert [one.inspector for one in votes] == ["Ada", "Ada", "Ada", "Bob"]
    assert [one.client for one in votes] == ["tab-1", f"respelt-{votes[1].id}", "tab-1", "tab-1"]
    assert len(reviews.votes_of(database, inspector="aDa")) == 3
    assert reviews.view_of(database, review_id=review.id, inspector="ADA") == {"last": 1}


NUMBERED = ("sources", "datasets", "runs", "studies", "reviews", "jobs", "accounts")


def fill_every_table(database: Database) -> None:
    """Add a row to every table that refers to one whose numbers are given once, and one to each of those."""
    values = {
        JSON: {}, Float: 1.0, Integer: 1, BigInteger: 1, LargeBinary: b"1", Boolean: True,
    }  # fmt: skip
    with database.write() as connection:
        for table in tables.metadata.sorted_tables:
            row = {
                column.name: next((one for kind, one in values.items() if isinstance(column.type, kind)), "a")
                for column in table.c
                if (not column.nullable or column.foreign_keys) and column.name != "id"
            }
            connection.execute(insert(table).values(row))


def give_numbers_again(connection: Connection) -> None:
    """Make the tables as they were in older workspaces."""
    operations = Operations(MigrationContext.configure(connection))
    for table in NUMBERED:
        with operations.batch_alter_table(
            table, recreate="always", table_kwargs={"sqlite_autoincrement": False}
        ):
            pass
    connection.execute(text("UPDATE alembic_version SET version_num = '0012'"))


def rows_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table))]
            for table in tables.metadata.sorted_tables
        }


def numbers_after_deletion(database: Database, table: sqlalchemy.Table) -> tuple[int, int]:
    """Return the number of a new row, and of the next one when that is gone."""
    row = {
        column.name: "new" if column.name in ("name", "name_key", "email") else value
        for column, value in zip(table.c, rows_of(database)[table.name][0], strict=True)
        if column.name != "id"
    }
    numbers = []
    for _ in range(2):
        with database.write() as connection:
            [number] = connection.execute(insert(table).values(row)).inserted_primary_key or ()
        with database.write() as connection:
            connection.execute(table.delete().where(table.c.id == number))
        numbers.append(number)
    return numbers[0], numbers[1]


def test_no_number_is_given_again_when_its_row_is_gone(database: Database) -> None:
    fill_every_table(database)
    for name in NUMBERED:
        first, second = numbers_after_deletion(database, tables.metadata.tables[name])
        assert second > first, name


def test_an_older_workspace_keeps_all_rows_and_gives_no_number_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    database.migrate()
    fill_every_table(database)
    with database._transaction(foreign_keys=False) as connection:
        give_numbers_again(connection)
    before = rows_of(database)
    first, second = numbers_after_deletion(database, tables.sources)
    assert second == first  # as SQLite does by itself
    monkeypatch.setattr(module, "MIGRATIONS", program_up_to(tmp_path, "0013"))  # what came later is there
    database.migrate()
    assert rows_of(database) == before
    assert all(before.values())
    for name in NUMBERED:
        first, second = numbers_after_deletion(database, tables.metadata.tables[name])
        assert second > first, name
    with database.read() as connection:
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert [index["name"] for index in inspect(connection).get_indexes("jobs")] == ["ix_jobs_state"]
    database.close()


def test_a_migration_that_loses_what_others_refer_to_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    database.migrate()
    fill_every_table(database)
    with database._transaction(foreign_keys=False) as connection:
        connection.execute(tables.studies.update().values(dataset_id=99))  # lost before: no reason to refuse
    before = rows_of(database)
    with monkeypatch.context() as patch:
        patch.setattr(
            module, "MIGRATIONS", newer_program(tmp_path / "a", after='op.execute("DELETE FROM runs")')
        )
        with pytest.raises(StorageError, match=r"without their row of runs; nothing was changed"):
            database.migrate()
    assert rows_of(database) == before
    monkeypatch.setattr(module, "MIGRATIONS", newer_program(tmp_path / "b"))
    database.migrate()
    assert revision_of(database) == "9999"
    database.close()


def test_a_newer_workspace_is_refused_and_left_alone(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "MIGRATIONS", newer_program(tmp_path))
        database.migrate()
    with pytest.raises(StorageError, match=r"version 9999.*: it was made by a newer program\. Update"):
        Workspace.open(tmp_path / "w", database_url=database.url)
    assert revision_of(database) == "9999"


def test_a_migration_that_fails_leaves_the_older_tables(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = revision_of(database)
    broken = newer_program(tmp_path, after='op.execute("INSERT INTO nowhere VALUES (1)")')
    monkeypatch.setattr(module, "MIGRATIONS", broken)
    with pytest.raises(StorageError, match="nowhere"):
        database.migrate()
    assert revision_of(database) == before
    with database.read() as connection:
        assert "colour" not in {column["name"] for column in inspect(connection).get_columns("workers")}


def test_a_failed_transaction_stores_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError, match="half way"):
        write_half(database)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.workers)) == 0


def write_half(database: Database) -> None:
    row = {"name": "w", "host": "h", "started_at": 0.0, "heartbeat_at": 0.0}
    with database.write() as connection:
        connection.execute(insert(tables.workers).values(row))
        raise RuntimeError("half way")


def test_what_is_written_as_a_whole_is_seen_inside_and_stored_whole_or_not_at_all(database: Database) -> None:
    with pytest.raises(RuntimeError, match="half way"):
        beat_twice(database, fails=True)
    assert queue.living_workers(database) == []
    beat_twice(database, fails=False)
    assert sorted(queue.living_workers(database)) == ["one", "two"]
    queue.beat(database, worker="three", host="h")  # a transaction of its own again
    assert len(queue.living_workers(database)) == 3


def beat_twice(database: Database, *, fails: bool) -> None:
    with database.whole():
        queue.beat(database, worker="one", host="h")
        assert queue.living_workers(database) == ["one"]
        queue.beat(database, worker="two", host="h")
        if fails:
            raise RuntimeError("half way")


def test_threads_write_at_once_without_losing_a_row(database: Database) -> None:
    threads = [threading.Thread(target=beat_often, args=(database, k)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(queue.living_workers(database)) == 60


def beat_often(database: Database, number: int) -> None:
    for k in range(10):
        queue.beat(database, worker=f"w{number}-{k}", host="h")


def create_at_once(database: Database, gate: threading.Barrier, outcomes: list[str]) -> None:
    gate.wait()
    try:
        sources.create_source(
            database, name="same", kind="files", bands=["g"], height=8, width=8, slots=1,
            pixel_scale_arcsec=None, spec={},
        )  # fmt: skip
    except InvalidInput as error:
        outcomes.append(str(error))
    else:
        outcomes.append("made")


def test_of_many_that_take_one_name_at_once_one_succeeds_and_the_others_are_told(database: Database) -> None:
    gate, outcomes = threading.Barrier(6), list[str]()
    threads = [threading.Thread(target=create_at_once, args=(database, gate, outcomes)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    *refusals, last = sorted(outcomes)
    assert last == "made"
    assert set(refusals) == {"There is a source called 'same' already. Choose another name."}
    assert len(refusals) == 5
    assert len(sources.list_sources(database)) == 1


def test_reading_goes_on_while_another_connection_writes(database: Database) -> None:
    queue.beat(database, worker="seen", host="h")
    with database.write() as connection:
        connection.execute(sqlalchemy.delete(tables.workers))
        assert queue.living_workers(database) == ["seen"]
    assert queue.living_workers(database) == []


def test_numbers_that_json_lacks_are_stored_as_null(database: Database) -> None:
    figures = {"loss": float("nan"), "auc": [0.5, float("inf")], "nested": {"x": (-float("inf"), 1)}}
    job = queue.add_job(database, kind="train", title="t", payload=figures)
    assert job.payload == {"loss": None, "auc": [0.5, None], "nested": {"x": [None, 1]}}
    assert to_json({"a": 1.5}) == '{"a": 1.5}'


def test_sqlite_runs_in_wal_mode_with_foreign_keys(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path, database_url=f"sqlite:///{tmp_path / 'workspace.db'}")
    with workspace.database.read() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert connection.scalar(text("PRAGMA busy_timeout")) == 30_000
    workspace.database.close()


def test_the_environment_chooses_folder_and_database(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "chosen"))
    monkeypatch.setenv("LENSAPP_DATABASE_URL", url)
    workspace = Workspace.open()
    assert workspace.folder == tmp_path / "chosen"
    assert workspace.database.url == url
    assert revision_of(workspace.database) is not None
    assert not (tmp_path / "chosen" / "workspace.db").exists()
    workspace.database.close()


def test_the_default_database_is_a_file_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LENSAPP_DATABASE_URL", raising=False)
    workspace = Workspace.open(tmp_path / "w")
    assert (tmp_path / "w" / "workspace.db").is_file()
    assert {path.name for path in workspace.folder.iterdir() if path.is_dir()} == {
        "cutouts",
        "runs",
        "exports",
    }
    workspace.database.close()


@pytest.mark.parametrize(
    ("address", "what"),
    [("mysql://u@h/d", "'mysql' databases are not supported"),
     ("nonsense", "LENSAPP_DATABASE_URL"),
     ("sqlite:////nowhere/at/all.db", r"sqlite:////nowhere/at/all\.db cannot be opened: unable to open"),
     ("postgresql://u:secret@127.0.0.1:1/d", r"u:\*\*\*@127\.0\.0\.1:1/d cannot be opened")],
)  # fmt: skip
def test_a_database_that_cannot_be_opened_is_named_without_its_password(
    tmp_path: Path, address: str, what: str
) -> None:
    with pytest.raises(StorageError, match=what) as caught:
        Workspace.open(tmp_path, database_url=address)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "workspace.db").write_bytes(b"SIMPLE  =                    T" * 100)
    with pytest.raises(StorageError, match="file is not a database"):
        Workspace.open(tmp_path, database_url=f"sqlite:///{tmp_path / 'workspace.db'}")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Choose another with --workspace"):
        Workspace.open(tmp_path / "file" / "w")


def test_the_token_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path, database_url=f"sqlite:///{tmp_path / 'w.db'}")
    secrets = {workspace.secret() for _ in range(3)}
    assert len(secrets) == 1
    assert len(secrets.pop()) == 64
    assert (tmp_path / "token.secret").stat().st_mode & 0o077 == 0
    workspace.database.close()


def test_text_of_strangers_is_kept_alike_by_both_databases(database: Database) -> None:
    source = sources.create_source(
        database, name="sky", kind="import", bands=("g",), height=8, width=8, slots=1,
        pixel_scale_arcsec=None, spec={},
    )  # fmt: skip
    sources.add_rejections(database, source.id, [Rejection("a.fits", "bad_id", "a\0b \udc80 é")])
    [kept] = sources.list_rejections(database, source.id)
    assert kept.reason == "a\ufffdb ? é"


def test_a_text_that_is_too_long_is_refused_alike_by_both_databases(database: Database) -> None:
    source = sources.create_source(
        database, name="old", kind="import", bands=["r"], height=8, width=8, slots=1,
        pixel_scale_arcsec=None, spec={},
    )  # fmt: skip
    row = {"row": 0, "candidate_id": "one", "masked_fraction": 0.0, "properties": {}}
    for column, most in (("label", 100), ("object_class", 100), ("candidate_id", 300)):
        with pytest.raises(InvalidInput, match=f"has {most + 1} characters, where the database keeps {most}"):
            sources.add_cutouts(database, source.id, [row | {column: "é" * (most + 1)}])
    sources.add_cutouts(database, source.id, [row | {"label": "é" * 100}])
    assert sources.find_cutouts(database, "one")[0].label == "é" * 100
