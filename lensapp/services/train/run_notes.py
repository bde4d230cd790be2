"""Notes and tags by which people know and find their runs."""

from collections.abc import Iterable

from lensapp.core.acting import needs
from lensapp.core.errors import InvalidInput
from lensapp.storage import runs
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

STARRED, ARCHIVED = "starred", "archived"
"""Tags that lists know: a star before the name, and runs that are left out until they are asked for."""

TAGGED = "tagged"  # in the trail

LONGEST_TAG, MOST_TAGS, LONGEST_NOTE = 40, 20, 4000


@needs("work")
def annotate_run(
    ws: Workspace, run_name: str, *, note: str | None = None, tags: Iterable[str] | None = None
) -> Run:
    """Replace the note or the tags of a run, or both; what is None stays.

    Raises
    ------
    NotFound
        When the run does not exist.
    InvalidInput
        When note or tags are too long, or there are too many.
    """
    run = runs.get_run(ws.database, run_name)
    note = run.note if note is None else note.strip()
    kept = run.tags if tags is None else cleaned_tags(tags)
    if len(note) > LONGEST_NOTE:
        raise InvalidInput(f"A note has at most {LONGEST_NOTE} characters, not {len(note)}. Shorten it.")
    if note != run.note:
        runs.annotate(ws.database, run, "wrote a note on", note=note)
    if kept != run.tags:
        runs.annotate(ws.database, run, TAGGED, detail=", ".join(kept) or "no tag left", tags=kept)
    return runs.get_run(ws.database, run_name)


def cleaned_tags(tags: Iterable[str]) -> list[str]:
    """Return tags without spaces around them, each once in whatever case, in their order."""
    words: dict[str, str] = {}
    for tag in tags:
        word = " ".join(tag.split())
        if len(word) > LONGEST_TAG or "," in word:
            raise InvalidInput(f"The tag {word[:LONGEST_TAG]!r} is too long or has a comma. Shorten it.")
        if word:
            words.setdefault(word.casefold(), word)
    if len(words) > MOST_TAGS:
        raise InvalidInput(f"A run has at most {MOST_TAGS} tags, not {len(words)}. Leave some out.")
    return list(words.values())


def tags_in_use(listed: Iterable[Run]) -> list[str]:
    """Return every tag of these runs once, in alphabetical order."""
    return sorted({tag for run in listed for tag in run.tags}, key=str.casefold)


def switch_tag(ws: Workspace, run_names: Iterable[str], tag: str) -> bool:
    """Give runs a tag or, where all of them have it, take it from them; return whether they have it now."""
    chosen = [runs.get_run(ws.database, name) for name in run_names]
    give = not all(tag in run.tags for run in chosen)
    for run in chosen:
        others = [one for one in run.tags if one != tag]
        annotate_run(ws, run.name, tags=[*others, tag] if give else others)
    return give
