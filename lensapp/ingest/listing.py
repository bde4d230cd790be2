"""List the files of an import."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.companions import Companions, find_companions
from lensapp.ingest.formats.file_types import FORMAT_WORDS, format_of
from lensapp.ingest.formats.packs.zarr_stores import is_zarr, sidecar_of
from lensapp.ingest.gate.guards import kind_of
from lensapp.storage.records import Rejection

LAYOUT_FORMATS = {
    "cube": "fits",
    "hdus": "fits",
    "images": "images",
    "hdf5": "hdf5",
    "npy": "npy",
    "zarr": "zarr",
    "tiles": "fits",
}


@dataclass(frozen=True)
class Listing:
    """The files to import, sorted, relative to the root and all of one format, and those left out."""

    root: Path
    names: list[str]
    format: str
    left_out: list[str]
    companions: Companions = field(default_factory=Companions)
    refused: list[Rejection] = field(default_factory=list)


def list_files(spec: IngestSpec) -> Listing:
    """List the files below the path of `spec` that are of one format."""
    path = Path(spec.path).expanduser()
    if not path.exists():
        raise InvalidInput(f"{spec.path} does not exist. Choose another folder or file.")
    is_folder = path.is_dir() and not is_zarr(path)
    root = path if is_folder else path.absolute().parent
    refused: list[Rejection] = []
    names = [] if is_folder else [path.name]
    if is_folder:
        inside = os.path.join(path.resolve(), "")  # noqa: PTH118 - with the separator at its end
        _walk(path, "", inside, names, refused)
    if not path.is_dir() and not path.is_file():
        raise InvalidInput(
            f"{spec.path} is {kind_of(path.stat().st_mode)}, no regular file. Choose another folder or file."
        )
    if spec.catalogue:
        catalogue = Path(spec.catalogue).expanduser().resolve()
        alike = {name for name in names if name.endswith(catalogue.name)}
        names = [name for name in names if name not in alike or (root / name).resolve() != catalogue]
    by_format: dict[str, list[str]] = {}
    for name in names:
        if kind := format_of(name) or ("zarr" if (root / name).is_dir() else None):
            by_format.setdefault(kind, []).append(name)
    kind = _one_format(by_format, spec, refused)
    images = set(by_format[kind])
    if kind == "zarr":  # the tables beside stores are read with them
        images |= {str(beside.relative_to(root)) for name in images if (beside := sidecar_of(root / name))}
    left_out = [name for name in names if name not in images]
    companions = find_companions(by_format[kind], bands=spec.bands) if is_folder else Companions()
    if companions.kinds:
        by_format[kind] = [name for name in by_format[kind] if name not in companions.kinds]
    return Listing(root.resolve(), by_format[kind], kind, left_out, companions, refused)


def _walk(folder: Path | str, prefix: str, inside: str, names: list[str], refused: list[Rejection]) -> None:
    """Add the regular files below a folder to `names`; links out of it, pipes and devices are refused."""
    with os.scandir(folder) as scan:
        entries = sorted((entry for entry in scan if not entry.name.startswith(".")), key=lambda e: e.name)
    folders = []
    for entry in entries:
        name = prefix + entry.name
        if entry.is_file(follow_symlinks=False):
            names.append(name)
        elif entry.is_dir(follow_symlinks=False):
            if is_zarr(entry.path):
                names.append(name)
            else:
                folders.append(entry)
        elif reason := _reason_against(entry, inside):
            refused.append(Rejection(name, *reason))
        else:
            names.append(name)
    for entry in folders:
        _walk(entry.path, f"{prefix}{entry.name}/", inside, names, refused)


def _reason_against(entry: os.DirEntry[str], inside: str) -> tuple[str, str] | None:
    """Return why an entry that is no plain file is not read: code and reason."""
    if not entry.is_symlink():
        return "unreadable", f"it is {kind_of(entry.stat(follow_symlinks=False).st_mode)}, not a regular file"
    target = os.path.realpath(entry.path)
    if not target.startswith(inside):
        return "elsewhere", f"it is a link to {target}, out of the folder; copy the file, or name its folder"
    if entry.is_dir():
        return "elsewhere", f"it is a link to the folder {target}, which is read where it is"
    if not entry.is_file():
        return "unreadable", "it is a link to no regular file"
    return None


def _one_format(by_format: dict[str, list[str]], spec: IngestSpec, refused: Sequence[Rejection]) -> str:
    kind = LAYOUT_FORMATS.get(spec.layout)
    if kind in by_format:
        return kind
    if kind or not by_format:
        what = FORMAT_WORDS[kind] if kind else "FITS, PNG, JPEG, HDF5, NumPy or Zarr"
        if refused:
            raise InvalidInput(
                f"There are no {what} files to read in {spec.path}: {len(refused)} were refused, the first "
                f"({refused[0].file}) because {refused[0].reason}."
            )
        raise InvalidInput(f"There are no {what} files in {spec.path}. Choose another path or layout.")
    if len(by_format) > 1:
        counts = Counter({FORMAT_WORDS[kind]: len(names) for kind, names in by_format.items()})
        listed = ", ".join(f"{count} {words}" for words, count in counts.most_common())
        raise InvalidInput(
            f"The files in {spec.path} are of several formats: {listed}. Choose one with --layout."
        )
    return next(iter(by_format))
