"""Cutouts from a survey's tile per processor-second, beside ESA Cutana, a `Cutout2D` loop and plain slicing.

2 000 cutouts of 64 × 64 pixels from one tile of 4 000 × 4 000 (float32, rotated, SIP), on one thread. Ours
is what an import of tiles and every reader of a virtual source does: positions matched with footprints and
projected, edges padded, cut out. Cutana is `create_cutouts_direct` without normalisation, where it is
installed (`pip install cutana`); the limit is one projection of all positions and a slice each. Each is run
in turn several times; ratios are of medians.

--memory: a catalogue that grows from 10⁴ to 10⁶ objects on the same tile is imported into a virtual source,
and all its cutouts are read; the most memory that each of the two has held, in processes of their own.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SIZE = 64
SCALE_ARCSEC = 0.25
BLOCK = 4096  # cutouts, as scoring reads them
FLAT = {"import": 3.0, "read": 1.5}
"""Growth from the first to the last number of objects that counts as flat: an import knows each object."""


def write_tile(folder: Path, side: int):
    from astropy.io import fits

    header, step, angle = fits.Header(), SCALE_ARCSEC / 3600, np.radians(15)
    header["CTYPE1"], header["CTYPE2"], header["RADESYS"] = "RA---TAN-SIP", "DEC--TAN-SIP", "ICRS"
    header["CRVAL1"], header["CRVAL2"] = 150.0, 2.0
    header["CRPIX1"] = header["CRPIX2"] = (side + 1) / 2
    header["CD1_1"], header["CD1_2"] = -step * np.cos(angle), step * np.sin(angle)
    header["CD2_1"], header["CD2_2"] = step * np.sin(angle), step * np.cos(angle)
    header["A_ORDER"], header["B_ORDER"], header["A_2_0"], header["B_0_2"] = 2, 2, 2e-7, -2e-7
    header["MAGZERO"] = 27.0
    image = np.random.default_rng(0).standard_normal((side, side), np.float32)
    path = folder / "tile_r.fits"
    fits.PrimaryHDU(image, header).writeto(path)
    return path, header


def positions(header, side: int, count: int):
    from astropy.wcs import WCS

    x, y = np.random.default_rng(1).uniform(0, side, (2, count))
    return WCS(header).all_pix2world(x, y, 0)


def ours(path: Path, ra, dec):
    from lensapp.ingest.tiles.footprints import read_footprints
    from lensapp.ingest.tiles.matching import corner, cover
    from lensapp.storage.tiles.tile_images import TileImages
    from lensapp.storage.tiles.tiled_cutouts import TilePlaces, cut_out

    footprints = read_footprints(path.parent, path.name, bands=("r",), hdus=())
    covering = cover(footprints, [0], ra, dec)
    left, bottom = (corner(axis, SIZE)[:, None] for axis in (covering.x, covering.y))
    places = TilePlaces(covering.tile[:, None].astype(np.int32), left, bottom, {})
    return cut_out(TileImages((footprints[0].tile,)), places, SIZE)


def by_loop(path: Path, ra, dec):
    from astropy.coordinates import SkyCoord
    from astropy.io import fits
    from astropy.nddata import Cutout2D
    from astropy.wcs import WCS

    with fits.open(path, memmap=True) as hdus:
        wcs, data = WCS(hdus[0].header), hdus[0].data
        return np.stack(
            [
                Cutout2D(
                    data, SkyCoord(a, d, unit="deg"), SIZE, wcs=wcs, mode="partial", fill_value=np.nan
                ).data
                for a, d in zip(ra, dec, strict=True)
            ]
        )


def by_slices(path: Path, ra, dec):
    """Return the limit: no edges, no matching, nothing checked."""
    from astropy.io import fits
    from astropy.wcs import WCS

    with fits.open(path, memmap=True) as hdus:
        x, y = WCS(hdus[0].header).all_world2pix(ra, dec, 0)
        data, side = hdus[0].data, len(hdus[0].data)
        out = np.empty((len(ra), SIZE, SIZE), np.float32)
        left, bottom = (np.clip(np.ceil(axis - SIZE / 2), 0, side - SIZE).astype(int) for axis in (x, y))
        for index, (a, b) in enumerate(zip(left.tolist(), bottom.tolist(), strict=True)):
            out[index] = data[b : b + SIZE, a : a + SIZE]
    return out


def by_cutana(path: Path, ra, dec):
    import pandas as pd
    from cutana import create_cutouts_direct, get_default_config

    config = get_default_config()
    config.selected_extensions = [{"name": "PRIMARY", "ext": "PrimaryHDU"}]
    config.fits_extensions = ["PRIMARY"]
    config.channel_weights = {"PRIMARY": [1.0]}
    config.do_only_cutout_extraction = True
    config.write_to_disk = False
    config.target_resolution = SIZE
    config.skip_catalogue_validation = True
    config.data_type = "float32"
    catalogue = pd.DataFrame(
        {
            "SourceID": [str(number) for number in range(len(ra))],
            "RA": ra,
            "Dec": dec,
            "diameter_pixel": SIZE,
            "fits_file_paths": str([str(path)]),
        }
    )
    return create_cutouts_direct(catalogue, config, max_workers=1)


def import_all(folder: Path) -> int:
    """Import the catalogue as a virtual source; return how many objects it has."""
    from lensapp.core.data.ingest_spec import IngestSpec
    from lensapp.ingest.importer import run_import
    from lensapp.storage.workspace import Workspace

    spec = {"path": str(folder / "tiles"), "layout": "tiles", "catalogue": str(folder / "catalogue.parquet")}
    ws = Workspace.open(folder / "workspace")
    done = run_import(ws, name="sky", spec=IngestSpec.parse(spec | {"size": SIZE, "virtual": True}))
    return int(done["accepted"])


def read_all(folder: Path) -> int:
    """Read the cutouts of the virtual source block by block, as scoring does; return how many there are."""
    from lensapp.storage.arrays import PackedCutouts
    from lensapp.storage.workspace import Workspace

    opened = PackedCutouts.open(Workspace.open(folder / "workspace").cutouts_folder("sky"))
    return sum(len(opened.read(rows)) for rows in opened.blocks(BLOCK))


STEPS = {"import": import_all, "read": read_all}


def memory(counts: list[int]) -> list[dict[str, object]]:
    """Return the peak memory of import and reading by the number of objects, and whether it stays flat."""
    from scale import write_catalogue

    held = {name: [] for name in STEPS}
    seconds = {name: [] for name in STEPS}
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "tiles").mkdir()
        _, header = write_tile(Path(name) / "tiles", 4000)
        for count in counts:
            folder = Path(name) / str(count)
            folder.mkdir()
            (folder / "tiles").symlink_to(Path(name) / "tiles")
            write_catalogue(folder / "catalogue.parquet", header, count)
            for step in STEPS:
                command = [sys.executable, __file__, "--inside", step, str(folder)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                told = json.loads(done.stdout.splitlines()[-1])
                if told["objects"] != count:
                    raise SystemExit(f"{told['objects']} of {count} objects: {done.stderr[-1000:]}")
                held[step].append(told["mb"])
                seconds[step].append(told["seconds"])
    rows = []
    for step, mb in held.items():
        growth = round(mb[-1] / mb[0], 2)
        figure = {"figure": f"peak memory of {step}", "unit": "MB", "objects": counts, "mb": mb}
        goal = {"target": FLAT[step], "met": growth <= FLAT[step]}
        rows.append(figure | {"seconds": seconds[step], "growth": growth} | goal)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="A smaller tile and fewer cutouts.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", action="store_true", help="Memory from 10⁴ to 10⁶ objects instead.")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        from scale import peak_mb

        began = time.perf_counter()
        objects = STEPS[arguments.inside[0]](Path(arguments.inside[1]))
        seconds = round(time.perf_counter() - began, 1)
        print(json.dumps({"objects": objects, "seconds": seconds, "mb": peak_mb()}))
        return
    if arguments.memory:
        counts = [2000, 5000, 20_000] if arguments.quick else [10_000, 100_000, 1_000_000]
        for figure in memory(counts):
            print(json.dumps({"benchmark": "tiles"} | figure), flush=True)
        return
    side, count = (2000, 1000) if arguments.quick else (4000, 2000)
    ways = {"ours": ours, "Cutout2D loop": by_loop, "plain slices": by_slices}
    try:
        import cutana  # noqa: F401
    except ImportError:
        print("Cutana is not installed: it is left out (pip install cutana).", file=sys.stderr)
    else:
        ways["Cutana"] = by_cutana
    with tempfile.TemporaryDirectory() as folder:
        path, header = write_tile(Path(folder), side)
        ra, dec = positions(header, side, count)
        seconds = {name: [] for name in ways}
        for way in ways.values():
            way(path, ra[:200], dec[:200])  # libraries loaded, pages of the file in memory
        for _ in range(3 if arguments.quick else arguments.rounds):
            for name, way in ways.items():
                began = time.process_time()
                way(path, ra, dec)
                seconds[name].append(time.process_time() - began)
    rates = {name: count / statistics.median(values) for name, values in seconds.items()}
    figures = {"cutouts_per_cpu_second": {name: round(rate) for name, rate in rates.items()}}
    figures["ours_over"] = {name: round(rates["ours"] / rate, 2) for name, rate in rates.items()}
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
