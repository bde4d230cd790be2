"""Train on simulated, painted and real lenses, and measure on real ones against real galaxies, as a table.

Run as `make real-sky`, or `python docs/make_real_sky.py WORKSPACE [--data FOLDER] [--quick] [--out FILE]`; with
`--starter` (`make starter`) it makes the network that is shipped instead. Answers of commands are kept in the workspace:
what has run is not run again, so that what was interrupted goes on by the same command. `--quick` goes through
everything at a size that teaches nothing.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from real_sky.page import page
from real_sky.recipes import FULL, QUICK, SAMPLES
from real_sky.starter import write_starter
from real_sky.steps import Steps
from real_sky.training import gather_files, import_real, join_folds, simulate_whole, train_all

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run what has not run yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--quick", action="store_true", help="Go through everything at a tiny size.")
    parser.add_argument("--seeds", type=int, default=3, help="Seeds of each network; default 3.")
    parser.add_argument("--starter", action="store_true", help="Make the starter network, and no page.")
    parser.add_argument("--out", type=Path, help="Page to write; default docs/real-sky.md, none for --quick.")
    arguments = parser.parse_args()
    if arguments.starter and arguments.quick:
        raise SystemExit(
            "A starter network of a tiny size would replace the one that is shipped. Give one of both."
        )
    effort = QUICK if arguments.quick else FULL
    effort = replace(effort, seeds=effort.seeds[: arguments.seeds])
    if not (arguments.data / SAMPLES[1]).is_dir():
        raise SystemExit(
            f"{arguments.data / SAMPLES[1]} does not exist. Name the folder of the data with --data."
        )
    arguments.workspace.mkdir(parents=True, exist_ok=True)
    steps = Steps(arguments.workspace)
    import_real(steps, gather_files(arguments.data, arguments.workspace.absolute(), effort))
    simulate_whole(steps, effort)
    if arguments.starter:
        write_starter(steps, arguments.data, effort)
        return
    join_folds(steps, effort)
    names = train_all(steps, effort)
    text = page(steps, names, arguments.data, effort=effort)
    out = arguments.out or (None if arguments.quick else ROOT / "docs" / "real-sky.md")
    sys.stdout.write(text) if out is None else out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
