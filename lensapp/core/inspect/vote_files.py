"""The columns and words of vote tables written by other tools, and what they mean here."""

import csv
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from lensapp.core.data.column_names import label_of_word, require_column
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.grades import GradeScheme

# Ours first, then Qt-stamp-visualizer (file_name, classification, subclassification), Space Warps
# (user_name, subject_id, zooid, annotation) and what spreadsheets use.
VOTE_ALIASES: dict[str, tuple[str, ...]] = {
    "id": (
        "id", "candidate_id", "candidate", "object_id", "file_name", "filename", "subject_id", "subjectid",
        "subject_ids", "subject", "zooid", "zooniverse_id", "objid", "source_id", "name",
    ),
    "inspector": (
        "inspector", "user_name", "username", "user", "user_id", "userid", "grader", "classifier",
        "annotator", "who",
    ),
    "grade": (
        "grade", "vote", "classification", "annotation", "annotations", "result", "answer", "label", "score",
    ),
    "contaminant": ("contaminant", "subclassification", "subclass", "sub_classification", "class"),
    "comment": ("comment", "comments", "note", "notes"),
    "voted_at": ("voted_at", "created_at", "timestamp", "datetime", "date", "time"),
    "received_at": ("received_at",),
    "seconds_spent": ("seconds_spent", "seconds", "duration", "time_spent"),
    "stretch": ("stretch",),
    "score_seen": ("score_seen",),
    "starred": ("starred", "favourite", "favorite"),
    "value": ("value",),
    "review": ("review",),
    "kind": ("kind",),
    "client": ("client",),
    "seq": ("seq",),
}  # fmt: skip
OWN_COLUMNS = ("client", "seq", "review", "inspector", "grade", "voted_at", "received_at")
# Single viewer of Qt-stamp-visualizer: sure lens, maybe lens, flexion, non-lens.
WORTH = {"sl": 3.0, "surelens": 3.0, "ml": 2.0, "maybelens": 2.0, "fl": 1.0, "flexion": 1.0, "nl": 0.0}
NOTHING = frozenset({"", "none", "nan", "null", "-", "--", "empty", "unclassified"})
LENS_GRADES = frozenset({"lenscandidate"})
NONLENS_GRADES = frozenset({"not"})
_PEOPLE = r"votes|voters|inspectors|graders|classifications|classifiers|users|volunteers|experts"
_SUMMARY = r"mean|avg|average|median|std|stdev|stddev|scatter"
_GRADES = r"grades?|votes?|scores?|ratings?"
AGGREGATE = re.compile(
    rf"((n|num|no|number_of)_?)?({_PEOPLE})(_counts?)?|(vote|classification|inspector|grader)_counts?|counts?"
    rf"|(.+_)?(votes|vote_fraction|fraction|vote_count|consensus|agreement)|consensus_.+"
    rf"|({_SUMMARY})(_({_GRADES}))?|({_GRADES})_({_SUMMARY})"
)
"""Names of columns that sum up the votes of several people."""

IMPORTED = "import-"  # how the client of an imported vote begins
PANOPTES = {"classification_id", "annotations", "subject_data"}


def find_vote_columns(names: Sequence[str], named: Mapping[str, str | None]) -> dict[str, str]:
    """Return the name of the column for each meaning that the table has.

    Parameters
    ----------
    names
        Columns of the table.
    named
        Meaning (id, inspector, grade, …) to the column that the user named; None for the usual names.
    """
    by_case = {name.strip().lower(): name for name in reversed(names)}
    columns: dict[str, str] = {}
    for meaning, aliases in VOTE_ALIASES.items():
        by_user = named.get(meaning)
        usual = next((by_case[alias] for alias in aliases if alias in by_case), None)
        if by_user is not None:
            columns[meaning] = require_column(names, by_user)
        elif usual is not None and usual not in columns.values():
            columns[meaning] = usual
    for meaning in ("id", "grade"):
        if meaning not in columns:
            raise InvalidInput(
                f"No column of {meaning}s, such as {', '.join(VOTE_ALIASES[meaning][:4])}, is among "
                f"{', '.join(names[:12])}. Name it with --{meaning}-column."
            )
    return columns


def aggregate_columns(names: Sequence[str]) -> list[str]:
    """Return the columns that sum up the votes of several people: counts, means, scatters, fractions."""
    plain = {name: re.sub(r"[\s.#-]+", "_", name.strip().casefold()) for name in names}
    return [name for name in names if AGGREGATE.fullmatch(plain[name])]


