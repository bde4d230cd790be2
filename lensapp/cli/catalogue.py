"""Commands that feed votes back, and write, draw or send catalogues."""

from pathlib import Path
from typing import Any

from lensapp.cli.commands import RADIUS_COLUMN, Arguments, SpecOptions, command, names_in, option
from lensapp.cli.options import given_values
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.storage.workspace import Workspace

RADIUS = option("--radius", type=float, default=2.0, metavar="ARCSEC", help="Radius of the match; default 2.")


@command(
    "label",
    "Freeze the consensus into a new dataset version.",
    option("name", metavar="N", help="Name of a source, a review or a dataset version."),
    option("--dataset", help="Dataset version to build on; default: the newest of the source."),
    option("--as", dest="new_name", metavar="NAME", help="Name of the new version."),
    SpecOptions(FeedbackRules),
)
def label(arguments: Arguments) -> dict[str, Any]:
    """Freeze the consensus of all votes into a new dataset version."""
    from lensapp.services.catalogue import feedback

    return feedback.label(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        dataset_name=arguments.dataset,
        rules=FeedbackRules.parse(given_values(arguments, FeedbackRules)),
        new_name=arguments.new_name,
    )


@command(
    "export",
    "Write, draw or send a labelled catalogue.",
    option("name", metavar="N", help="Name of a source or a review."),
    option("--out", type=Path, metavar="F", help="F.csv, .ecsv, .fits, .parquet, .vot or .reg."),
    option("--sheet", type=Path, metavar="F", help="Draw the candidates on F.pdf or F.png."),
    option("--columns", type=int, default=6, help="Pictures side by side on it; default 6."),
    option("--samp", action="store_true", help="Send the catalogue to TOPCAT, Aladin … on this machine."),
    option("--run", help="Run whose scores are written; default: the newest that scored the source."),
    option("--min-score", type=float, help="Leave out candidates below this score."),
    option("--grades", help="Keep only these grades, as A,B."),
    option("--known", metavar="FILE", help="Table of known lenses to match by position, or lenscat."),
    RADIUS,
    RADIUS_COLUMN,
    SpecOptions(ConsensusSpec),
)
def export(arguments: Arguments) -> dict[str, Any]:
    """Write a labelled catalogue, draw it, or send it to other tools."""
    from lensapp.services.catalogue.export import export as write_catalogue
    from lensapp.services.catalogue.sending import draw_sheet, send_catalogue

    if arguments.out is None and arguments.sheet is None and not arguments.samp:
        raise InvalidInput("Say where to export to: --out F, --sheet F or --samp.")
    workspace = Workspace.open(arguments.workspace)
    options: dict[str, Any] = {
        "name": arguments.name,
        "run_name": arguments.run,
        "min_score": arguments.min_score,
        "grades": names_in(arguments.grades) or None,
        "known_lenses": arguments.known,
        "radius_arcsec": arguments.radius,
        "radius_column": arguments.radius_column,
        "method": ConsensusSpec.parse(given_values(arguments, ConsensusSpec)),
    }
    report: dict[str, Any] = {}
    if arguments.out is not None:
        report |= write_catalogue(workspace, out=arguments.out, **options)
    if arguments.sheet is not None:
        report |= draw_sheet(workspace, out=arguments.sheet, columns=arguments.columns, **options)
    if arguments.samp:
        report |= send_catalogue(workspace, **options)
    return report


@command(
    "known",
    "Find known lenses and the fraction of them that a run recovers.",
    option("source", metavar="N", help="Name of the source."),
    option("--known", required=True, metavar="FILE", help="Table of known lenses, or lenscat."),
    option("--run", help="Run whose scores count; default: the newest that scored the source."),
    RADIUS,
    RADIUS_COLUMN,
    option(
        "--threshold",
        type=float,
        default=0.5,
        help="Score from which a lens counts as recovered; default 0.5.",
    ),
)
def known(arguments: Arguments) -> dict[str, Any]:
    """Find known lenses among the candidates of a source, and the fraction that a run recovers."""
    from lensapp.services.catalogue.recall import known_recall
    from lensapp.services.data.known_lenses import load_known_lenses

    return known_recall(
        Workspace.open(arguments.workspace),
        source_name=arguments.source,
        known=load_known_lenses(arguments.known, radius_column=arguments.radius_column),
        run_name=arguments.run,
        radius_arcsec=arguments.radius,
        threshold=arguments.threshold,
    )
