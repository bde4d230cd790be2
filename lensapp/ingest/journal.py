"""What an import has finished so far, so that it can go on after it was stopped or killed.

One line of JSON per chunk of candidates stands beside the shards. It is written after the pixels and
the rows of the chunk, so that a chunk without a line is done again.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.storage.files import whole_file

FILE_NAME = "journal.jsonl"


@dataclass
class ChunkNote:
    """The outcome of one chunk beyond its rows in the database.

    Attributes
    ----------
    rejected
        (file, code, reason) of each refused candidate.
    nan, sentinel
        Masked pixels per band.
    counts
        How often something worth a warning occurred, and where positions and labels came from.
    """

    chunk: int
    accepted: int = 0
    rejected: list[tuple[str, str, str]] = field(default_factory=list)
    nan: list[int] = field(default_factory=list)
    sentinel: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        """Count one more of `what`."""
        self.counts[what] = self.counts.get(what, 0) + 1


class Journal:
    """The journal of one import, in the folder of its shards."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.path = folder / FILE_NAME
        self.fingerprint = fingerprint

    def read(self) -> list[ChunkNote] | None:
        """Return the finished chunks; None when the journal is of other candidates.

        A last line that was cut off by a kill is left out.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_text("utf-8").split("\n")
        if not lines[0] or json.loads(lines[0]).get("candidates") != self.fingerprint:
            return None
        notes = [ChunkNote(**json.loads(line)) for line in lines[1:-1]]
        return list({note.chunk: note for note in notes}.values())

    def start(self, notes: Iterable[ChunkNote]) -> None:
        """Write the journal anew with `notes`, whole or not at all."""
        lines = [json.dumps({"candidates": self.fingerprint}), *(json.dumps(asdict(note)) for note in notes)]
        with whole_file(self.path) as partial:
            partial.write_text("\n".join(lines) + "\n", "utf-8")

    def add(self, note: ChunkNote) -> None:
        """Append one finished chunk."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(note)) + "\n")

    def remove(self) -> None:
        """Delete the journal of a finished import."""
        self.path.unlink(missing_ok=True)


def fingerprint(recipe: Recipe, candidates: Iterable[Candidate]) -> str:
    """Return a digest that changes with the recipe and with the list of candidates."""
    digest = hashlib.sha256(repr(recipe).encode())
    for candidate in candidates:
        digest.update("\0".join((candidate.candidate_id, *candidate.files, str(candidate.row))).encode())
        if candidate.place is not None:
            digest.update(repr(candidate.place).encode())
    return digest.hexdigest()
