"""Commands about the workspace itself."""

import os
from pathlib import Path
from typing import Any

from lensapp.cli.commands import Arguments, command, option
from lensapp.core.errors import InvalidInput
from lensapp.storage.workspace import DATABASE_FILE, DEFAULT_FOLDER, Workspace


def existing_workspace(arguments: Arguments) -> Workspace:
    """Open a workspace that exists; a mistyped one would be made, and saved or moved empty."""
    folder = Path(arguments.workspace or os.environ.get("LENSAPP_WORKSPACE") or DEFAULT_FOLDER)
    if not os.environ.get("LENSAPP_DATABASE_URL") and not (folder / DATABASE_FILE).is_file():
        raise InvalidInput(f"There is no workspace in {folder}. Choose one with --workspace.")
    return Workspace.open(arguments.workspace)


@command("backup", option("file", metavar="FILE", help="Archive (zip) to write; it must not exist yet."))
def backup(arguments: Arguments) -> dict[str, Any]:
    """Write the whole workspace to one file while people work in it.

    Database, pixels, networks, exports and the trash, with a checksum for each. Tiles that sources are read
    from are not in it; `outside` names their folders. Keep it as secret as the workspace: it holds the key
    that signs votes.
    """
    from lensapp.services.care.backups import back_up

    return back_up(existing_workspace(arguments), Path(arguments.file))


@command(
    "restore",
    option("file", metavar="FILE", help="Archive that 'backup' made."),
    option("folder", metavar="FOLDER", nargs="?", help="Where the workspace is to be: absent or empty."),
    option("--check", action="store_true", help="Only verify every checksum and the database in it."),
)
def restore_workspace(arguments: Arguments) -> dict[str, Any]:
    """Take a workspace out of a backup, verified, whole or not at all.

    Where LENSAPP_DATABASE_URL names a database, which must be empty, its rows go there.
    """
    from lensapp.services.care.backups import restore

    if (arguments.folder is None) != arguments.check:
        raise InvalidInput("Say where the workspace is to be ('restore FILE FOLDER'), or give --check alone.")
    folder = None if arguments.check else Path(arguments.folder)
    return restore(Path(arguments.file), folder, database_url=os.environ.get("LENSAPP_DATABASE_URL") or None)


@command("move", option("folder", metavar="FOLDER", help="New folder: absent or empty."))
def move_workspace(arguments: Arguments) -> dict[str, Any]:
    """Move a workspace in which nobody works; on another disk by verified copies."""
    from lensapp.services.care.backups import move

    return move(existing_workspace(arguments), Path(arguments.folder))


@command(
    "doctor",
    option("--mend", action="store_true", help="Do what loses nothing: leftovers and orphans."),
    option("--quick", action="store_true", help="Leave out what reads every file."),
)
def doctor(arguments: Arguments) -> dict[str, Any]:
    """Look for what is damaged, lost or left over in the workspace, and say what to do.

    The database and its references, pixels against their fingerprints, networks, the checksum of every file
    against the last look, folders that belong to nothing, temporary files, jobs that are not heard of.
    """
    from lensapp.cli.running import show_progress
    from lensapp.services.care.doctor import examine

    return examine(
        existing_workspace(arguments), mend=arguments.mend, quick=arguments.quick, report=show_progress
    )


KIND = option(
    "kind",
    metavar="KIND",
    choices=("source", "dataset", "run", "review"),
    help="source, dataset, run or review.",
)
NAME = option("name", metavar="NAME", help="Its name.")


@command(
    "delete", KIND, NAME, option("--yes", action="store_true", help="Do it; without, only say what would go.")
)
def delete_item(arguments: Arguments) -> dict[str, Any]:
    """Put a source, dataset, run or review with what depends on it into the trash.

    Without --yes it only says what would go and what loses something by it. What is in the trash is left out
    everywhere, can be taken back with 'untrash', and goes for good after 30 days.
    """
    from lensapp.services.care.removal import delete, plan_deletion

    act = delete if arguments.yes else plan_deletion
    deletion = act(existing_workspace(arguments), arguments.kind, arguments.name)
    return deletion.as_dict() | {"deleted": arguments.yes}


@command("rename", KIND, NAME, option("new", metavar="NEW", help="Its new name."))
def rename_item(arguments: Arguments) -> dict[str, Any]:
    """Give a source, dataset, run or review another name, wherever the old one is written."""
    from lensapp.services.care.renaming import rename

    rename(existing_workspace(arguments), arguments.kind, arguments.name, arguments.new)
    return {"kind": arguments.kind, "name": arguments.new, "was": arguments.name}


@command("untrash", KIND, NAME)
def untrash(arguments: Arguments) -> dict[str, Any]:
    """Take a deletion back, with all that it took along."""
    from lensapp.services.care.removal import undelete

    return {"back": undelete(existing_workspace(arguments), arguments.kind, arguments.name)}


@command(
    "trash",
    option("--empty", action="store_true", help="Say what emptying would remove for good."),
    option("--yes", action="store_true", help="With --empty: do it, whatever its age."),
)
def trash(arguments: Arguments) -> list[dict[str, Any]] | dict[str, Any]:
    """List what is in the trash, or empty it.

    Reviews stay for a day after their deletion, since pages that are open may still send votes.
    """
    from lensapp.services.care.removal import empty_trash, list_trash

    workspace = existing_workspace(arguments)
    if arguments.empty and arguments.yes:
        return empty_trash(workspace, overdue=False)
    held = list_trash(workspace)
    if arguments.empty:
        return {"would_remove": [name for entry in held for name in entry["items"]], "removed": []}
    return held


@command(
    "trail",
    option("--limit", type=int, default=100, help="Number of changes, newest first."),
    option("--name", help="Only those of what is called so."),
)
def trail(arguments: Arguments) -> list[dict[str, Any]]:
    """List who changed what: made, renamed, deleted, brought back, removed, queued, stopped.

    Of the workspace itself too: backed up (to which file), restored (from which), moved, examined, mended.
    """
    from lensapp.services.care.records import changes

    return changes(existing_workspace(arguments), limit=arguments.limit, name=arguments.name)


@command(
    "disk",
    option("--clear", metavar="KIND", help="Remove what can go of a kind, as the list says."),
    option("--yes", action="store_true", help="With --clear: do it."),
)
def disk(arguments: Arguments) -> dict[str, Any]:
    """Say what takes the room of the workspace, and what of it can be cleared.

    With --clear KIND it says what would go and, with --yes, removes it.
    """
    from lensapp.services.care.dependents import refuse_unknown
    from lensapp.services.care.disk import CLEARED, clear, disk_use

    workspace = existing_workspace(arguments)
    if arguments.clear is None:
        return disk_use(workspace).as_dict()
    refuse_unknown(arguments.clear, CLEARED, "cleared")
    going = {usage.kind: usage.clearable for usage in disk_use(workspace).kinds}
    told = {"kind": arguments.clear, "means": CLEARED[arguments.clear], "cleared": arguments.yes}
    if arguments.yes:
        return told | {"bytes": clear(workspace, arguments.clear)}
    return told | {"bytes": going.get(arguments.clear, 0)}
