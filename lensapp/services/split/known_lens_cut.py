"""Leave known lenses out of what a network shall learn as non-lenses."""

from dataclasses import dataclass
from typing import Any

from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, KnownLenses, match_known
from lensapp.services.split.split_tables import LabelledTable

AT_KNOWN_LENS = "non-lens at a known lens"


@dataclass(frozen=True, eq=False)
class KnownCut:
    """Non-lenses nearer than `radius_arcsec` to one of the known lenses are in no part of a dataset."""

    known: KnownLenses
    radius_arcsec: float = DEFAULT_RADIUS_ARCSEC

    def applied(self, labelled: LabelledTable) -> LabelledTable:
        """Return the table with another label, which no part takes, for these non-lenses.

        Raises
        ------
        InvalidInput
            When the radius is out of range.
        """
        table = labelled.table
        names, _ = match_known(table.ra_deg, table.dec_deg, self.known, radius_arcsec=self.radius_arcsec)
        hit = (table.label == "nonlens") & (names != "")
        return labelled.relabelled(hit, AT_KNOWN_LENS) if hit.any() else labelled

    def saved(self, left_out: int) -> dict[str, Any]:
        """Return what a dataset version remembers of the cut, as plain JSON values."""
        return {
            "file": self.known.file,
            "lenses": len(self.known),
            "radius_arcsec": self.radius_arcsec,
            "left_out": left_out,
            **({"filters": filters} if (filters := self.known.table.in_words()) else {}),
        }
