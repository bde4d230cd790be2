"""The workspace: one folder of pixels, networks and exports, and one database."""

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from lensapp.core.errors import StorageError
from lensapp.storage.database import OPENING_SECONDS, Database, file_address

DEFAULT_FOLDER = "workspace"
DATABASE_FILE = "workspace.db"
SECRET_FILE = "token.secret"  # noqa: S105 - its name
RENAMING = ".renaming-"  # begins the name of a file that says what a program is renaming
FOLDERS = ("cutouts", "runs", "exports")


@dataclass(frozen=True)
class Workspace:
    """An open workspace.

    Attributes
    ----------
    folder
        Holds `cutouts/`, `runs/`, `exports/` and the token secret.
    database
        The tables; `workspace.db` in the folder unless LENSAPP_DATABASE_URL names a server.
    """

    folder: Path
    database: Database

    @classmethod
    def open(
        cls,
        folder: Path | str | None = None,
        *,
        database_url: str | None = None,
        patience_seconds: float = OPENING_SECONDS,
    ) -> "Workspace":
        """Open the workspace, making or migrating it where needed; for reading where it cannot be written.

        What a program that was killed had half renamed is whole again afterwards.

        Parameters
        ----------
        folder
            Default: LENSAPP_WORKSPACE, or `./workspace`.
        database_url
            Default: LENSAPP_DATABASE_URL, or SQLite in the folder.
        patience_seconds
            How long to wait for a database that does not answer.
        """
        path = Path(folder or os.environ.get("LENSAPP_WORKSPACE") or DEFAULT_FOLDER).absolute()
        file = path / DATABASE_FILE
        readable = all(os.access(one, os.R_OK, effective_ids=True) for one in (path, file))
        writable = all(os.access(one, os.W_OK, effective_ids=True) for one in (path, file))
        try:
            for name in () if readable and not writable else FOLDERS:
                (path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The workspace folder {path} cannot be written ({error.strerror}). Choose another with "
                "--workspace or LENSAPP_WORKSPACE."
            ) from error
        server = database_url or os.environ.get("LENSAPP_DATABASE_URL")
        read_only = readable and not writable and not server
        database = Database(server or file_address(file), read_only=read_only)
        patience, database.patience_seconds = database.patience_seconds, patience_seconds
        try:
            database.migrate()
        except StorageError:
            database.close()
            raise
        database.patience_seconds = patience
        opened = cls(path, database)
        if not read_only and any(path.glob(f"{RENAMING}*.json")):
            from lensapp.storage.care.renames import finish_renames  # which itself knows workspaces

            finish_renames(opened)
        return opened

    def cutouts_folder(self, source_name: str) -> Path:
        """Return the folder of a source's packed pixels."""
        return self.folder / "cutouts" / source_name

    def run_folder(self, run_name: str) -> Path:
        """Return the folder of a run's network, specification and evaluation."""
        return self.folder / "runs" / run_name

    @property
    def exports_folder(self) -> Path:
        """The folder of exported catalogues."""
        return self.folder / "exports"

    def secret(self) -> str:
        """Return the secret that signs gallery tokens, made on first use."""
        path = self.folder / SECRET_FILE
        if not path.exists():
            # Written whole before it has its name: nobody may read half a secret. The first one stays.
            whole = path.with_name(f"token.{secrets.token_hex(8)}")
            with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(whole)
            whole.unlink()
        return path.read_text("ascii")
