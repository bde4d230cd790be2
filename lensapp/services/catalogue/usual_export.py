"""The export of a press: what is graded A to C, in the format last used, as a file for the browser."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lensapp.core.catalogue.query import CANDIDATE_GRADES, CatalogueQuery
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.grades import LETTERS
from lensapp.services.catalogue.choices import catalogue_choices
from lensapp.services.catalogue.export import export
from lensapp.services.catalogue.formats import ENDINGS
from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, kept_known_lenses
from lensapp.storage.care.trail import EXPORTED, last_detail, last_done
from lensapp.storage.workspace import Workspace

USUAL_ENDING = ".csv"  # opens everywhere
BESIDE = ("_votes.", "_provenance.")  # in the name of what is written beside a catalogue (`formats.files_of`)


def exported_after(ws: Workspace, source_name: str, moment: float) -> bool:
    """Return whether the catalogue of a source was exported after a moment, in seconds since 1970.

    Who took the votes or the provenance alone, which are written with it, has no catalogue.
    """
    beside = tuple(end for end in BESIDE if not source_name.endswith(end.rstrip(".")))
    at = last_done(ws.database, EXPORTED, kind="source", name=source_name, but=beside)
    return at is not None and at > moment


def written_after(ws: Workspace, source_name: str, moment: float) -> bool:
    """Return whether any file of an export of a source was written after a moment, in seconds since 1970."""
    at = last_done(ws.database, EXPORTED, kind="source", name=source_name)
    return at is not None and at > moment


def last_exported(ws: Workspace) -> str:
    """Return the name of the file exported last."""
    return Path(last_detail(ws.database, EXPORTED, kind="source") or "").name


def usual_ending(ws: Workspace) -> str:
    """Return the ending of the file last exported from a workspace; .csv at first."""
    ending = Path(last_detail(ws.database, EXPORTED, kind="source") or "").suffix
    return ending if ending in ENDINGS else USUAL_ENDING


def usual_query(ws: Workspace, selected: Mapping[str, str]) -> CatalogueQuery:
    """Return what Catalogue shows at first of the source and the run selected: what is graded A, B or C.

    Matched with the known lenses that the workspace keeps.
    """
    choices = catalogue_choices(ws)
    source = next(one for one in choices.sources if one.name == selected["source"])
    scored_by = choices.runs_of(source)
    run = selected.get("run")
    run = run if run in scored_by else next(iter(scored_by), None)
    names = tuple(choices.reviews_of(source))
    known = kept_known_lenses(ws)
    return CatalogueQuery(
        of=(source.name,),
        run=run,
        reviews=names,
        grades=CANDIDATE_GRADES,
        radius_arcsec=DEFAULT_RADIUS_ARCSEC,
        **({} if known is None else known.table.for_query()),
    )


def usual_export(ws: Workspace, selected: Mapping[str, str], name: str) -> bytes:
    """Export what Catalogue shows at first as a file of this name and return its bytes.

    Where nothing is graded A, B or C the file has what is graded X.
    """
    query, out = usual_query(ws, selected), ws.exports_folder / name
    try:
        return exported_bytes(ws, query, out, out)
    except InvalidInput:  # no candidate passes
        return exported_bytes(ws, query.replaced(grades=LETTERS), out, out)


def exported_bytes(
    ws: Workspace, query: CatalogueQuery, out: Path, path: Path, *, order: Sequence[int] | None = None
) -> bytes:
    """Export as to `out` in a folder of this request's own; return the bytes of the file called as `path`.

    Candidates come with the best grade first, as in Catalogue, or in the `order` of these IDs of cutouts.

    Somebody else may export the same source in the same second: whoever ends last leaves the files in the
    folder of `out`, and both download what they asked for.
    """
    with own_folder(out.parent) as folder:
        export(ws, query, out=folder / out.name, order=order, taken=path.name)
        return taken_bytes(path.name, folder, left_in=out.parent)


@contextmanager
def own_folder(beside: Path) -> Iterator[Path]:
    """Make a folder of this request's own in another, which goes at the end."""
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside, prefix=".") as folder:
        yield Path(folder)


def taken_bytes(name: str, folder: Path, *, left_in: Path) -> bytes:
    """Return the bytes of a file in `folder`, and move all files there to where they stay."""
    data = (folder / name).read_bytes()
    for path in folder.iterdir():
        path.replace(left_in / path.name)
    return data
