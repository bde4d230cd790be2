"""Whether anybody else has a workspace open."""

import sqlalchemy
from sqlalchemy import text

from lensapp.core.errors import InvalidInput
from lensapp.core.plurals import counted
from lensapp.storage import queue
from lensapp.storage.workspace import Workspace


def require_alone(ws: Workspace) -> None:
    """Refuse a workspace that a worker, the web app or a command has open; write an SQLite database whole.

    SQLite leaves its write-ahead log only when no other program has the file open; a PostgreSQL server tells
    who is connected.

    Raises
    ------
    InvalidInput
        When somebody has it open.
    """
    busy = (
        "Somebody works in the workspace: {}. End the web app, the workers and other commands first; 'jobs' "
        "lists what runs."
    )
    workers = queue.living_workers(ws.database)
    if workers:
        raise InvalidInput(busy.format(f"{counted(len(workers), 'worker')} alive"))
    with ws.database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            activity = text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid()"
            )
            others = connection.scalar(activity)
            if others:
                raise InvalidInput(busy.format(f"{others} other connections to its database"))
            return
    ws.database.close()  # our own pooled connections
    quick = sqlalchemy.create_engine(
        ws.database.url, connect_args={"timeout": 1}, isolation_level="AUTOCOMMIT"
    )
    try:
        with quick.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode=DELETE").scalar()
    except sqlalchemy.exc.OperationalError:
        mode = "locked"
    finally:
        quick.dispose()
    if mode != "delete":
        raise InvalidInput(busy.format("its database is open in another program"))
