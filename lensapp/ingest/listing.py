"""List the files of an import."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.file_types import FORMAT_WORDS, format_of

LAYOUT_FORMATS = {"cube": "fits", "hdus": "fits", "images": "images", "hdf5": "hdf5", "npy": "npy"}


@dataclass(frozen=True)
class Listing:
    """The files to import, sorted, relative to the root and all of one format, and those left out."""

    root: Path
    names: list[str]
    format: str
    left_out: list[str]


def list_files(spec: IngestSpec) -> Listing:
    """List the files below the path of `spec` that are of one format.

    Raises
    ------
    InvalidInput
        When the path does not exist, holds no images, or holds several formats.
    """
    path = Path(spec.path).expanduser()
    if not path.exists():
        raise InvalidInput(
            f"Expected a folder or file to import, received {spec.path}, which does not exist."
        )
    if path.is_file():
        root, found = path.parent, [path.name]
    else:
        root, found = path, _walk(path)
    catalogue = Path(spec.catalogue).expanduser().resolve() if spec.catalogue else None
    by_format: dict[str, list[str]] = {}
    for name in found:
        kind = format_of(name)
        if kind and not (
            catalogue and name.endswith(catalogue.name) and (root / name).resolve() == catalogue
        ):
            by_format.setdefault(kind, []).append(name)
    chosen = _choose(by_format, spec)
    names = by_format[chosen]
    taken = set(names)
    left_out = [name for name in found if name not in taken] if len(found) > len(names) else []
    return Listing(root.resolve(), names, chosen, left_out)


def _walk(root: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = folder[len(str(root)) :].strip(os.sep)
        prefix = relative.replace(os.sep, "/") + "/" if relative else ""
        found += [prefix + name for name in sorted(files) if not name.startswith(".")]
    return found


def _choose(by_format: dict[str, list[str]], spec: IngestSpec) -> str:
    wanted = LAYOUT_FORMATS.get(spec.layout)
    if wanted in by_format:
        return wanted
    if wanted or not by_format:
        what = FORMAT_WORDS[wanted] if wanted else "FITS, PNG, JPEG, HDF5 or NumPy"
        raise InvalidInput(
            f"Expected {what} files in {spec.path}, received none. Give another path or layout."
        )
    if len(by_format) > 1:
        counts = Counter({FORMAT_WORDS[kind]: len(names) for kind, names in by_format.items()})
        shown = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
        raise InvalidInput(
            f"Expected files of one format in {spec.path}, received {shown}. Choose one with the layout."
        )
    return next(iter(by_format))
