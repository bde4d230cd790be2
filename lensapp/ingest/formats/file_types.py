"""Which file is of which format, by its name."""

SUFFIXES = {
    "fits": (".fits", ".fit", ".fts", ".fz"),
    "images": (".png", ".jpg", ".jpeg", ".tif", ".tiff"),
    "hdf5": (".h5", ".hdf5", ".hdf", ".he5"),
    "npy": (".npy", ".npz"),
    "zarr": (".zarr",),
}
TABLES = (".csv", ".ecsv", ".tsv", ".vot", ".votable", ".parquet", ".pq")  # which are no images, too
PACKED = (".gz", ".bz2", ".Z")
FORMATS = {suffix: kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}
FORMAT_WORDS = {"fits": "FITS", "images": "PNG or JPEG", "hdf5": "HDF5", "npy": "NumPy", "zarr": "Zarr"}


def format_of(name: str) -> str | None:
    """Return "fits", "images", "hdf5", "npy", "zarr" or None."""
    plain = _unpacked(name)
    kind = FORMATS.get("." + plain.rpartition(".")[2].lower())
    return kind if kind == "fits" or plain == name else None


def stem_of(name: str) -> str:
    """Return a file's name without folder and without the suffixes of its format.

    An ID may end like a file: x.fits.fits holds x.fits.
    """
    plain = _unpacked(name.rpartition("/")[2])
    for endings in (FORMATS, SUFFIXES["fits"]):
        head, dot, suffix = plain.rpartition(".")
        if not head or dot + suffix.lower() not in endings:
            break
        plain = head
        if suffix.lower() != "fz":  # as in a.fits.fz
            break
    return plain


def _unpacked(name: str) -> str:
    return name[: name.rindex(".")] if name.endswith(PACKED) else name
