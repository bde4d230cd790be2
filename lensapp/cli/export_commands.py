"""The command that writes, draws or sends a labelled catalogue."""

import argparse
from pathlib import Path
from typing import Any

from lensapp.cli.options import add_spec_options, given_values
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.storage.workspace import Workspace


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `export`."""
    parser.add_argument("name", metavar="N", help="Name of a source or a review.")
    parser.add_argument("--out", type=Path, metavar="F", help="F.csv, .ecsv, .fits, .parquet, .vot or .reg.")
    parser.add_argument("--sheet", type=Path, metavar="F", help="Draw the candidates on F.pdf or F.png.")
    parser.add_argument("--columns", type=int, default=6, help="Pictures side by side on it; default 6.")
    parser.add_argument(
        "--samp", action="store_true", help="Send the catalogue to TOPCAT, Aladin … on this machine."
    )
    parser.add_argument(
        "--run", help="Run whose scores are written; default: the newest that scored the source."
    )
    parser.add_argument("--min-score", type=float, help="Leave out candidates below this score.")
    parser.add_argument("--grades", help="Keep only these grades, as A,B.")
    parser.add_argument(
        "--known", metavar="FILE", help="Table of known lenses to match by position, or lenscat."
    )
    parser.add_argument(
        "--radius", type=float, default=2.0, metavar="ARCSEC", help="Radius of that match; default 2."
    )
    add_radius_column(parser)
    add_spec_options(parser, ConsensusSpec, flags={})


def add_radius_column(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the column of match radii."""
    parser.add_argument(
        "--radius-column",
        metavar="NAME",
        help="Column of the table with each known lens's own match radius in arcsec; empty cells: as above.",
    )


def export(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write a labelled catalogue, draw it, or send it to other tools."""
    from lensapp.services.catalogue.export import export as write_catalogue
    from lensapp.services.catalogue.sending import draw_sheet, send_catalogue

    if arguments.out is None and arguments.sheet is None and not arguments.samp:
        raise InvalidInput("Expected --out F, --sheet F or --samp, received none. Say where to export to.")
    workspace = Workspace.open(arguments.workspace)
    options: dict[str, Any] = {
        "name": arguments.name,
        "run_name": arguments.run,
        "min_score": arguments.min_score,
        "grades": [grade for grade in (arguments.grades or "").split(",") if grade] or None,
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


def add_known_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `known`."""
    parser.add_argument("source", metavar="N", help="Name of the source.")
    parser.add_argument("--known", required=True, metavar="FILE", help="Table of known lenses, or lenscat.")
    parser.add_argument("--run", help="Run whose scores count; default: the newest that scored the source.")
    parser.add_argument(
        "--radius", type=float, default=2.0, metavar="ARCSEC", help="Radius of the match; default 2."
    )
    add_radius_column(parser)
    parser.add_argument("--threshold", type=float, default=0.5, help="Score of a find; default 0.5.")


def known(arguments: argparse.Namespace) -> dict[str, Any]:
    """Find known lenses among the candidates of a source, and the share that a run finds."""
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
