"""Which file is of which format, by its name."""

from pathlib import PurePath

SUFFIXES = {
    "fits": (".fits", ".fit", ".fts", ".fz"),
    "images": (".png", ".jpg", ".jpeg", ".tif", ".tiff"),
    "hdf5": (".h5", ".hdf5", ".hdf", ".he5"),
    "npy": (".npy", ".npz"),
}
PACKED = (".gz", ".bz2", ".Z")
FORMAT_WORDS = {"fits": "FITS", "images": "PNG or JPEG", "hdf5": "HDF5", "npy": "NumPy"}


def format_of(name: str) -> str | None:
    """Return "fits", "images", "hdf5", "npy" or None."""
    suffix = PurePath(_unpacked(name)).suffix.lower()
    found = next((kind for kind, suffixes in SUFFIXES.items() if suffix in suffixes), None)
    return found if found == "fits" or _unpacked(name) == name else None


def stem_of(name: str) -> str:
    """Return a file's name without folder and without the suffixes of its format."""
    plain = PurePath(_unpacked(PurePath(name).name))
    stem = plain.stem if format_of(name) else plain.name
    return PurePath(stem).stem if PurePath(stem).suffix.lower() in SUFFIXES["fits"] else stem


def _unpacked(name: str) -> str:
    suffix = PurePath(name).suffix
    return name[: -len(suffix)] if suffix in PACKED else name
