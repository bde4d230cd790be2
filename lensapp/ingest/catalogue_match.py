"""Give each accepted candidate its position, label and catalogue row, as columns of the database."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ingest.astrometry import Pointing
from lensapp.ingest.catalogues import Catalogue
from lensapp.ingest.chunk import Outcome, Refusal
from lensapp.ingest.cutout import Prepared
from lensapp.ingest.journal import ChunkNote
from lensapp.ingest.plan import ImportPlan, folder_label
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.refusals import Refused

NEAREST_ARCSEC = 10.0  # header and catalogue may differ by so much, or by half the cutout if that is more
SCALE_TOLERANCE = 0.02


@dataclass(frozen=True)
class Joiner:
    """Joins candidates with the catalogue of one import."""

    plan: ImportPlan
    spec: IngestSpec

    def columns(self, row: int, candidate: Candidate, found: Prepared, note: ChunkNote) -> dict[str, Any]:
        """Return the columns of one cutout; what is worth a warning is counted in `note`.

        Raises
        ------
        Refused
            "label" when the catalogue contradicts itself about the candidate.
        """
        entry = self._entry(candidate, found.pointing)
        if self.plan.catalogue is not None:
            note.count("catalogue" if entry is not None else "no_catalogue_row")
        ra, dec, origin = self._position(entry, found.pointing, note)
        self._check_scale(found.pointing, note)
        label = self._label(entry, candidate)
        note.count(f"label:{label}")
        note.count(f"position:{origin}")
        return {
            "row": row,
            "candidate_id": candidate.candidate_id,
            "ra_deg": ra,
            "dec_deg": dec,
            "position_from": origin,
            "label": label,
            "object_class": self._cell("class", entry),
            "parent": self._cell("parent", entry),
            "masked_fraction": found.masked_fraction,
            "pixels_digest": found.digest,
            "perceptual_hash": found.perceptual_hash,
            "properties": self._properties(entry, candidate, found),
        }

    def _entry(self, candidate: Candidate, pointing: Pointing | None) -> int | None:
        catalogue = self.plan.catalogue
        if catalogue is None:
            return None
        if self.spec.join == "id":
            root = self.plan.recipe.root
            return catalogue.find(candidate.candidate_id, [Path(root, file) for file in candidate.files])
        if pointing is None:
            return None
        radius = self.spec.join_radius_arcsec
        return catalogue.nearest(pointing.ra_deg, pointing.dec_deg, radius_arcsec=radius)

    def _position(
        self, entry: int | None, pointing: Pointing | None, note: ChunkNote
    ) -> tuple[float | None, float | None, str | None]:
        place = self.plan.catalogue.position(entry) if self.plan.catalogue and entry is not None else None
        if place is not None:
            if pointing and _is_elsewhere(place, pointing, self.plan.recipe):
                note.count("header_position_elsewhere")
            return *place, "catalogue"
        if pointing is not None:
            return pointing.ra_deg, pointing.dec_deg, "wcs"
        return None, None, None

    def _check_scale(self, pointing: Pointing | None, note: ChunkNote) -> None:
        scale = self.plan.pixel_scale_arcsec
        if pointing and scale and abs(pointing.pixel_scale_arcsec / scale - 1.0) > SCALE_TOLERANCE:
            note.count("other_pixel_scale")

    def _label(self, entry: int | None, candidate: Candidate) -> str | None:
        if self.spec.same_label:
            return self.spec.same_label
        if self.spec.labels_from_folders:
            return folder_label(candidate.files[0])
        return self._catalogue.labels[entry] if entry is not None else None

    def _cell(self, meaning: str, entry: int | None) -> str | None:
        return self._catalogue.cell(meaning, entry) if entry is not None else None

    def _properties(self, entry: int | None, candidate: Candidate, found: Prepared) -> dict[str, Any]:
        properties: dict[str, Any] = self._catalogue.properties(entry) if entry is not None else {}
        masked = {
            band: {"nan": nan, "sentinel": sentinel}
            for band, (nan, sentinel) in zip(self.plan.recipe.bands, found.masked, strict=True)
            if nan or sentinel
        }
        properties["files"] = list(candidate.files)
        if candidate.place is not None:
            properties["place_in_file"] = candidate.place
        if masked:
            properties["masked_pixels"] = masked
        if found.pointing is not None and found.pointing.north_deg is not None:
            properties["north_deg"] = round(found.pointing.north_deg, 2)
            properties["east_left"] = found.pointing.east_left
        return properties

    @property
    def _catalogue(self) -> Catalogue:
        catalogue = self.plan.catalogue
        if catalogue is None:
            raise LookupError("a catalogue row without a catalogue")
        return catalogue


def refuse_known(candidate: Candidate, outcome: Outcome, digests: dict[str, str]) -> Prepared:
    """Return what is known of an accepted candidate, and remember its pixels in `digests`.

    Raises
    ------
    Refused
        When it was refused already, or has the same pixels as another.
    """
    if isinstance(outcome, Refusal):
        raise Refused(outcome.code, outcome.reason)
    other = digests.setdefault(outcome.digest, candidate.candidate_id)
    if other != candidate.candidate_id:
        raise Refused("duplicate_image", f"the same pixels as {other}")
    return outcome


def _is_elsewhere(place: tuple[float, float], pointing: Pointing, recipe: Recipe) -> bool:
    """Return whether a header's position lies outside the cutout around the catalogue's."""
    from lensapp.core.data.sky import separation_arcsec

    allowed = max(NEAREST_ARCSEC, max(recipe.height, recipe.width) / 2 * pointing.pixel_scale_arcsec)
    return bool(separation_arcsec(*place, pointing.ra_deg, pointing.dec_deg) > allowed)
