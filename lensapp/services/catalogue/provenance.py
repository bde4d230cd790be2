"""What an exported catalogue says of itself: program, date, sources, run, dataset, reviews, consensus."""

from datetime import UTC, datetime

import lensapp
from lensapp.services.catalogue.query import Selection
from lensapp.services.evaluate.calibrations import calibration_in_words, calibration_of
from lensapp.services.evaluate.committees import members_of
from lensapp.services.score.source_checks import caveats
from lensapp.services.score.vetoes import kept_vetoes
from lensapp.services.train.runs import fit_warnings
from lensapp.storage import datasets
from lensapp.storage.workspace import Workspace

Provenance = dict[str, str]


def provenance(ws: Workspace, selection: Selection) -> Provenance:
    """Return what made a catalogue, as short texts by key."""
    query, run, known = selection.query, selection.run, selection.known
    network, dataset, dataset_sha256, said, calibration = "", "", "", "", "none"
    if run is not None:
        said = "; ".join(
            f"{source.name}: {caveat}" for source in selection.sources for caveat in caveats(ws, run, source)
        )
        version = datasets.dataset_by_id(ws.database, run.dataset_id)
        network, dataset, dataset_sha256 = run.model, version.name, version.checksum
        calibration = calibration_in_words(calibration_of(ws, run))
        if members := members_of(ws, run):
            named = ", ".join(f"{member.name} ({member.model})" for member in members)
            network = f"{run.model} by {run.spec['combine']} of {named}"
    known_lenses = ""
    if known is not None:
        own = "" if known.radius_arcsec is None else "each one's own radius or "
        taken = f" ({filters})" if (filters := known.table.in_words()) else ""
        known_lenses = f"{known.file}{taken}, within {own}{query.radius_arcsec:g} arcsec"
    warnings: list[str] = []
    if run is not None:
        warnings = [
            f"{source.name}: {text}"
            for source in selection.sources
            for one in members_of(ws, run) or [run]
            for text in fit_warnings(ws, one, source)
        ]
    settings = query.consensus.settings()
    kept = kept_vetoes(ws, run.name) if run is not None and query.vetoes else []
    return {
        "program": "lensapp",
        "version": lensapp.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "source": ", ".join(source.name for source in selection.sources),
        "run": "" if run is None else run.name,
        "network": network,
        "dataset": dataset,
        "dataset_sha256": dataset_sha256,
        "scores": said,
        "calibration": calibration,
        "reviews": ", ".join(review.name for review in selection.reviews),
        "vetoes": "; ".join(one["rule"] for one in kept) or "none",
        "filters": "; ".join(f"{name} = {value}" for name, value in query.filters().items()) or "none",
        "columns": ", ".join(query.columns) or "none",
        "known_lenses": known_lenses,
        "consensus": query.consensus.method,
        "consensus_settings": "; ".join(f"{name} = {value:g}" for name, value in settings.items()),
        "grades": f"A, B, C, X = 3, 2, 1, 0; consensus {query.consensus.grading()}",
        "positions": "ICRS, degrees",
        "warnings": " ".join(dict.fromkeys(warnings)) or "none",
    }
