"""What an exported catalogue says of itself: program, date, sources, run, dataset, reviews, consensus."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import lensapp
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.services.data.known_lenses import KnownLenses
from lensapp.services.train.committees import members_of
from lensapp.storage import datasets
from lensapp.storage.records import Review, Run, Source
from lensapp.storage.workspace import Workspace

Provenance = dict[str, str]


def provenance(
    ws: Workspace,
    *,
    shown: Sequence[Source],
    run: Run | None,
    reviews: Sequence[Review],
    method: ConsensusSpec,
    filters: dict[str, Any],
    known: KnownLenses | None,
    radius_arcsec: float,
) -> Provenance:
    """Return what made a catalogue, as short texts by key."""
    dataset = None if run is None else datasets.dataset_by_id(ws.database, run.dataset_id)
    used = {name: value for name, value in filters.items() if value is not None}
    return {
        "program": "lensapp",
        "version": lensapp.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "source": ", ".join(source.name for source in shown),
        "run": "" if run is None else run.name,
        "network": "" if run is None else _network(ws, run),
        "dataset": "" if dataset is None else dataset.name,
        "dataset_sha256": "" if dataset is None else dataset.checksum,
        "reviews": ", ".join(review.name for review in reviews),
        "filters": "; ".join(f"{name} = {value}" for name, value in used.items()) or "none",
        "known_lenses": "" if known is None else _match(known, radius_arcsec),
        "consensus": method.method,
        "consensus_settings": "; ".join(f"{name} = {value:g}" for name, value in method.settings().items()),
        "grades": f"A, B, C, X = 3, 2, 1, 0; consensus {method.grading()}",
        "positions": "ICRS, degrees",
    }


def _match(known: KnownLenses, radius_arcsec: float) -> str:
    own = "" if known.radius_arcsec is None else "each one's own radius or "
    return f"{known.file}, within {own}{radius_arcsec:g} arcsec"


def _network(ws: Workspace, run: Run) -> str:
    members = members_of(ws, run)
    if not members:
        return run.model
    named = ", ".join(f"{member.name} ({member.model})" for member in members)
    return f"{run.model} by {run.spec['combine']} of {named}"
