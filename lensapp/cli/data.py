"""Commands about sources of cutouts."""

from pathlib import Path
from typing import Any

from lensapp.cli.commands import Arguments, SpecOptions, command, names_in, option
from lensapp.cli.options import given_values
from lensapp.cli.running import finish_here
from lensapp.core.config import merged
from lensapp.core.data.find_spec import FindObjectsSpec
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.paint_spec import PaintSpec
from lensapp.core.errors import InvalidInput
from lensapp.services.data.demo_tiles import CATALOGUE, TileSpec, write_tiles
from lensapp.simulation.survey import BesideSpec, DemoSpec
from lensapp.storage import sources as source_rows
from lensapp.storage.workspace import Workspace


@command(
    "demo",
    option("--name", help="Name of the new source; not needed with --tiles."),
    option(
        "--tiles",
        metavar="FOLDER",
        help="Write the survey as FITS tiles and a catalogue to this new folder, to try an import of tiles.",
    ),
    SpecOptions(DemoSpec),
    SpecOptions(BesideSpec),
    SpecOptions(TileSpec),
)
def demo(arguments: Arguments) -> dict[str, Any]:
    """Simulate a survey with known truth, to train on, and one without labels, NAME-survey, to search.

    With --tiles, or --unlabelled 0, the first alone. What is printed of the second is under "unlabelled".
    """
    from lensapp.services.data.demo import start_demo_with_survey

    spec = DemoSpec.parse(given_values(arguments, DemoSpec))
    if arguments.tiles:
        tiles, folder = TileSpec.parse(given_values(arguments, TileSpec)), Path(arguments.tiles).expanduser()
        objects = max(write_tiles(folder, spec, tiles))
        catalogue = folder / CATALOGUE
        return {
            "folder": str(folder),
            "catalogue": str(catalogue),
            "objects": objects,
            "next": f"ingest {folder} --layout tiles --catalogue {catalogue} --size {spec.size} "
            f"{'--labels label ' if spec.labelled else ''}--name NAME",
        }
    if not arguments.name:
        raise InvalidInput("The new source needs a name: give --name N, or a folder for tiles with --tiles.")
    workspace = Workspace.open(arguments.workspace)
    beside = BesideSpec.parse(given_values(arguments, BesideSpec))
    queued = start_demo_with_survey(workspace, name=arguments.name, spec=spec, beside=beside)
    first, *others = [finish_here(workspace, job) for job in queued]
    return first | ({"unlabelled": others[0]} if others else {})


@command(
    "paint",
    option("hosts", metavar="HOSTS", help="Sources to paint on; several separated by commas."),
    option("--name", required=True, help="Name of the new source."),
    SpecOptions(PaintSpec, skip=("hosts",)),
)
def paint(arguments: Arguments) -> dict[str, Any]:
    """Paint lenses on real galaxies."""
    from lensapp.services.data.painting import start_painting

    usual = PaintSpec(hosts=tuple(names_in(arguments.hosts))).saved()
    spec = PaintSpec.parse(merged(usual, given_values(arguments, PaintSpec)))
    workspace = Workspace.open(arguments.workspace)
    return finish_here(workspace, start_painting(workspace, name=arguments.name, spec=spec))


@command(
    "ingest",
    option("path", metavar="PATH", help="File or folder of cutouts."),
    option("--name", help="Name of the new source; not needed with --dry-run."),
    option("--dry-run", action="store_true", help="Say what would be imported; write nothing."),
    SpecOptions(
        IngestSpec, skip=("path",), flags={"label_column": "--labels", "catalogue_path": "--catalogue"}
    ),
)
def ingest(arguments: Arguments) -> dict[str, Any]:
    """Import cutouts of any layout."""
    from lensapp.ingest.preview import preview_import
    from lensapp.services.data import sources

    spec = IngestSpec.parse(given_values(arguments, IngestSpec) | {"path": arguments.path})
    if arguments.dry_run:
        return sources.describe_preview(preview_import(spec))
    if not arguments.name:
        raise InvalidInput("The new source needs a name: give --name N, or try the import with --dry-run.")
    workspace = Workspace.open(arguments.workspace)
    return finish_here(workspace, sources.start_import(workspace, name=arguments.name, spec=spec))


@command(
    "find-objects",
    option("source", metavar="SOURCE", help="Source whose cutouts are searched."),
    option("--name", required=True, help="Name of the new source."),
    SpecOptions(
        FindObjectsSpec,
        flags={
            "exclude_radius_arcsec": "--exclude-radius",
            "known_lenses": "--exclude-known",
            "psf_fwhm_arcsec": "--psf-fwhm",
        },
    ),
)
def find(arguments: Arguments) -> dict[str, Any]:
    """Cut out the galaxies of larger cutouts: real hosts and real non-lenses."""
    from lensapp.services.data.object_finding import start_finding

    spec = FindObjectsSpec.parse(given_values(arguments, FindObjectsSpec))
    workspace = Workspace.open(arguments.workspace)
    job = start_finding(workspace, source_name=arguments.source, name=arguments.name, spec=spec)
    return finish_here(workspace, job)


@command("discard", option("name", metavar="NAME", help="Source whose import failed or was stopped."))
def discard(arguments: Arguments) -> dict[str, Any]:
    """Delete an unfinished import with all it has written."""
    from lensapp.services.data.sources import discard_unfinished

    discard_unfinished(Workspace.open(arguments.workspace), name=arguments.name)
    return {"discarded": arguments.name}


@command("sources")
def list_sources(arguments: Arguments) -> list[dict[str, Any]]:
    """List the sources of the workspace."""
    from lensapp.services.data.sources import unit_in_words

    workspace = Workspace.open(arguments.workspace)
    database = workspace.database
    return [
        {
            "name": source.name,
            "kind": source.kind,
            "state": source.state,
            "cutouts": source_rows.count_cutouts(database, source.id),
            "bands": ",".join(source.bands),
            "shape": [source.height, source.width],
            "pixel_scale_arcsec": source.pixel_scale_arcsec,
            "unit": unit_in_words(workspace, source) if source.state == "ready" else "–",
        }
        for source in source_rows.list_sources(database)
    ]
