"""Parquet files and folders of them, partitioned or HATS, read by batches; only the rows that are kept stay.

References
----------
HATS: https://hats.readthedocs.io ; the IVOA note "HATS: a scheme for spatially partitioned catalogs".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.table_batches import rows_of_large
from lensapp.ingest.formats.table_files import FORMATS, TableFile, units_of_schema
from lensapp.ingest.gate.limits import refuse_wide
from lensapp.ingest.refusals import Refused

BATCH_ROWS = 100_000
COLLECTION, PROPERTIES = "collection.properties", ("hats.properties", "properties")
ENDINGS = (".parquet", ".pq", ".parq")


class Cells(Sequence[Any]):
    """A column as Arrow holds it: eight bytes for a number, plain Python values when they are asked for."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        cell = self.array[index]
        return cell.to_pylist() if isinstance(index, slice) else cell.as_py()

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self.array), BATCH_ROWS):
            yield from self.array[start : start + BATCH_ROWS].to_pylist()

    def numbers(self) -> NDArray[np.float64] | None:
        """Return the column as numbers, NaN where empty; None where it holds anything else."""
        import pyarrow as pa

        if not (pa.types.is_floating(self.array.type) or pa.types.is_integer(self.array.type)):
            return None
        return np.asarray(self.array.to_numpy(zero_copy_only=False), np.float64)


def is_large(path: Path) -> bool:
    """Return whether a catalogue is a folder, or a Parquet file of many rows."""
    is_parquet = FORMATS.get(path.suffix.lower()) == "parquet"
    return path.is_dir() or (is_parquet and rows_of_large(path) > 0)


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file, or the files of a folder as one table in the order of their names.

    Attributes
    ----------
    root
        The file or the folder, of a HATS collection that of its primary catalogue.
    properties
        What a HATS catalogue says of itself, such as hats_col_ra.
    """

    root: Path
    properties: dict[str, str]

    @classmethod
    def open(cls, path: Path) -> "ParquetTable":
        """Find the files of a table.

        Raises
        ------
        InvalidInput
            When a folder holds no Parquet file, or files cannot be read as one table.
        """
        root = path
        primary = _read_properties(root / COLLECTION).get("hats_primary_table_url")
        if primary and (root / primary).is_dir():
            root = root / primary
        properties = next(filter(None, (_read_properties(root / name) for name in PROPERTIES)), {})
        table = cls(root, properties if any(key.startswith("hats_") for key in properties) else {})
        try:
            refuse_wide(len(table.names))
        except Refused as refused:
            raise InvalidInput(f"{path} is not a readable catalogue: {refused.reason}.") from refused
        return table

    @cached_property
    def dataset(self) -> Any:
        """The table as pyarrow sees it; names of folders such as field=EDF-N are a column."""
        import pyarrow as pa
        from pyarrow import dataset

        files = [self.root]
        if self.root.is_dir():
            data = self.root / "dataset"
            data = data if data.is_dir() else self.root
            files = sorted(
                file
                for file in data.rglob("*")
                if file.suffix.lower() in ENDINGS
                and file.is_file()
                and not any(part[0] in "._" for part in file.relative_to(data).parts)
            )
        if not files:
            raise InvalidInput(
                f"The folder {self.root} holds no Parquet files. Name a table, or a folder of Parquet files "
                "(partitioned, or a HATS catalogue)."
            )
        # What a HATS catalogue is partitioned by, Norder, Dir and Npix, tells nothing of an object.
        hive = None if self.properties or self.root.is_file() else dataset.partitioning(flavor="hive")
        try:
            return dataset.dataset(
                [str(file) for file in files],
                format="parquet",
                partitioning=hive,
                partition_base_dir=str(self.root),
            )
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InvalidInput(
                f"{self.root} is not a readable catalogue ({error}). Check its files."
            ) from error

    @cached_property
    def names(self) -> list[str]:
        """The columns but those of lists and structures."""
        import pyarrow as pa

        return [one.name for one in self.dataset.schema if not pa.types.is_nested(one.type)]

    @cached_property
    def units(self) -> dict[str, str]:
        """Declared units by column: of the fields' own metadata, else as astropy writes them."""
        return units_of_schema(self.dataset.schema)

    @cached_property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.dataset.count_rows())

    def head(self, rows: int) -> TableFile:
        """Return the first rows, without reading ahead as `Dataset.head` does."""
        scanner = self.dataset.scanner(
            columns=self.names, batch_size=rows, batch_readahead=0, fragment_readahead=1
        )
        return self._table(scanner.head(rows))

    def batches(self, names: Sequence[str]) -> Iterator[tuple[int, TableFile]]:
        """Return the number of the first row and some columns, some rows at a time."""
        start = 0
        for batch in self.dataset.to_batches(
            columns=list(names), batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1
        ):
            if batch.num_rows:
                yield start, self._table(batch)
            start += batch.num_rows

    def rows(self, wanted: NDArray[np.int64] | None) -> TableFile:
        """Return all columns of some rows, by rising number; None: of all rows.

        Groups of rows that hold none of them are not read.
        """
        import pyarrow as pa

        if wanted is None:
            return self._table(self.dataset.to_table(columns=self.names))
        parts, start = [], 0
        for fragment in self.dataset.get_fragments():
            for group in fragment.split_by_row_group():
                rows = sum(one.num_rows for one in group.row_groups)  # `count_rows` is that of the file
                first, last = np.searchsorted(wanted, [start, start + rows])
                if last > first:
                    read = group.to_table(schema=self.dataset.schema, columns=self.names)
                    parts.append(read.take(pa.array(wanted[first:last] - start)))
                start += rows
        empty = self.dataset.schema.empty_table().select(self.names)
        return self._table(pa.concat_tables([empty, *parts]))

    def _table(self, read: Any) -> TableFile:
        import pyarrow as pa

        columns: dict[str, Any] = {}
        for name in read.schema.names:
            column = read[name]
            if pa.types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            columns[name] = Cells(whole)
        return TableFile(
            self.names, columns, {name: self.units[name] for name in columns if name in self.units}
        )


def _read_properties(path: Path) -> dict[str, str]:
    """Return the keys and values of a file of properties, of lines such as hats_col_ra=ra; none if absent."""
    if not path.is_file():
        return {}
    lines = path.read_text("utf-8", "replace").splitlines()
    pairs = (
        line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith(("#", "!"))
    )
    return {key.strip(): value.strip() for key, _, value in pairs}
