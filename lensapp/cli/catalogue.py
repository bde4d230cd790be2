"""Commands that feed votes back, and write, draw or send catalogues."""

from pathlib import Path
from typing import Any

from lensapp.cli.commands import Arguments, SpecOptions, command, option
from lensapp.cli.options import given_values
from lensapp.core.catalogue.cutout_export_spec import CutoutExportSpec
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.catalogue.negatives_spec import HardNegativesSpec
from lensapp.core.catalogue.query import CANDIDATE_GRADES, UNGRADED, CatalogueQuery
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.storage.workspace import Workspace

QUERY_FLAGS = {
    "known_lenses": "--known",
    "radius_arcsec": "--radius",
    **{f"consensus_{name}": "--" + name.replace("_", "-") for name in ConsensusSpec.model_fields},
}


@command(
    "label",
    option("name", metavar="N", help="Name of a source, a review or a dataset version."),
    option("--dataset", help="Dataset version to build on; default: the newest of the source."),
    option("--as", dest="new_name", metavar="NAME", help="Name of the new version."),
    option("--also", nargs="+", default=(), metavar="REVIEW", help="Further reviews, ad-hoc ones too."),
    SpecOptions(FeedbackRules),
)
def label(arguments: Arguments) -> dict[str, Any]:
    """Freeze the consensus into a new dataset version."""
    from lensapp.services.catalogue import feedback

    return feedback.label(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        dataset_name=arguments.dataset,
        rules=FeedbackRules.parse(given_values(arguments, FeedbackRules)),
        new_name=arguments.new_name,
        also=arguments.also,
    )


@command(
    "negatives",
    option("source", metavar="N", help="Source with labelled or graded non-lenses, scored by the run."),
    option("--run", required=True, help="Run whose highest scores are wrong."),
    option("--dataset", required=True, help="Dataset version to build on."),
    option("--as", dest="new_name", metavar="NAME", help="Name of the new version."),
    SpecOptions(HardNegativesSpec),
)
def hard_negatives(arguments: Arguments) -> dict[str, Any]:
    """Add the non-lenses that a run takes for lenses to a new dataset version."""
    from lensapp.services.catalogue.hard_negatives import add_hard_negatives

    return add_hard_negatives(
        Workspace.open(arguments.workspace),
        dataset_name=arguments.dataset,
        source_name=arguments.source,
        run_name=arguments.run,
        spec=HardNegativesSpec.parse(given_values(arguments, HardNegativesSpec)),
        name=arguments.new_name,
    )


@command(
    "export",
    option("name", metavar="N", help="Name of a source or a review."),
    option("--out", type=Path, metavar="F", help="F.csv, .ecsv, .fits, .parquet, .vot or .reg."),
    option("--sheet", type=Path, metavar="F", help="Draw the candidates on F.pdf or F.png."),
    option("--sheet-columns", type=int, default=6, help="Pictures side by side on it; default 6."),
    option("--samp", action="store_true", help="Send the catalogue to TOPCAT, Aladin … on this machine."),
    SpecOptions(CatalogueQuery, skip=("of", "reviews"), flags=QUERY_FLAGS),
)
def export(arguments: Arguments) -> dict[str, Any]:
    """Write, draw or send a labelled catalogue: unless --grades says otherwise, all that nobody graded X.

    Every vote goes into a second file, also on candidates that the filters leave out.
    """
    from lensapp.services.catalogue.export import export as export_catalogue

    if arguments.out is None and arguments.sheet is None and not arguments.samp:
        raise InvalidInput("Say where to export to: --out F, --sheet F or --samp.")
    usual = {"grades": [*CANDIDATE_GRADES, UNGRADED]}
    query = CatalogueQuery.parse(usual | given_values(arguments, CatalogueQuery) | {"of": [arguments.name]})
    return export_catalogue(
        Workspace.open(arguments.workspace),
        query,
        out=arguments.out,
        sheet=arguments.sheet,
        sheet_columns=arguments.sheet_columns,
        samp=arguments.samp,
    )


@command(
    "export-cutouts",
    option("name", metavar="N", help="Name of a source or a review."),
    option(
        "--out",
        type=Path,
        required=True,
        metavar="F",
        help="F.zarr, F.h5 or F.npz; or a new folder for FITS, JPEG and a manifest.",
    ),
    SpecOptions(CutoutExportSpec),
    SpecOptions(CatalogueQuery, skip=("of", "reviews", "columns"), flags=QUERY_FLAGS),
)
def export_cutouts(arguments: Arguments) -> dict[str, Any]:
    """Write cutouts for other programs: Zarr, HDF5, npz, or FITS and JPEG as a Zooniverse subject set."""
    from lensapp.cli.running import finish_here
    from lensapp.services.catalogue.cutouts.export import start_cutout_export

    query = CatalogueQuery.parse(given_values(arguments, CatalogueQuery) | {"of": [arguments.name]})
    spec = CutoutExportSpec.parse(given_values(arguments, CutoutExportSpec))
    workspace = Workspace.open(arguments.workspace)
    return finish_here(workspace, start_cutout_export(workspace, query, spec, out=arguments.out))


@command(
    "known",
    option("source", metavar="N", help="Name of the source."),
    option("--known", required=True, metavar="FILE", help="Table of known lenses, or lenscat."),
    option("--threshold", type=float, default=0.5, help="Score that counts as recovered; default 0.5."),
    SpecOptions(
        CatalogueQuery,
        skip=(
            "of",
            "reviews",
            "consensus",
            "min_score",
            "grades",
            "where",
            "columns",
            "vetoes",
            "known_lenses",
        ),
        flags=QUERY_FLAGS,
    ),
)
def known(arguments: Arguments) -> dict[str, Any]:
    """Find known lenses and the fraction of them that a run recovers."""
    from lensapp.services.catalogue.recall import known_recall
    from lensapp.services.data.known_lenses import load_known_lenses

    query = CatalogueQuery.parse(given_values(arguments, CatalogueQuery) | {"of": [arguments.source]})
    return known_recall(
        Workspace.open(arguments.workspace),
        source_name=arguments.source,
        known=load_known_lenses(arguments.known, **query.known_columns),
        run_name=query.run,
        radius_arcsec=query.radius_arcsec,
        threshold=arguments.threshold,
    )
