"""Show the candidates of an export elsewhere: on a sheet of pictures, or in other tools by SAMP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.services.catalogue.charts import write_sheet
from lensapp.services.catalogue.export import export, scope_of
from lensapp.services.catalogue.query import catalogue
from lensapp.services.catalogue.samp import send_table
from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, load_known_lenses
from lensapp.storage.workspace import Workspace


def draw_sheet(
    ws: Workspace,
    *,
    name: str,
    out: Path,
    columns: int = 6,
    run_name: str | None = None,
    min_score: float | None = None,
    grades: Sequence[str] | None = None,
    known_lenses: Path | str | None = None,
    radius_column: str | None = None,
    radius_arcsec: float = DEFAULT_RADIUS_ARCSEC,
    method: ConsensusSpec | None = None,
) -> dict[str, Any]:
    """Draw the candidates that `lensapp.services.catalogue.export.export` would write, in its order.

    Raises
    ------
    NotFound, InvalidInput, StorageError
        As `export` and `lensapp.services.catalogue.charts.write_sheet`.
    """
    table = catalogue(
        ws,
        min_score=min_score,
        grades=grades,
        known=None if known_lenses is None else load_known_lenses(known_lenses, radius_column=radius_column),
        radius_arcsec=radius_arcsec,
        method=method,
        **scope_of(ws, name).options(run_name),
    )
    return write_sheet(ws, candidates=table, out=out, columns=columns, method=method)


def send_catalogue(ws: Workspace, *, name: str, **options: Any) -> dict[str, Any]:
    """Write the catalogue as VOTable into the workspace and ask other tools to load it.

    `options` are those of `lensapp.services.catalogue.export.export` besides `out`.

    Returns
    -------
    dict
        sent (path), sent_to (names of the tools), rows.

    Raises
    ------
    NotFound, InvalidInput, StorageError
        As `export` and `lensapp.services.catalogue.samp.send_table`.
    """
    ws.exports_folder.mkdir(parents=True, exist_ok=True)
    out = ws.exports_folder / f"{name}.vot"
    report = export(ws, name=name, out=out, **options)
    return {"sent": str(out), "sent_to": send_table(out, name=name), "rows": report["rows"]}
