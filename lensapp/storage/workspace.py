"""The workspace: one folder of pixels, networks and exports, and one database."""

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from lensapp.core.errors import StorageError
from lensapp.storage.database import Database

DEFAULT_FOLDER = "workspace"


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
    def open(cls, folder: Path | str | None = None, *, database_url: str | None = None) -> "Workspace":
        """Open the workspace, making or migrating it where needed.

        Parameters
        ----------
        folder
            Default: LENSAPP_WORKSPACE, or `./workspace`.
        database_url
            Default: LENSAPP_DATABASE_URL, or SQLite in the folder.
        """
        path = Path(folder or os.environ.get("LENSAPP_WORKSPACE") or DEFAULT_FOLDER).absolute()
        try:
            for name in ("cutouts", "runs", "exports"):
                (path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The workspace folder {path} cannot be written ({error.strerror}). Choose another with "
                "--workspace or LENSAPP_WORKSPACE."
            ) from error
        url = database_url or os.environ.get("LENSAPP_DATABASE_URL") or f"sqlite:///{path / 'workspace.db'}"
        database = Database(url)
        try:
            database.migrate()
        except StorageError:
            database.close()
            raise
        return cls(path, database)

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
        path = self.folder / "token.secret"
        if not path.exists():
            # Written whole before it has its name: nobody may read half a secret. The first one stays.
            whole = path.with_name(f"token.{secrets.token_hex(8)}")
            with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(whole)
            whole.unlink()
        return path.read_text("ascii")
