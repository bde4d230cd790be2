"""Tables that a user gives from the browser, as files to be read by their endings."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamlit.runtime.uploaded_file_manager import UploadedFile

TABLE_ENDINGS = ["csv", "tsv", "ecsv", "fits", "fit", "vot", "votable", "xml", "parquet", "pq"]


@contextmanager
def uploaded_table(uploaded: UploadedFile) -> Iterator[Path]:
    """Write an uploaded file under its own name to a folder that goes when it has been read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(uploaded.name).name
        path.write_bytes(uploaded.getvalue())
        yield path
