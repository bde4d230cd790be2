"""Commands about dataset versions."""

from typing import Any

from lensapp.cli.commands import Arguments, SpecOptions, command, names_in, option
from lensapp.cli.options import given_values
from lensapp.core.split.splits import SplitSpec
from lensapp.storage import datasets as dataset_rows
from lensapp.storage.workspace import Workspace


@command(
    "split",
    option("sources", metavar="N[,N2…]", help="Names of the sources."),
    option("--name", help="Name of the dataset version; default: made from the source."),
    option(
        "--exclude-known",
        metavar="FILE",
        help="Table of known lenses, or lenscat; a non-lens at one of them is left out.",
    ),
    option(
        "--known-radius", type=float, default=2.0, metavar="ARCSEC", help="Radius of that match; default 2."
    ),
    option(
        "--radius-column",
        metavar="NAME",
        help="Column of the table with each known lens's own match radius in arcsec; where a cell is empty, "
        "the radius above holds.",
    ),
    *(
        option(
            f"--{axis}-column",
            metavar="NAME",
            help=f"Column of the table with {meaning}; default: by its usual names.",
        )
        for axis, meaning in (("ra", "right ascensions"), ("dec", "declinations"))
    ),
    option(
        "--second-test",
        metavar="N[,N2…]",
        help="Sources of known or real lenses (all are, where none has a label) for a second test part: "
        "evaluate shows its figures too, and no training of this workspace takes its cutouts, or others of "
        "the same objects, from then on.",
    ),
    SpecOptions(SplitSpec, flags={"group_radius_arcsec": "--group-radius"}),
)
def split(arguments: Arguments) -> dict[str, Any]:
    """Split sources into a frozen dataset version."""
    from lensapp.services.data.known_lenses import load_known_lenses
    from lensapp.services.split import datasets
    from lensapp.services.split.known_lens_cut import KnownCut

    spec = SplitSpec.parse(given_values(arguments, SplitSpec))
    workspace = Workspace.open(arguments.workspace)
    without = None
    if arguments.exclude_known is not None:
        known = load_known_lenses(
            arguments.exclude_known,
            radius_column=arguments.radius_column,
            ra_column=arguments.ra_column,
            dec_column=arguments.dec_column,
        )
        without = KnownCut(known, arguments.known_radius)
    dataset = datasets.freeze_split(
        workspace,
        source_names=names_in(arguments.sources),
        spec=spec,
        name=arguments.name,
        without=without,
        second_test=names_in(arguments.second_test),
    )
    return datasets.describe_dataset(workspace, dataset)


@command("datasets")
def list_datasets(arguments: Arguments) -> list[dict[str, Any]]:
    """List the dataset versions of the workspace."""
    return [
        {
            "name": dataset.name,
            "bands": ",".join(dataset.bands),
            "counts": dataset.counts,
            "checksum": dataset.checksum[:12],
        }
        for dataset in dataset_rows.list_datasets(Workspace.open(arguments.workspace).database)
    ]
