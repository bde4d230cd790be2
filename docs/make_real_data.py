"""Import every folder of real data by the command line, and write what came of it as a table.

Run as `python docs/make_real_data.py FOLDER [--out docs/real-data.md]`.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

UNITS = """## Units of flux

What a pixel value is worth is read per cutout and band, from the image's own header, else from the primary one.
Networks read flux at AB zero point 27, per pixel or per square arcsecond; files whose unit is not told need
`ingest --zero-point 27` or `--zero-point g=27,r=27.1`, which goes before the header.

| survey or telescope | header | AB zero point of the pixels |
|---|---|---|
| any | `BUNIT` of Jy, mJy, uJy, nJy, nanomaggy, erg/s/cm2/Hz, or per sr or arcsec2 with `PIXAR_SR`, `PIXAR_A2` or the WCS's pixel area | by definition: 31.4 for nJy |
| Pan-STARRS1 stacks | `FPA.ZP`, `EXPTIME`; asinh values (`BSOFTEN`, `BOFFSET`) are made linear | 25 + 2.5 log10 EXPTIME |
| Legacy Surveys, SDSS | `BUNIT` or `SURVEY` | 22.5 |
| HSC, Rubin | `FLUXMAG0`, or `BUNIT` nJy | 2.5 log10 FLUXMAG0, 31.4 |
| DES, Euclid, KiDS and others | `MAGZERO`, `MAGZEROP`, `MAGZPT`, `ZPAB`, `PHOTZP`, `ZP`; none with `PHOTSYS` other than AB | as stated: 30, 0 … |
| HST | `PHOTFLAM` with `PHOTPLAM`, or `PHOTFNU`; `BUNIT` tells counts from counts per second | -2.5 log10 PHOTFLAM - 5 log10 PHOTPLAM - 2.408 |
| PNG, JPEG of 8 bits | – | none: no flux |
"""


@dataclass(frozen=True)
class Case:
    """One import: what is tried, and the arguments of `ingest` with DATA for the folder."""

    what: str
    arguments: str


CASES = (
    Case("48 Pan-STARRS1 lens systems, one file per band", "DATA/sled_ps1/cutouts --catalogue DATA/sled_ps1/catalogue.csv"),
    Case("the same, cropped, three bands in the user's order", "DATA/sled_ps1/cutouts --bands i,r,g --size 64"),
    Case("the same, joined by position", "DATA/sled_ps1/cutouts --catalogue DATA/sled_ps1/catalogue.csv --join position --join-radius-arcsec 5"),
    Case("lens challenge, ground", "DATA/bologna/ground --catalogue DATA/bologna/labels.csv --labels is_lens"),
    Case("lens challenge, space: the same IDs are other objects", "DATA/bologna/space --catalogue DATA/bologna/labels.csv --labels is_lens"),
    Case("lens challenge, both at once", "DATA/bologna"),
    Case("lens challenge, both, only the band of space", "DATA/bologna --bands VIS"),
    Case("a Euclid lens, 8 bands with PSF and RMS planes", "DATA/euclid_mef"),
    Case("the same, three bands by the ends of their names", "DATA/euclid_mef --bands VIS,Y,H"),
    Case("the same, HDUs by number and name", "DATA/euclid_mef --hdus 10,NIR_H_FLUX --bands VIS,H"),
    Case("the same, an RMS plane asked for by number is taken: it looks like flux", "DATA/euclid_mef --hdus 10,12 --bands VIS,RMS"),
    Case("Space Warps colour images, bands unnamed", "DATA/spacewarps"),
    Case("Space Warps colour images in frames", "DATA/spacewarps --bands i,r,g --catalogue DATA/spacewarps/labels.csv"),
    Case("the same, expert grades as labels without a threshold", "DATA/spacewarps --bands i,r,g --catalogue DATA/spacewarps/labels.csv --labels expert_grade"),
    Case("the same, lenses from grade 1.5 on", "DATA/spacewarps --bands i,r,g --catalogue DATA/spacewarps/labels.csv --labels expert_grade --label-threshold 1.5 --size 440"),
    Case("HST images in HDF5, two filters of two objects", "DATA/hdf5"),
    Case("an HST image in HDF5 and its PSF", "DATA/hdf5/lens_system1"),
    Case("another one", "DATA/hdf5/lensed_quasar"),
    Case("an HSC cube in npz beside one in FITS", "DATA/npz"),
    Case("an HSC cube in npz that names its bands", "DATA/npz --layout npy"),
    Case("the same, three of its bands by name", "DATA/npz --layout npy --bands i,r,g"),
    Case("the same, a band it does not have", "DATA/npz --layout npy --bands g,r,u"),
    Case("an HSC cube in FITS that does not name its bands", "DATA/npz/Cut_HSC.fits"),
    Case("the same, bands named", "DATA/npz/Cut_HSC.fits --bands g,r,i,z,y"),
    Case("the same, too few bands named", "DATA/npz/Cut_HSC.fits --bands g,r,i"),
    Case("astropy's test files as one band each", "DATA/fits_variety --layout files --bands r --size 64"),
    Case("the same without bands", "DATA/fits_variety"),
    Case("random groups with a broken header", "DATA/fits_variety/invalid --bands r"),
    Case("a table of known lenses", "DATA/catalogues"),
    Case("scores", "DATA/scores"),
)  # fmt: skip

PAINTING = (
    "ingest DATA/sled_ps1_fields/cutouts --name fields --bands g,r,i",
    "find-objects fields --name galaxies --size 48",
    "paint galaxies --name painted --count 500",
    'paint galaxies --name from-stamps --count 500 --source-stamps galaxies --source-stamps-where "mag_g - mag_i < 1"',
    "paint galaxies --name quasars --count 200 --source-quasar-share 1 --nonlens-ratio 0",
)
ABOUT_PAINTING = (
    "## From fields to a training set",
    "",
    "Galaxies found in the fields of known lenses, away from the lens itself, become hosts and non-lenses. Numbers of",
    "hosts are those left after each cut. The PSF is measured on the stars of the fields, noise and unit are those of",
    "the stacks; every cutout keeps its host, the host's field as its parent, and what was painted: Einstein radius,",
    "redshifts, magnitudes, magnification and the S/N of the arcs in each band. Look at a preview first, on the page",
    "Paint.",
)


def run_case(case: Case, data: Path, workspace: Path, name: str) -> tuple[str, str, str]:
    """Run one import; return accepted, rejected and the reasons or the refusal."""
    arguments = [word.replace("DATA", str(data)) for word in shlex.split(case.arguments)]
    command = [
        sys.executable,
        "-m",
        "lensapp",
        "--workspace",
        str(workspace),
        "ingest",
        *arguments,
        "--name",
        name,
    ]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode == 2:
        return "–", "all", done.stderr.strip().replace(str(data), "DATA")
    if done.returncode:
        raise SystemExit(f"{case.arguments}: {done.stderr}")
    result = json.loads(done.stdout)
    shape = f"{'/'.join(result['bands'])}, {result['shape'][1]} × {result['shape'][0]}"
    groups = Counter(entry["reason"].split(":")[0] for entry in result["rejected"])
    reasons = ", ".join(f"{count} {code}" for code, count in groups.most_common())
    notes = "; ".join(part for part in (shape, reasons, *result["warnings"]) if part)
    return str(result["accepted"]), str(len(result["rejected"])), notes.replace(str(data), "DATA")


def describe_files(data: Path, workspace: Path) -> list[str]:
    """Return a row per file of the folder of oddities: what became of it as a single band."""
    command = [
        sys.executable,
        "-m",
        "lensapp",
        "--workspace",
        str(workspace),
        "ingest",
        str(data / "fits_variety"),
    ]
    command += ["--layout", "files", "--bands", "r", "--size", "64", "--dry-run", "--json"]
    result = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout)
    reasons = {entry["file"]: entry["reason"] for entry in result["rejected"]}
    files = sorted(
        str(path.relative_to(data / "fits_variety")) for path in (data / "fits_variety").rglob("*.fits*")
    )
    return [f"| `{file}` | {reasons.get(file, 'accepted').replace('|', '/')} |" for file in files]


def painted_training_set(data: Path, workspace: Path) -> list[str]:
    """Return a row per step from fields to a training set of painted lenses: the command and its outcome."""
    rows = []
    for command in PAINTING:
        words = [word.replace("DATA", str(data)) for word in shlex.split(command)]
        done = subprocess.run(
            [sys.executable, "-m", "lensapp", "--workspace", str(workspace), *words, "--json"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=True,
        )
        result = json.loads(done.stdout)
        told = [f"{result['accepted']} cutouts of {result['shape'][1]} × {result['shape'][0]} pixels"]
        if "lenses" in result:
            told.append(f"{result['lenses']} of them painted lenses")
            told += [f"{count} {what}" for what, count in result["hosts"].items()]
        rows.append(f"| `{command}` | {', '.join(told)} |")
    return rows


def make_page(data: Path) -> str:
    """Return the page as Markdown."""
    lines = [
        "# Real data through the import",
        "",
        "Made by `make real-data` from real runs of `python -m lensapp ingest …`; DATA stands for the folder of real",
        "files of the survey teams, which is not part of this project. A refusal of a whole import is its one-line",
        "error message; the reasons of single candidates are counted by code and stored with the source.",
        "",
        "| what | command | accepted | rejected | bands, size, reasons |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(CASES):
            accepted, rejected, notes = run_case(case, data, Path(folder), f"case{number}")
            notes = notes.replace("|", "/")
            lines.append(f"| {case.what} | `ingest {case.arguments}` | {accepted} | {rejected} | {notes} |")
        lines += [
            "",
            UNITS.rstrip(),
            "",
            "## astropy's test files, one by one",
            "",
            "| file | outcome |",
            "|---|---|",
        ]
        lines += describe_files(data, Path(folder))
        lines += ["", *ABOUT_PAINTING, "", "| command | outcome |", "|---|---|"]
        lines += painted_training_set(data, Path(folder))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="Folder of real data.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "real-data.md")
    arguments = parser.parse_args()
    arguments.out.write_text(make_page(arguments.data.resolve()), "utf-8")
    sys.stdout.write(f"{arguments.out}\n")


if __name__ == "__main__":
    main()
