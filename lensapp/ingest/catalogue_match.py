"""Give each accepted candidate its position, label and catalogue row, as columns of the database."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lensapp.core.data.candidate_ids import LONGEST_CLASS, LONGEST_ID
from lensapp.core.data.column_names import LEFT_OUT
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.sky import separation_arcsec
from lensapp.ingest.astrometry import Pointing
from lensapp.ingest.catalogues import Match
from lensapp.ingest.cutout import Outcome, Prepared, Refusal
from lensapp.ingest.journal import ChunkNote
from lensapp.ingest.plan import ImportPlan, folder_label
from lensapp.ingest.recipe import Candidate
from lensapp.ingest.refusals import Refused

NEAREST_ARCSEC = 10.0  # header and catalogue may differ by so much, or by half the cutout if that is more
SCALE_TOLERANCE = 0.02
Position = tuple[float, float]


@dataclass(frozen=True)
class Joiner:
    """Joins candidates with the catalogue of one import."""

    plan: ImportPlan
    spec: IngestSpec

    def columns(self, row: int, candidate: Candidate, prepared: Prepared, note: ChunkNote) -> dict[str, Any]:
        """Return the columns of one cutout; what is worth a warning is counted in `note`.

        A candidate about which the catalogue contradicts itself is refused.
        """
        plan, catalogue, pointing = self.plan, self.plan.catalogue, prepared.pointing
        at = (pointing.ra_deg, pointing.dec_deg) if pointing else prepared.stated
        match = self._catalogue_row(candidate, at)
        label = object_class = parent = position = None
        properties = dict[str, Any]()
        if catalogue is not None:
            note.count("catalogue" if match is not None else "no_catalogue_row")
            if match is not None:
                entry = match.row
                if match.differs:
                    note.count("catalogue_rows_differ")
                label, position = catalogue.labels[entry], catalogue.position(entry)
                if label == LEFT_OUT:
                    raise Refused("left_out", "its label in the catalogue is one that shall be left out")
                object_class, parent = catalogue.cell("class", entry), catalogue.cell("parent", entry)
                properties = catalogue.properties(entry)
                refuse_too_long(("class", object_class, LONGEST_CLASS), ("parent", parent, LONGEST_ID))
        if self.spec.same_label:
            label = self.spec.same_label
        elif self.spec.labels_from_folders:
            label = folder_label(candidate.files[0])
        ra, dec, origin = (*position, "catalogue") if position else (None, None, None)
        if at is not None and position is None:
            ra, dec, origin = (*at, "wcs" if pointing else "keyword")
        elif at is not None and position is not None:
            self._compare(position, at, pointing, note)
        if pointing is not None:
            scale = None if self.spec.size_column else plan.pixel_scale_arcsec
            if scale and abs(pointing.pixel_scale_arcsec / scale - 1.0) > SCALE_TOLERANCE:
                note.count("other_pixel_scale")
        note.count(f"label:{label}")
        note.count(f"position:{origin}")
        return {
            "row": row,
            "candidate_id": candidate.candidate_id,
            "ra_deg": ra,
            "dec_deg": dec,
            "position_from": origin,
            "label": label,
            "object_class": object_class,
            "parent": parent,
            "masked_fraction": prepared.masked_fraction,
            "pixels_digest": prepared.digest,
            "perceptual_hash": prepared.perceptual_hash,
            "properties": properties | self._origin(candidate, prepared),
        }

    def _compare(self, position: Position, at: Position, pointing: Pointing | None, note: ChunkNote) -> None:
        """Count in `note` a header that points outside the cutout whose position the catalogue has."""
        note.count("header_and_catalogue")
        side = max(self.plan.recipe.height, self.plan.recipe.width)
        pixel = pointing.pixel_scale_arcsec if pointing else self.plan.pixel_scale_arcsec or 0.0
        if separation_arcsec(*position, *at) > max(NEAREST_ARCSEC, side / 2 * pixel):
            note.count("header_position_elsewhere")

    def _catalogue_row(self, candidate: Candidate, at: Position | None) -> Match | None:
        catalogue = self.plan.catalogue
        if catalogue is None:
            return None
        if candidate.place is not None and candidate.row is not None:  # made from that row
            return Match(candidate.row, differs=False)
        if catalogue.places:
            entry = catalogue.places.get((candidate.files[0], candidate.row))
            return None if entry is None else Match(entry, differs=False)
        if self.spec.join == "id":
            root = self.plan.recipe.root
            paths = [Path(root, file) for file in candidate.files]
            return catalogue.find(self.spec.shared_id(candidate.candidate_id), paths, near=at)
        if at is None:
            return None
        radius = self.spec.join_radius_arcsec
        return catalogue.nearest(*at, radius_arcsec=radius)

    def _origin(self, candidate: Candidate, prepared: Prepared) -> dict[str, Any]:
        """Return properties of a cutout that its files tell: which they are, masks, where north is."""
        properties: dict[str, Any] = {"files": list(candidate.files)}
        if candidate.place is not None:
            properties["lower_left_pixel"] = [list(square[1:]) for square in candidate.place.squares]
            if self.spec.size_column is not None:
                properties["pixel_scale_arcsec"] = round(candidate.place.pointing.pixel_scale_arcsec, 6)
        elif candidate.row is not None:
            properties["place_in_file"] = candidate.row
        masked = {
            band: {"nan": nan, "sentinel": sentinel}
            for band, (nan, sentinel) in zip(self.plan.recipe.bands, prepared.masked, strict=True)
            if nan or sentinel
        }
        if companions := self.plan.companions.of_files(candidate.files):
            properties["companion_files"] = companions
        if masked:
            properties["masked_pixels"] = masked
        if prepared.pointing is not None and prepared.pointing.north_deg is not None:
            properties["north_deg"] = round(prepared.pointing.north_deg, 2)
            properties["east_left"] = prepared.pointing.east_left
        return properties


def refuse_too_long(*cells: tuple[str, str | None, int]) -> None:
    """Refuse a candidate one of whose cells, each with its name and the most characters, is too long."""
    for what, text, most in cells:
        if text and len(text) > most:
            reason = f"its {what} {text[:40]!r}… has {len(text)} characters; {most} are the most"
            raise Refused("too_long", reason)


def refuse_known(candidate: Candidate, outcome: Outcome, digests: dict[str, str]) -> Prepared:
    """Return what is known of an accepted candidate, and remember its pixels in `digests`.

    One that was refused before, or has the same pixels as another, is refused.
    """
    if isinstance(outcome, Refusal):
        raise Refused(outcome.code, outcome.reason)
    other = digests.setdefault(outcome.digest, candidate.candidate_id)
    if other != candidate.candidate_id:
        raise Refused("duplicate_image", f"the same pixels as {other}")
    return outcome
