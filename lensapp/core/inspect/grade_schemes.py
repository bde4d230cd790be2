"""Grade schemes: which grades a review offers, built-in ones and a team's own."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.grades import CONTAMINANTS, GRADES, HIGHEST_VALUE, Contaminant, Grade

SchemeName = Literal["ABCX", "0-3", "binary", "own"]
SCHEME_NAMES: tuple[str, ...] = get_args(SchemeName)
MOST_OWN_GRADES = 9
LONGEST_GRADE = 20
GALLERY_KEYS = "fgrz"  # what these keys do in the gallery is not grading


@dataclass(frozen=True)
class GradeScheme:
    """The grades of a review, best first; the last one is what is no lens."""

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
        by_case = {known.casefold(): known for known in self.letters}
        found = by_case.get(letter.strip().casefold())
        if found is None:
            raise InvalidInput(f"Expected one of the grades {', '.join(self.letters)}, received {letter!r}.")
        return found


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
            f"Expected 2 to {MOST_OWN_GRADES} own grades such as sure=3,maybe=1.5,no=0, "
            f"received {len(entries)}. List them."
        )
    pairs = sorted((_own_grade(entry) for entry in entries), key=_worst_last)
    names = [name.casefold() for name, _ in pairs]
    if len(set(names)) < len(names):
        raise InvalidInput(f"Expected grades that differ, received {', '.join(entries)}. Name each once.")
    grades = tuple(
        Grade(name, value, f"{name}: worth {value:g} of 3", _colour(value), (str(place),))
        for place, (name, value) in enumerate(pairs, 1)
    )
    return GradeScheme("own", grades)


def _worst_last(pair: tuple[str, float]) -> float:
    return -pair[1]


def _own_grade(entry: str) -> tuple[str, float]:
    name, _, text = (part.strip() for part in entry.partition("="))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not name or len(name) > LONGEST_GRADE or not name.isprintable() or not 0 <= value <= HIGHEST_VALUE:
        raise InvalidInput(
            f"Expected a grade as name=value with a value of 0 to 3, received {entry!r}. Write maybe=1.5."
        )
    return name, value


def _colour(value: float) -> str:
    """Return the colour of the usual grade that is nearest in value."""
    return min(GRADES, key=lambda grade: abs(grade.value - value)).colour


def chosen_contaminants(names: Sequence[str], scheme: GradeScheme) -> tuple[Contaminant, ...]:
    """Return the contaminant classes of a review, each with a key that nothing else uses.

    Known classes keep their usual key where it is free; others get the first free letter of their name.

    Raises
    ------
    InvalidInput
        When two have the same name, or no key is left.
    """
    if len({name.casefold() for name in names}) < len(names):
        raise InvalidInput(f"Expected classes that differ, received {', '.join(names)}. Name each once.")
    usual = {contaminant.name: contaminant for contaminant in CONTAMINANTS}
    taken = {key for grade in scheme.grades for key in grade.keys} | set(GALLERY_KEYS)
    chosen: dict[str, Contaminant] = {}
    for name in sorted(names, key=lambda name: name not in usual):
        known = usual.get(name)
        wanted = (known.key if known else "") + name.casefold() + string.ascii_lowercase
        key = next((one for one in wanted if one in string.ascii_lowercase and one not in taken), None)
        if key is None:
            raise InvalidInput(f"Expected a free key for each class, received {len(names)}. Name fewer.")
        taken.add(key)
        chosen[name] = Contaminant(name, known.meaning if known else name.capitalize(), key)
    return tuple(chosen[name] for name in names)
