"""Look through a workspace for what is damaged, left over or lost, and say what to do about it."""

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.config import LEFTOVER_SECONDS, read_json
from lensapp.core.plurals import counted
from lensapp.core.progress import Report, ignore_progress
from lensapp.storage import runs
from lensapp.storage.arrays import TILES
from lensapp.storage.care import health
from lensapp.storage.care.inventory import ORPHANS, StoredFile, is_old, stored_files
from lensapp.storage.care.sums import Sums, digest_of
from lensapp.storage.care.trail import WORKSPACE, note_change
from lensapp.storage.files import network_file
from lensapp.storage.workspace import DATABASE_FILE, SECRET_FILE, Workspace

ZIPPED = (".keras", ".npz")
DATABASE_BYTES_PER_SECOND = 4e7  # an SQLite file of 10⁵ cutouts has 10 MB
FROM_A_BACKUP = "Restore it from a backup ('restore FILE FOLDER')"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes
    ----------
    check
        "database", "pixels", "networks", "checksums", "orphans", "leftovers", "jobs" or "secret".
    what, remedy
        What is wrong, and what to do.
    mendable
        Whether `doctor --mend` does that.
    paths
        Files or folders from the workspace on that mending would change.
    """

    check: str
    what: str
    remedy: str
    mendable: bool = False
    paths: tuple[str, ...] = ()


def seconds_to_examine(ws: Workspace) -> float:
    """Return about how many seconds a quick examination takes: nearly all of it reads an SQLite file."""
    file = ws.folder / DATABASE_FILE
    return file.stat().st_size / DATABASE_BYTES_PER_SECOND if file.is_file() else 0.0


@needs("keep")
def examine(
    ws: Workspace,
    *,
    mend: bool = False,
    quick: bool = False,
    noted: bool = True,
    report: Report = ignore_progress,
) -> dict[str, Any]:
    """Look through the database and all files.

    Parameters
    ----------
    mend
        Do what loses nothing: remove leftovers, put what belongs to nothing in the trash.
    quick
        Leave out what reads all files: checksums of pixels, networks and everything else.
    noted
        Whether the trail of changes tells of it; what is mended it tells anyhow.

    Returns
    -------
    `healthy`; `findings` that are left and those `mended`, each as `Finding`; how many files were looked at.
    """
    files = list(stored_files(ws))
    findings = [*_database(ws), *_sources(ws, quick=quick), *_runs(ws), *_around(ws, files), *_jobs(ws)]
    if not quick:
        findings += _checksums(ws, files, report)
    mended = [finding for finding in findings if mend and finding.mendable]
    for finding in mended:
        _mend(ws, finding)
    left = [finding for finding in findings if finding not in mended]
    told = (noted or mended) and not ws.database.read_only
    if told and not any(finding.check == "database" for finding in findings):
        _note(ws, left, mended, quick=quick)
    return {
        "healthy": not left,
        "findings": [asdict(finding) for finding in left],
        "mended": [asdict(finding) for finding in mended],
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "read": not quick,
    }


def _note(ws: Workspace, left: list[Finding], mended: list[Finding], *, quick: bool) -> None:
    """Add to the trail that somebody looked, and what was mended; a damaged database is not written to."""
    found = "sound" if not left else f"{counted(len(left), 'finding')}: {', '.join(one.what for one in left)}"
    read = "without reading all files, " if quick else ""
    note_change(ws.database, "examined", kind=WORKSPACE, name=ws.folder.name, detail=f"{read}{found}")
    for one in mended:
        did = f"{one.what} {one.remedy}"
        note_change(ws.database, "mended", kind=WORKSPACE, name=ws.folder.name, detail=did)


def _database(ws: Workspace) -> Iterator[Finding]:
    for damage in health.database_damage(ws.database):
        yield Finding("database", f"The database: {damage}.", "Restore the workspace from a backup.")


def _sources(ws: Workspace, *, quick: bool) -> Iterator[Finding]:
    for source in health.every_source(ws.database):
        if source.state == "importing":
            if not any(job.payload.get("name") == source.name for job in jobs.active(ws.database)):
                yield Finding(
                    "orphans",
                    f"The import of {source.name} was never finished.",
                    f"Give the same import again, or remove it with 'discard {source.name}'.",
                )
            continue
        folder = ws.cutouts_folder(source.name)
        if source.kind == "calibrators" and not folder.exists():
            continue  # repeats show the pixels of others
        if (folder / TILES).exists():
            yield from _tiles(source.name, folder)
            continue
        packed, damage = health.pixels_damage(ws, source)
        if packed is None:
            yield Finding("pixels", f"The pixels of {source.name}: {damage}", FROM_A_BACKUP + ".")
        elif not quick:
            wrong = list(health.damaged_pixels(ws, source, packed))
            if wrong:
                names = ", ".join(wrong[: health.MOST_TOLD]) + (
                    ", …" if len(wrong) > health.MOST_TOLD else ""
                )
                yield Finding(
                    "pixels",
                    f"{len(wrong)} cutouts of {source.name} have other pixels than were imported ({names}).",
                    FROM_A_BACKUP + ", or import it again.",
                )


def _tiles(name: str, folder: Path) -> Iterator[Finding]:
    paths = {tile["path"] for tile in read_json(folder / TILES)["tiles"]}
    gone = sorted(path for path in paths if not Path(path).is_file())
    if gone:
        yield Finding(
            "pixels",
            f"{len(gone)} of {len(paths)} tiles of {name} are gone, such as {gone[0]}.",
            "Put the tiles back where they were; the source keeps no pixels of its own.",
        )


def _runs(ws: Workspace) -> Iterator[Finding]:
    for run in runs.list_runs(ws.database):
        folder = ws.run_folder(run.name)
        if run.state == "finished" and not folder.is_dir():
            yield Finding("networks", f"The folder of the run {run.name} is gone.", FROM_A_BACKUP + ".")
            continue
        network = network_file(folder)
        if network.suffix == ".keras" and network.is_file():
            damage = health.open_damage(network)
            if damage is not None:
                yield Finding(
                    "networks", f"The network of {run.name} is damaged ({damage}).", FROM_A_BACKUP + "."
                )


def _around(ws: Workspace, files: list[StoredFile]) -> Iterator[Finding]:
    leftovers = [file for file in files if file.kind == "leftovers" and is_old(file)]
    if leftovers:
        yield Finding(
            "leftovers",
            f"{len(leftovers)} temporary files of programs that were killed "
            f"({sum(file.size for file in leftovers) / 1e6:.1f} MB).",
            "Remove them.",
            mendable=True,
            paths=tuple(file.path for file in leftovers),
        )
    names = health.names_of(ws.database)
    for room, known in names.items():
        for folder in sorted((ws.folder / room).iterdir()):
            age = time.time() - folder.stat().st_mtime
            if folder.is_dir() and folder.name not in known and age > LEFTOVER_SECONDS:
                yield Finding(
                    "orphans",
                    f"{room}/{folder.name} belongs to no {'source' if room == 'cutouts' else 'run'}.",
                    "Put it in the trash, from which it goes after 30 days.",
                    mendable=True,
                    paths=(f"{room}/{folder.name}",),
                )
    secret = ws.folder / SECRET_FILE
    if secret.exists() and secret.stat().st_mode & 0o077:
        yield Finding(
            "secret",
            f"Other users of this machine can read {SECRET_FILE}, which signs who votes.",
            "Take their right away (chmod 600).",
            mendable=True,
            paths=(SECRET_FILE,),
        )


def _jobs(ws: Workspace) -> Iterator[Finding]:
    for job in jobs.active(ws.database):
        if job.state == "running" and time.time() - (job.heartbeat_at or 0.0) > LEFTOVER_SECONDS:
            yield Finding(
                "jobs",
                f"Job {job.id} ({job.title}) has not been heard of for an hour.",
                f"Start a worker, which takes it up again, or give 'resume {job.id}'.",
            )


def _checksums(ws: Workspace, files: list[StoredFile], report: Report) -> Iterator[Finding]:
    """Compare every file with its checksum of the last look, and keep those of files seen first."""
    sums, lasting = Sums(ws), [file for file in files if file.lasting]
    total, done = sum(file.size for file in lasting) or 1, 0
    for file in lasting:
        path = ws.folder / file.path
        try:
            digest, size = digest_of(path)
            changed = (size, path.stat().st_mtime_ns) != (file.size, file.mtime_ns)
        except FileNotFoundError:  # removed meanwhile
            continue
        done += size
        report({"fraction": min(done / total, 1.0), "message": file.path})
        if not changed and sums.judge(file, digest) == "damaged":
            yield Finding(
                "checksums",
                f"{file.path} has other bytes than before though nobody has written to it.",
                FROM_A_BACKUP + ", and have the disk checked.",
            )
        elif path.suffix in ZIPPED and file.kind != "leftovers" and not changed:
            damage = health.open_damage(path)
            if damage is not None and path != network_file(path.parent):
                yield Finding("checksums", f"{file.path} is damaged ({damage}).", FROM_A_BACKUP + ".")
    if not ws.database.read_only:
        sums.save(file.path for file in lasting)


def _mend(ws: Workspace, finding: Finding) -> None:
    for relative in finding.paths:
        path = ws.folder / relative
        if finding.check == "leftovers":
            path.unlink(missing_ok=True)
        elif finding.check == "secret":
            path.chmod(0o600)
        else:
            kept = ws.folder / ORPHANS / f"{time.strftime('%Y%m%d-%H%M%S')}-{relative.replace('/', '-')}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            path.rename(kept)
            os.utime(kept)  # its 30 days begin now
