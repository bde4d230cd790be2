"""The grades that an inspector can give: values, keys and colours; built-in schemes and a team's own.

Grades of every scheme are worth 0 (not a lens) to 3 (certain), so that votes of different schemes can be
combined and published thresholds hold.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Literal

import numpy as np

from lensapp.core.data.candidate_ids import LONGEST_CLASS
from lensapp.core.errors import InvalidInput


@dataclass(frozen=True)
class Grade:
    """One grade.

    Attributes
    ----------
    letter
        What is stored and always shown beside the colour.
    value
        Number from 0 to 3 that consensus averages.
    meaning
        One line for tooltips and the help overlay.
    colour
        Hexadecimal sRGB, readable under white text (WCAG AA).
    keys
        Keys that give this grade in the gallery.
    """

    letter: str
    value: float
    meaning: str
    colour: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class GradeScheme:
    """The grades of a review, best first; the last one means "not a lens"."""

    name: str
    grades: tuple[Grade, ...]

    @property
    def letters(self) -> tuple[str, ...]:
        """What is stored of each grade, best first."""
        return tuple(grade.letter for grade in self.grades)

    @cached_property
    def values(self) -> dict[str, float]:
        """Value of each grade, 0 to 3."""
        return {grade.letter: grade.value for grade in self.grades}

    def checked(self, letter: str) -> str:
        """Return a grade as it is stored, whatever its case.

        Raises
        ------
        InvalidInput
            When it is not one of the grades.
        """
        by_case = {stored.casefold(): stored for stored in self.letters}
        try:
            return by_case[letter.strip().casefold()]
        except KeyError:
            raise InvalidInput(
                f"There is no grade {letter!r} here: choose one of {', '.join(self.letters)}."
            ) from None


@dataclass(frozen=True)
class Contaminant:
    """One kind of object that looks like a lens; its key grades X and names it at once."""

    name: str
    meaning: str
    key: str


GRADES = (
    Grade("A", 3, "Certain lens: arcs or counter-images of a plausible configuration", "#0b7a53", ("a", "1")),
    Grade("B", 2, "Probable lens: follow-up wanted", "#2563c9", ("b", "2")),
    Grade("C", 1, "Possible lens: other explanations are as likely", "#8f6400", ("c", "3")),
    Grade("X", 0, "Not a lens", "#5b6472", ("x", "0")),
)
CONTAMINANTS = (
    Contaminant("spiral", "Spiral arms", "s"),
    Contaminant("ring", "Ring galaxy", "i"),
    Contaminant("merger", "Merger or tidal tails", "m"),
    Contaminant("edge-on", "Edge-on disc", "e"),
    Contaminant("blend", "Unrelated neighbours in line", "l"),
    Contaminant("star", "Star or its spikes", "t"),
    Contaminant("artefact", "Satellite trail, ghost or missing data", "d"),
)

LETTERS = tuple(grade.letter for grade in GRADES)
COLOURS = {grade.letter: grade.colour for grade in GRADES}
CONTAMINANT_NAMES = tuple(contaminant.name for contaminant in CONTAMINANTS)
HIGHEST_VALUE = 3.0
LENS_FROM = 1.5  # grades worth at least this say "lens"
MOST_OWN_GRADES = 9
LONGEST_GRADE = 20
GALLERY_KEYS = "fgrz"  # what these keys do in the gallery is not grading

ABCX = GradeScheme("ABCX", GRADES)
ZERO_TO_THREE = GradeScheme(
    "0-3",
    tuple(
        Grade(str(int(grade.value)), grade.value, grade.meaning, grade.colour, (str(int(grade.value)),))
        for grade in GRADES
    ),
)
BINARY = GradeScheme(
    "binary",
    (
        Grade("Lens", HIGHEST_VALUE, "A lens", GRADES[0].colour, ("y", "1")),
        Grade("Not", 0, "Not a lens", GRADES[-1].colour, ("n", "0")),
    ),
)
SCHEMES = {scheme.name: scheme for scheme in (ABCX, ZERO_TO_THREE, BINARY)}
SchemeName = Literal["ABCX", "0-3", "binary", "own"]


def own_scheme(entries: Sequence[str]) -> GradeScheme:
    """Return a scheme of grades written as "name=value", such as "sure=3", "maybe=1.5", "no=0".

    Grades are sorted by value; the keys 1, 2, … give them from the best on.

    Raises
    ------
    InvalidInput
        When there are fewer than two or too many, two have the same name, or a value is not 0 to 3.
    """
    if not 2 <= len(entries) <= MOST_OWN_GRADES:
        raise InvalidInput(
            f"There are {len(entries)} own grades: give 2 to {MOST_OWN_GRADES}, as sure=3,maybe=1.5,no=0."
        )
    pairs = []
    for entry in entries:
        name, _, text = (part.strip() for part in entry.partition("="))
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not name or len(name) > LONGEST_GRADE or not name.isprintable() or not 0 <= value <= HIGHEST_VALUE:
            raise InvalidInput(
                f"{entry!r} is no grade: write a name of up to {LONGEST_GRADE} characters and a value from 0 "
                "to 3, such as maybe=1.5."
            )
        pairs.append((name, value))
    if len({name.casefold() for name, _ in pairs}) < len(pairs):
        raise InvalidInput(f"Two of the grades {', '.join(entries)} have the same name: use each name once.")
    pairs.sort(key=itemgetter(1), reverse=True)
    usual_values = np.array([usual.value for usual in GRADES])
    grades = []
    for number, (name, value) in enumerate(pairs, 1):
        colour = GRADES[int(np.abs(usual_values - value).argmin())].colour  # of the nearest usual grade
        grades.append(Grade(name, value, f"{name}: worth {value:g} of 3", colour, (str(number),)))
    return GradeScheme("own", tuple(grades))


def review_contaminants(names: Sequence[str], scheme: GradeScheme) -> tuple[Contaminant, ...]:
    """Return the contaminant classes of a review, each with a key that nothing else uses.

    Usual classes keep their key where it is free; others get the first free letter of their name.

    Raises
    ------
    InvalidInput
        When two have the same name, or no key is left.
    """
    if long := next((name for name in names if not name.strip() or len(name) > LONGEST_CLASS), None):
        raise InvalidInput(
            f"The class {long[:40]!r}… has {len(long)} characters: write a name of 1 to {LONGEST_CLASS}."
        )
    if len({name.casefold() for name in names}) < len(names):
        raise InvalidInput(f"Two of the classes {', '.join(names)} are the same: name each once.")
    usual = {contaminant.name: contaminant for contaminant in CONTAMINANTS}
    taken = {key for grade in scheme.grades for key in grade.keys} | set(GALLERY_KEYS)
    classes: dict[str, Contaminant] = {}
    for name in sorted(names, key=lambda name: name not in usual):
        own_key, meaning = (
            (usual[name].key, usual[name].meaning) if name in usual else ("", name.capitalize())
        )
        letters = own_key + name.casefold() + string.ascii_lowercase
        key = next((one for one in letters if one in string.ascii_lowercase and one not in taken), None)
        if key is None:
            raise InvalidInput(f"No key is left for {name}, one of {len(names)} classes: name fewer.")
        taken.add(key)
        classes[name] = Contaminant(name, meaning, key)
    return tuple(classes[name] for name in names)