def is_own_export(names: Sequence[str]) -> bool:
    """Return whether a table of these columns was written by `export`."""
    return set(OWN_COLUMNS) <= set(names)


def parse_grade_map(text: str) -> dict[str, str]:
    """Return "2=A,1=B,0=" as grades by what the file calls them; nothing on the right withdraws.

    An entry whose word holds a comma stands in quotes, as in a CSV file.

    Raises
    ------
    InvalidInput
        When an entry has no equals sign, or two begin the same.
    """
    entries = [entry.partition("=") for entry in next(csv.reader([text]), []) if entry.strip()]
    words = [word.strip().casefold() for word, _, _ in entries]
    if not all(sign for _, sign, _ in entries) or len(set(words)) < len(words) or "" in words:
        raise InvalidInput(f"{text!r} is no map of grades: write one such as 2=A,1=B,0=X, each grade once.")
    return {word: grade.strip() for word, (_, _, grade) in zip(words, entries, strict=True)}


def grade_of(word: str | None, scheme: GradeScheme, grade_map: Mapping[str, str]) -> str | None:
    """Return the grade that a file's word stands for; None withdraws the vote before.

    The map goes first, then the scheme's own grades, then words for lens (the best grade) and non-lens
    (the lowest). A word that means none of them is InvalidInput.
    """
    text = (word or "").strip()
    mapped = grade_map.get(text.casefold(), text)
    own = {letter.casefold(): letter for letter in scheme.letters}
    if mapped.casefold() in own:
        return own[mapped.casefold()]
    if mapped.casefold() in NOTHING:
        return None
    plain = re.sub(r"[^a-z]", "", mapped.casefold())
    label = None if mapped.isdecimal() else label_of_word(mapped)
    if plain in LENS_GRADES or label == "lens":
        return scheme.letters[0]
    if plain in NONLENS_GRADES or label == "nonlens":
        return scheme.letters[-1]
    by_value = {value: letter for letter, value in scheme.values.items()}
    if plain in WORTH and WORTH[plain] in by_value:
        return by_value[WORTH[plain]]
    raise InvalidInput(
        f"{text!r} is none of the grades {', '.join(scheme.letters)}: map it, as {text}={scheme.letters[0]}"
    )


def spellings(candidate_id: str) -> tuple[str, ...]:
    """Return what a candidate may be called here: as written, without folders, without the file's ending."""
    path = PurePosixPath(candidate_id)
    return tuple(
        dict.fromkeys((candidate_id, path.name, str(path.with_suffix("")) if path.name else "", path.stem))
    )


def loose(name: str) -> str:
    """Return a name without what people write differently: case, and the form of accents."""
    return unicodedata.normalize("NFC", name).casefold()


def panoptes_votes(annotations: str, subject_data: str) -> tuple[str | None, str | None]:
    """Return the candidate and the word of the vote in one row of a raw Zooniverse export.

    The candidate is the first of the subject's entries that is called an ID, a name or a file. The word is
    the answer to the first task; marks drawn on the picture say lens, none of them says no lens.

    References
    ----------
    Zooniverse, "Data exports": columns annotations and subject_data hold JSON.
    """
    try:
        answers, subjects = json.loads(annotations), json.loads(subject_data)
        value = next((answer["value"] for answer in answers if answer.get("value") is not None), None)
        entries = next(iter(subjects.values()))
    except (ValueError, TypeError, AttributeError, KeyError, StopIteration):
        return None, None
    by_name = {str(key).strip("#!_/ ").casefold().replace(" ", "_"): entry for key, entry in entries.items()}
    names = (alias for alias in VOTE_ALIASES["id"] if alias in by_name)
    texts = [str(by_name[alias]) for alias in names]
    texts += [str(entry) for key, entry in by_name.items() if key.startswith(("image", "file", "object"))]
    if isinstance(value, list):
        marks = any(isinstance(mark, dict) for mark in value)
        value = "lens" if marks else ", ".join(map(str, value)) or None
    return (texts[0] if texts else next(iter(subjects))), None if value is None else str(value)


def client_of(*content: object) -> str:
    """Return the client of a row without one: the same for the same content, wherever it is imported."""
    digest = hashlib.sha256("\x1f".join(repr(part) for part in content).encode()).hexdigest()
    return f"{IMPORTED}{digest[:40]}"


def is_imported(client: str) -> bool:
    """Return whether a vote of this client came from a table of another tool."""
    return client.startswith(IMPORTED)
