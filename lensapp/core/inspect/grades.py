"""The grades that an inspector can give, their values, keys and colours.

Grades of every scheme are worth 0 (not a lens) to 3 (certain), so that votes of different schemes can be
combined and published thresholds hold.
"""

from dataclasses import dataclass

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
VALUES = {grade.letter: grade.value for grade in GRADES}
COLOURS = {grade.letter: grade.colour for grade in GRADES}
KEYS = {key: grade.letter for grade in GRADES for key in grade.keys}
CONTAMINANT_NAMES = tuple(contaminant.name for contaminant in CONTAMINANTS)
HIGHEST_VALUE = 3.0
LENS_FROM = 1.5  # grades worth at least this say "lens"


def checked_grade(letter: str) -> str:
    """Return `letter` in capitals.

    Raises
    ------
    InvalidInput
        When it is not one of the usual grades.
    """
    grade = letter.strip().upper()
    if grade not in LETTERS:
        raise InvalidInput(f"Expected one of the grades {', '.join(LETTERS)}, received {letter!r}.")
    return grade
