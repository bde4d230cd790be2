"""Look at a table before it is parsed: its size, and whether it names other files for its content."""

import io
import re
from mmap import ACCESS_READ, mmap
from pathlib import Path

from lensapp.ingest.formats.fits_files import load_bytes
from lensapp.ingest.formats.fits_structure import check_structure
from lensapp.ingest.formats.packed import is_packed
from lensapp.ingest.gate.guards import allow, check_regular
from lensapp.ingest.gate.limits import MIB, limits, refuse_wide
from lensapp.ingest.refusals import Refused

HREF = re.compile(rb"<(?:[\w.-]+:)?STREAM\b[^>]*?\bhref\s*=\s*[\"']([^\"'>]{0,200})", re.IGNORECASE)
FIELD = re.compile(rb"<(?:[\w.-]+:)?FIELD\b", re.IGNORECASE)
ENTITY = re.compile(rb"<!ENTITY\b")
CELL_BYTES = 4


def check_table(path: Path, kind: str) -> Path | io.BytesIO:
    """Refuse a table that claims too much or lies elsewhere; return what its reader is to be given.

    Parameters
    ----------
    kind
        "text", "parquet", "fits", "votable", or the name of another format in astropy.
    """
    size = check_regular(path)
    if kind == "fits":
        content = load_bytes(path)
        check_structure(content)
        return path if isinstance(content, mmap) or len(content) == size else io.BytesIO(content)
    if kind == "parquet":
        import pyarrow.parquet

        described = pyarrow.parquet.read_metadata(path)
        refuse_wide(described.num_columns, described.num_rows)
        # Columns of few values are packed so well that the size of the file says little of that of the table.
        unpacked = described.num_columns * described.num_rows * CELL_BYTES
        allow(min(unpacked, limits().unpacked_ratio * size))
        return path
    if not size:
        raise Refused("unreadable", "it is empty")
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        if is_packed(data[:3]):
            raise Refused("unreadable", "it is packed; unpack it first")
        if kind == "votable":
            if match := HREF.search(data):
                where = match[1].decode("utf-8", "replace")
                raise Refused(
                    "elsewhere", f"its rows are not in the file but at {where}, which is not fetched"
                )
            if ENTITY.search(data):
                raise Refused("unreadable", "it declares XML entities of its own, which no VOTable needs")
            refuse_wide(sum(1 for _ in FIELD.finditer(data)))
            return path
        lines = [line for line in data[:MIB].splitlines() if line and not line.startswith(b"#")]
    for line in lines[:2]:  # one without end counts as far as it was read
        widest = max(line.count(mark) for mark in (b",", b"\t", b";", b"|"))
        refuse_wide(widest + 1 if widest else len(line.split()))
    return path
