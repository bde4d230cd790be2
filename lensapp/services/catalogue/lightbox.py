"""What the lightbox shows of any cutout: pixels, all that is known of it, why a run scores it so.

Looking makes no review and no vote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lensapp.core.data import imaging, pixel_codes
from lensapp.core.data.column_names import label_and_unit
from lensapp.core.data.overlays import AGAINST_WORDS, FOR_WORDS, SCALE_WORDS, legend_gradient
from lensapp.core.errors import InvalidInput, LensAppError
from lensapp.services.catalogue.ledger import ledger_of_candidate
from lensapp.services.data.pictures import read_pictures, source_levels, values_of
from lensapp.services.evaluate import explanations
from lensapp.services.inspect.gallery import ORIENTATION, facing_of, known_lenses_at
from lensapp.services.inspect.surroundings import surroundings_of, why_nothing_around
from lensapp.services.inspect.tokens import LookClaims
from lensapp.services.train.job_control import WAITING_STATES, latest_job
from lensapp.services.train.runs import has_network
from lensapp.storage import runs, sources
from lensapp.storage.arrays import Pixels
from lensapp.storage.columns.source_columns import UNITS
from lensapp.storage.cutouts import read_cutouts
from lensapp.storage.records import Cutout, Source
from lensapp.storage.workspace import Workspace

MAPS_WITHOUT = ("cutout",)  # of the panels of an explanation, the one without a map


@dataclass(frozen=True, eq=False)
class Lightbox:
    """Cutouts of some sources, looked at by whoever has a token for them."""

    workspace: Workspace
    claims: LookClaims

    def cutouts(self, ids: Sequence[int]) -> list[Cutout]:
        """Return cutouts in the order asked for, or raise InvalidInput where one may not be looked at."""
        rows = sources.get_cutouts(self.workspace.database, ids)
        if len(rows) != len(ids) or any(row.source_id not in self.claims.source_ids for row in rows):
            raise InvalidInput("A cutout that was asked for is not among those of this page. Reload it.")
        return rows

    def source_of(self, rows: Sequence[Cutout]) -> Source:
        """Return the one source of all cutouts, or raise InvalidInput where they have several."""
        owners = {row.source_id for row in rows}
        if len(owners) != 1:
            raise InvalidInput("Cutouts of several sources were asked for at once. Reload the page.")
        return sources.source_by_id(self.workspace.database, owners.pop())

    def _pixels(self, rows: Sequence[Cutout], size: int | None) -> Pixels:
        pixels = read_cutouts(self.workspace, [row.id for row in rows], calibrated=True)
        return pixels if size is None else pixel_codes.reduced(pixels, size)

    def sheet(self, rows: Sequence[Cutout], *, display: imaging.DisplaySpec, size: int) -> bytes:
        """Return pictures of cutouts of one source as one WebP sprite sheet."""
        source = self.source_of(rows)
        levels = source_levels(self.workspace, source)
        pictures = imaging.render(
            self._pixels(rows, size), bands=source.bands, stretch=display, levels=levels
        )
        return imaging.sprite_sheet(pictures)

    def raw(self, rows: Sequence[Cutout], *, size: int) -> bytes:
        """Return companded pixels: int32 (n, bands, rows, columns), then uint16 codes in that order."""
        levels = source_levels(self.workspace, self.source_of(rows))
        codes = pixel_codes.encode(self._pixels(rows, size), levels)
        return np.asarray(codes.shape, "<i4").tobytes() + codes.tobytes()

    def values(self, row: Cutout) -> bytes:
        """Return the values of the pixels of a cutout; see `values_of`."""
        return values_of(self.workspace, self.source_of([row]), self._pixels([row], None))

    def around(self, row: Cutout, *, display: imaging.DisplaySpec) -> dict[str, Any]:
        """Return pictures of what lies around a cutout; see `surroundings_of`."""
        return surroundings_of(self.workspace, row, own=self._pixels([row], None), display=display)

    def record(self, row: Cutout) -> dict[str, Any]:
        """Return everything known of a cutout.

        Returns
        -------
        dict
            What the gallery shows beside a picture: id, name, ra, dec, score and probability by the run of
            the page, known, and why nothing can be shown around it, if so; and source, label, object_class,
            columns (name, value, unit), scores, votes, datasets, trained as in the ledger, and whether the
            run can explain it.
        """
        ledger = ledger_of_candidate(self.workspace, row.id)
        source = sources.source_by_id(self.workspace.database, row.source_id)
        units = source.quality.get(UNITS, {})
        scores = ledger.scores if ledger else ()
        own = next(((score, chance) for run, _, score, chance in scores if run == self.claims.run), None)
        return {
            **{"id": row.id, "name": row.candidate_id, "ra": row.ra_deg, "dec": row.dec_deg},
            **facing_of(row),
            "alone": why_nothing_around(self.workspace, row),
            "known": known_lenses_at(self.workspace, source, [row]).get(row.id),
            **({} if own is None else {"score": own[0], "probability": own[1]}),
            "source": source.name,
            "label": row.label,
            "object_class": row.object_class,
            "facts": [
                (label, value, unit)
                for name, value in row.properties.items()
                for label, unit in [label_and_unit(name, units.get(name, ""))]
                if name not in ORIENTATION and not isinstance(value, list | dict)
            ],
            "scores": [(run, score, chance) for run, _, score, chance in scores],
            "votes": [
                {
                    **{"inspector": vote.inspector, "grade": vote.grade, "contaminant": vote.contaminant},
                    **{"comment": vote.comment, "starred": bool(vote.starred), "voted_at": vote.voted_at},
                    **{"review": review, "counts": counts, "withdrawn": vote.id in ledger.withdrawn},
                }
                for review, vote, counts in ledger.votes
            ]
            if ledger
            else [],
            "datasets": [
                (str(entry["dataset"]), str(entry["part"]), str(entry["label"]))
                for entry in (ledger.memberships if ledger else ())
            ],
            "trained": list(ledger.trained if ledger else ()),
        }

    def explanation(self, row: Cutout, *, start: bool = False) -> dict[str, Any]:
        """Return why the run of the page gives a cutout its score; with `start` it is computed where missing.

        Returns
        -------
        dict
            `state` "ready", "waiting", "failed" or "none"; `views`, pictures with label, width and height;
            `reading`, sentences about them, or what the work does, or why there is none; with views `legend`,
            what their colours mean: words, a gradient, words, and words on the scale.
        """
        run = self.claims.run
        if run is None or not can_explain(self.workspace, run):
            return {"state": "failed", "views": [], "reading": "No network is chosen on this page."}
        explanation = explanations.stored_explanation(self.workspace, run, row.id)
        if explanation is not None:
            _, [picture] = read_pictures(self.workspace, self.source_of([row]), [row.id])
            panels = explanations.panels(explanation, picture)
            views = [
                view_of(explanations.MAP_NAMES[name], panel)
                for name, panel in panels.items()
                if name not in MAPS_WITHOUT
            ]
            return {
                "state": "ready",
                "views": views,
                "reading": explanations.reading(explanation.figures),
                "legend": [AGAINST_WORDS, legend_gradient(), FOR_WORDS, SCALE_WORDS],
            }
        if start:
            try:
                explanations.start_explanation(self.workspace, run_name=run, cutout_id=row.id)
            except LensAppError as error:
                return {"state": "failed", "views": [], "reading": str(error)}
        job = latest_job(self.workspace, "explain", run=run, cutout=row.id)
        if job is not None and job.state in WAITING_STATES:
            done = job.progress.get("message") if job.state == "running" else None
            return {"state": "waiting", "views": [], "reading": str(done or "Waiting for the worker")}
        if job is not None and job.state == "failed":
            return {"state": "failed", "views": [], "reading": job.error or "The explanation failed."}
        return {"state": "none", "views": [], "reading": ""}


def can_explain(ws: Workspace, run_name: str | None) -> bool:
    """Return whether a run has a network, whose scores can be explained."""
    return run_name is not None and has_network(ws, runs.get_run(ws.database, run_name))


def view_of(label: str, picture: explanations.Picture) -> dict[str, Any]:
    """Return a picture (row, column, 3) with its label, as the single view shows it beside others."""
    height, width = picture.shape[:2]
    address = imaging.sheet_address(picture[None])
    return {"label": label, "picture": address, "width": width, "height": height}
