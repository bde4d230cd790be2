"""List the files of an import."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.companions import Companions, find_companions
from lensapp.ingest.formats.file_types import FORMAT_WORDS, format_of

LAYOUT_FORMATS = {"cube": "fits", "hdus": "fits", "images": "images", "hdf5": "hdf5", "npy": "npy"}


@dataclass(frozen=True)
class Listing:
    """The files to import, sorted, relative to the root and all of one format, and those left out."""

    root: Path
    names: list[str]
    format: str
    left_out: list[str]
    companions: Companions = field(default_factory=Companions)


def list_files(spec: IngestSpec) -> Listing:
    """List the files below the path of `spec` that are of one format."""
    path = Path(spec.path).expanduser()
    if not path.exists():
        raise InvalidInput(f"{spec.path} does not exist. Choose another folder or file.")
    root = path if path.is_dir() else path.parent
    names = _names_below(path) if path.is_dir() else [path.name]
    catalogue = Path(spec.catalogue).expanduser().resolve() if spec.catalogue else None
    by_format: dict[str, list[str]] = {}
    for name in names:
        kind = format_of(name)
        of_catalogue = catalogue and name.endswith(catalogue.name) and (root / name).resolve() == catalogue
        if kind and not of_catalogue:
            by_format.setdefault(kind, []).append(name)
    kind = _one_format(by_format, spec)
    images = set(by_format[kind])
    left_out = [name for name in names if name not in images]
    companions = find_companions(by_format[kind], bands=spec.bands) if path.is_dir() else Companions()
    if companions.kinds:
        by_format[kind] = [name for name in by_format[kind] if name not in companions.kinds]
    return Listing(root.resolve(), by_format[kind], kind, left_out, companions)


def _names_below(root: Path) -> list[str]:
    names = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = folder[len(str(root)) :].strip(os.sep)
        prefix = relative.replace(os.sep, "/") + "/" if relative else ""
        names += [prefix + name for name in sorted(files) if not name.startswith(".")]
    return names


def _one_format(by_format: dict[str, list[str]], spec: IngestSpec) -> str:
    kind = LAYOUT_FORMATS.get(spec.layout)
    if kind in by_format:
        return kind
    if kind or not by_format:
        what = FORMAT_WORDS[kind] if kind else "FITS, PNG, JPEG, HDF5 or NumPy"
        raise InvalidInput(f"There are no {what} files in {spec.path}. Choose another path or layout.")
    if len(by_format) > 1:
        counts = Counter({FORMAT_WORDS[kind]: len(names) for kind, names in by_format.items()})
        listed = ", ".join(f"{count} {words}" for words, count in counts.most_common())
        raise InvalidInput(
            f"The files in {spec.path} are of several formats: {listed}. Choose one with the layout."
        )
    return next(iter(by_format))
