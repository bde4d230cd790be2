"""The columns of an exported catalogue, their units and meanings, as astropy tables."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from astropy.table import Table

from lensapp.core.catalogue.safe_text import escape, neutralise

ESCAPED = "control characters and backslashes in texts are written as the escapes of Python's string literals"
NEUTRALISED = "a text that begins with = + - @ or an apostrophe carries one more apostrophe in front"
ASCII = "so are characters beyond ASCII"


class ColumnMeaning(NamedTuple):
    """Unit, VO content descriptor (UCD 1+, "" where it is not known) and one-line description of a column."""

    unit: str | None
    ucd: str
    description: str


CATALOGUE_MEANINGS = {
    "id": ColumnMeaning(None, "meta.id;meta.main", "Candidate"),
    "source": ColumnMeaning(None, "meta.dataset", "Survey that the candidate is of"),
    "ra": ColumnMeaning("deg", "pos.eq.ra;meta.main", "Right ascension, ICRS"),
    "dec": ColumnMeaning("deg", "pos.eq.dec;meta.main", "Declination, ICRS"),
    "score": ColumnMeaning(None, "stat.likelihood", "Score of the network, 1 for a lens"),
    "run": ColumnMeaning(None, "meta.id", "Run that gave the score"),
    "grade": ColumnMeaning(None, "meta.code.qual", "Consensus grade"),
    "mean": ColumnMeaning(None, "meta.code.qual;stat.mean", "Mean of the votes, A B C X = 3 2 1 0"),
    "scatter": ColumnMeaning(None, "stat.stdev", "Population standard deviation of two votes or more"),
    "votes": ColumnMeaning(None, "meta.number", "Inspectors whose vote counts"),
    "inspectors": ColumnMeaning(None, "meta.note", "Their names"),
    "known_lens": ColumnMeaning(None, "meta.id.assoc", "Known lens at this position"),
    "known_sep_arcsec": ColumnMeaning("arcsec", "pos.angDistance", "Distance to the known lens"),
    "label": ColumnMeaning(None, "meta.code.class", "Label given on import"),
}
CALIBRATED_SCORE = "calibrated_score"
CALIBRATED = ColumnMeaning(
    None, "stat.probability", "Score as a probability, by a map fitted on the validation part of the run"
)
NOTES = {
    "stars": ColumnMeaning(None, "meta.number", "Inspectors who marked it to be found again"),
    "comments": ColumnMeaning(None, "meta.note", "What inspectors wrote about it"),
}
PROBABILITY_OF_LENS = "probability"
CONSENSUS_PROBABILITY = ColumnMeaning(
    None, "stat.probability", "That it is a lens, by the votes; the consensus grade is made of it"
)
ESTIMATE = "Estimate of the run"
UNCERTAINTY = "Standard deviation of that estimate"
PROBABILITY = "Probability of the class, by the run"
VOTE_MEANINGS = {
    "id": ColumnMeaning(None, "meta.id", "Candidate"),
    "source": ColumnMeaning(None, "meta.dataset", "Survey that the candidate is of"),
    "kind": ColumnMeaning(None, "meta.code.class", "candidate, or a blind test: lens, dud, repeat"),
    "picture_of": ColumnMeaning(None, "meta.id.assoc", "Whose picture a blind test shows or is painted on"),
    "review": ColumnMeaning(None, "meta.id", "Review in which the vote was cast"),
    "inspector": ColumnMeaning(None, "meta.id", "Who voted"),
    "grade": ColumnMeaning(None, "meta.code.qual", "Grade; none withdraws the vote before"),
    "contaminant": ColumnMeaning(None, "meta.code.class", "What it is instead of a lens"),
    "comment": ColumnMeaning(None, "meta.note", "Comment"),
    "voted_at": ColumnMeaning(None, "time", "Time by the inspector's clock, UTC"),
    "received_at": ColumnMeaning(None, "time", "Time of reception, UTC"),
    "seconds_spent": ColumnMeaning("s", "time.duration", "Time spent on the candidate"),
    "stretch": ColumnMeaning(None, "meta.note", "How the pixels were shown"),
    "score_seen": ColumnMeaning(None, "meta.code", "Whether the score was visible"),
    "counts": ColumnMeaning(None, "meta.code", "Whether the vote is part of the consensus"),
    "client": ColumnMeaning(None, "meta.id", "Browser tab or command"),
    "seq": ColumnMeaning(None, "meta.number", "Running number within the client"),
    "value": ColumnMeaning(None, "meta.code.qual", "Worth of the grade, 0 to 3; none: by its letter"),
    "starred": ColumnMeaning(None, "meta.code", "Marked to be found again"),
}


def catalogue_meanings(frame: pd.DataFrame) -> dict[str, ColumnMeaning]:
    """Return the columns of a catalogue: those that all have, the consensus's probability, the run's own."""
    own = [name for name in frame.columns if name not in CATALOGUE_MEANINGS and name != "cutout_id"]
    return CATALOGUE_MEANINGS | {name: meaning_of_own(name) for name in own}


def meaning_of_own(name: str) -> ColumnMeaning:
    """Return what a column means that a run adds: a probability, an estimate or its uncertainty."""
    if name == PROBABILITY_OF_LENS:
        return CONSENSUS_PROBABILITY
    if name in NOTES:
        return NOTES[name]
    if name == CALIBRATED_SCORE:
        return CALIBRATED
    if name.startswith("probability_"):
        return ColumnMeaning(None, "stat.probability", PROBABILITY)
    value = name.removesuffix("_sigma")
    unit = "arcsec" if value.endswith("_arcsec") else None
    if value != name:
        return ColumnMeaning(unit, "stat.error", UNCERTAINTY)
    return ColumnMeaning(unit, "stat.fit.param", ESTIMATE)


class TextRules(NamedTuple):
    """What a format does to text cells; both rules are undone by `lensapp.core.catalogue.safe_text`."""

    escaped: bool = True
    ascii_only: bool = False
    neutralised: bool = False

    def apply(self, text: str) -> str:
        """Return a cell as it is written."""
        safe = escape(text, ascii_only=self.ascii_only) if self.escaped else text
        return neutralise(safe) if self.neutralised else safe

    def sentence(self) -> str:
        """Return the rules in words, for the file's header."""
        parts = [ESCAPED] if self.escaped else ["texts are written as they are"]
        parts += [ASCII] if self.ascii_only else []
        parts += [NEUTRALISED] if self.neutralised else []
        return "; ".join(parts)


def as_table(frame: pd.DataFrame, meanings: dict[str, ColumnMeaning], rules: TextRules) -> Table:
    """Return the columns of `meanings` as a table with units, descriptions and UCDs."""
    table = Table()
    for name, meaning in meanings.items():
        values = frame[name].to_numpy()
        if values.dtype.kind not in "fiub":
            values = np.array([rules.apply(text) for text in values.tolist()], dtype=np.str_)
        table[name] = values
        table[name].description = meaning.description
        if meaning.unit is not None:
            table[name].unit = meaning.unit
    return table
