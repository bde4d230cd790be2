"""Scores of one run for one source as Parquet: parts while they are made, one file in the end."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import StorageError
from lensapp.core.evaluate.histogram import BINS, bin_of, lower_edges
from lensapp.storage.files import DAMAGED, whole_file

GROUP_ROWS = 65_536
BLOCK_ROWS = 2**22
WHOLE = "scores"
ENDING = ".parquet"
HISTOGRAM = ".histogram.npy"
BEST = ".best.npy"
BEST_KEPT = 10_000
BEST_ROW = np.dtype([("cutout_id", "<i8"), ("score", "<f8")])
FIRST_CUT = 1_000_000  # the best are picked out of so many at a time, at least
FOOTERS_KEPT = 256

Ids = NDArray[np.int64]
Values = NDArray[Any]  # float32 where that holds every score, else float64
Block = tuple[Ids, Values]


class Best:
    """The best of any number of scores, of which no more than some millions are held at once.

    Parameters
    ----------
    limit
        How many of the best are wanted, None for all.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._ids = [np.empty(0, np.int64)]
        self._scores: list[NDArray[np.float64]] = [np.empty(0)]
        self._held, self._cut = 0, -np.inf

    def add(self, cutout_ids: Ids, scores: NDArray[Any]) -> None:
        """Take further scores in."""
        rows = slice(None) if self._cut == -np.inf else np.flatnonzero(scores >= self._cut)
        self._ids.append(cutout_ids[rows])
        self._scores.append(scores[rows].astype(np.float64))
        self._held += len(self._ids[-1])
        if self._limit and self._held > max(2 * self._limit, FIRST_CUT):
            ids, best = self.ordered()
            self._ids, self._scores, self._held, self._cut = [ids], [best], len(best), float(best[-1])

    def ordered(self) -> tuple[Ids, NDArray[np.float64]]:
        """Return cutout ids and scores of the best so far, highest score first (ties by cutout id)."""
        ids, scores = np.concatenate(self._ids), np.concatenate(self._scores)
        order = np.lexsort((ids, -scores))[: self._limit]
        return ids[order], scores[order]


@dataclass(frozen=True)
class ScoreFiles:
    """A folder of scores.

    Parts are written once, each whole or not at all, into a folder named by a number. `join` makes one file
    of them, `scores-<number>-<rows>.parquet`, in rising order of cutout ids; it stands for all parts up to
    that number, so that a kill between writing it and removing them does no harm. How many scores a file
    holds stands in its name: what is there is counted without opening it. Beside a joined file lie its
    histogram and its best, so that a page need not read the rest.
    """

    folder: Path

    def count(self) -> int:
        """Return how many scores there are."""
        return sum(int(path.stem.rsplit("-", 1)[1]) for path in self.paths())

    def paths(self) -> list[Path]:
        """Return the files that hold the scores, the joined one first."""
        whole, generation = self._whole()
        parts = sorted((self.folder / str(generation + 1)).glob(f"[!.]*{ENDING}"))
        return parts if whole is None else [whole, *parts]

    def add(self, name: str, cutout_ids: Ids, scores: NDArray[Any]) -> None:
        """Store scores of cutouts that have none as a part; one of the same name and length is replaced."""
        if not len(cutout_ids):
            return
        folder = self.folder / str(self._whole()[1] + 1)
        folder.mkdir(parents=True, exist_ok=True)
        order = np.argsort(cutout_ids, kind="stable")
        values: Values = np.asarray(scores)[order]
        narrow = values.astype(np.float32)  # scores of networks lose nothing so
        values = narrow if np.array_equal(narrow, values, equal_nan=True) else values.astype(np.float64)
        block = cutout_ids[order], values
        _write(folder / f"{name}-{len(cutout_ids)}{ENDING}", [block], dtype=values.dtype)

    def has(self, name: str, rows: int) -> bool:
        """Return whether a part of this name and length is there and not yet joined."""
        return (self.folder / str(self._whole()[1] + 1) / f"{name}-{rows}{ENDING}").exists()

    def blocks(self) -> Iterator[Block]:
        """Yield cutout ids and scores, some ten thousand at a time."""
        for path in self.paths():
            yield from _groups(path)

    def best(self, limit: int) -> Best:
        """Return the best scores; as many as were kept when the files were joined are not looked for."""
        best = Best(limit)
        for path in self.paths():
            kept = path.with_suffix(BEST)
            if limit <= BEST_KEPT and kept.exists():
                rows = np.load(kept)
                best.add(rows["cutout_id"], rows["score"])
            else:
                for ids, scores in _groups(path):
                    best.add(ids, scores)
        return best

    def count_at_least(self, threshold: float) -> int:
        """Return how many scores reach a threshold, told by the histogram where a bin begins there."""
        edges = lower_edges()
        first = int(np.searchsorted(edges, threshold))
        if 0 < first < BINS and edges[first] == threshold:
            return int(self.histogram()[first:].sum())
        wanted = np.float64(threshold)  # a plain number would be rounded to the float32 of the scores
        return sum(
            int(np.count_nonzero(scores >= wanted)) for path in self.paths() for scores in _scores(path)
        )

    def histogram(self) -> NDArray[np.int64]:
        """Return the number of scores in each bin of `lensapp.core.evaluate.histogram`, shape (65536,).

        Scores outside 0 to 1, which tables of others may hold, count at the ends. What is joined was counted
        then.
        """
        counts = np.zeros(BINS, np.int64)
        for path in self.paths():
            kept = path.with_suffix(HISTOGRAM)
            if kept.exists():
                counts += np.load(kept)
            else:
                for _ in _counted(_groups(path), counts):
                    pass
        return counts

    def scores_for(self, cutout_ids: Ids, *, but: str | None = None) -> NDArray[np.float64]:
        """Return the scores of some cutouts in the order given, NaN where there is none.

        Only the groups of rows are read that may hold one, and no parts whose names begin with `but`.
        """
        order = np.argsort(cutout_ids, kind="stable")
        wanted, scores = cutout_ids[order], np.full(len(cutout_ids), np.nan)
        paths = [path for path in self.paths() if but is None or not path.name.startswith(but)]
        for path in paths if len(wanted) else ():
            low, high = _id_ranges(path)
            reached = np.searchsorted(wanted, high, "right") > np.searchsorted(wanted, low, "left")
            for ids, values in _groups(path, np.flatnonzero(reached).tolist()):
                first, last = np.searchsorted(wanted, [ids[0], ids[-1] + 1]).tolist()
                rows = np.searchsorted(ids, wanted[first:last])
                held = ids[rows] == wanted[first:last]
                scores[order[first:last][held]] = values[rows[held]]
        return scores

    def join(self) -> None:
        """Make one file of all, in rising order of ids; at 10⁸ scores some ten million are held at once."""
        from pyarrow import parquet

        whole, generation = self._whole()
        paths = self.paths()
        if paths and paths != [whole]:
            kinds = [parquet.read_schema(path).field("score").type for path in paths]
            dtype = np.result_type(*(kind.to_pandas_dtype() for kind in kinds))
            rows = self.count()
            target = self.folder / f"{WHOLE}-{generation + 1}-{rows}{ENDING}"
            counts, best = np.zeros(BINS, np.int64), Best(BEST_KEPT)
            with (
                whole_file(target.with_suffix(HISTOGRAM)) as partial,
                whole_file(target.with_suffix(BEST)) as partial_best,
            ):
                _write(target, _noted(_merged(paths, rows), best, counts), dtype=dtype)
                kept = np.rec.fromarrays(list(best.ordered()), dtype=BEST_ROW)
                for path, array in ((partial, counts), (partial_best, kept)):
                    with path.open("wb") as stream:
                        np.save(stream, array)
        newest, generation = self._whole()  # stands for all that is removed
        if newest is None:
            return
        for path in self.folder.glob("*"):
            if path.is_dir() and int(path.name) <= generation:
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith(WHOLE) and not path.name.startswith(f"{newest.stem}."):
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _whole(self) -> tuple[Path | None, int]:
        """Return the newest joined file and its number; None and 0 where there is none."""
        joined = {int(path.stem.split("-")[1]): path for path in self.folder.glob(f"{WHOLE}-*-*{ENDING}")}
        return (joined[max(joined)], max(joined)) if joined else (None, 0)


def _noted(blocks: Iterable[Block], best: Best, counts: NDArray[np.int64]) -> Iterator[Block]:
    """Yield blocks, pick the best of them and add their scores to the counts in bins."""
    for ids, scores in _counted(blocks, counts):
        best.add(ids, scores)
        yield ids, scores


def _counted(blocks: Iterable[Block], counts: NDArray[np.int64]) -> Iterator[Block]:
    """Yield blocks and add their scores to the counts in bins."""
    for ids, scores in blocks:
        counts += np.bincount(bin_of(np.clip(scores, 0.0, 1.0)), minlength=BINS)
        yield ids, scores


def _write(path: Path, blocks: Any, *, dtype: Any) -> None:
    import pyarrow
    from pyarrow import parquet

    kind = pyarrow.from_numpy_dtype(dtype)
    schema = pyarrow.schema([("cutout_id", pyarrow.int64()), ("score", kind)])
    encoding = {"cutout_id": "DELTA_BINARY_PACKED", "score": "PLAIN"}
    options: Any = {"use_dictionary": False, "compression": "none", "column_encoding": encoding}
    with whole_file(path) as partial, parquet.ParquetWriter(partial, schema, **options) as writer:
        for ids, scores in blocks:
            table = pyarrow.table([ids, scores.astype(dtype, copy=False)], schema=schema)
            writer.write_table(table, row_group_size=GROUP_ROWS)


def _groups(path: Path, numbers: Sequence[int] | None = None) -> Iterator[Block]:
    """Yield groups of rows of a file, all or those of some numbers.

    Ids without a gap, as those of a whole source, are known from their range and need not be decoded.
    """
    low, high = _id_ranges(path)
    with _opened(path) as file:
        for number in range(file.num_row_groups) if numbers is None else numbers:
            gapless = file.metadata.row_group(number).num_rows == high[number] - low[number] + 1
            table = file.read_row_group(number, columns=["score"] if gapless else None, use_threads=False)
            ids = np.arange(low[number], high[number] + 1) if gapless else table["cutout_id"].to_numpy()
            yield ids, table["score"].to_numpy()


def _scores(path: Path) -> Iterator[Values]:
    """Yield the scores of a file by groups of rows, without their ids."""
    with _opened(path) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns=["score"], use_threads=False)["score"].to_numpy()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file of scores; StorageError, here or while it is read, where it is damaged."""
    from pyarrow import parquet

    try:
        footer = _footer(path, path.stat().st_mtime_ns)
        with parquet.ParquetFile(path, metadata=footer) as file:
            yield file
    except FileNotFoundError:
        raise  # joined or replaced meanwhile: whoever reads begins again
    except DAMAGED as error:
        raise StorageError(
            f"The scores in {path} cannot be read ({error}). Delete it and score the source again."
        ) from error


@lru_cache(maxsize=FOOTERS_KEPT)  # of 10⁸ scores it takes a hundredth of a second to read
def _footer(path: Path, _written_at: int) -> Any:
    from pyarrow import parquet

    return parquet.read_metadata(path)


def _id_ranges(path: Path) -> tuple[Ids, Ids]:
    """Return the lowest and the highest cutout id of each group of rows."""
    return _id_ranges_of(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=FOOTERS_KEPT)
def _id_ranges_of(path: Path, _written_at: int) -> tuple[Ids, Ids]:
    with _opened(path) as file:
        described = file.metadata
    columns = [described.row_group(number).column(0) for number in range(described.num_row_groups)]
    ranges = [(column.statistics.min, column.statistics.max) for column in columns]
    low, high = np.array(ranges, np.int64).reshape(-1, 2).T
    return low, high


def _merged(paths: Sequence[Path], rows: int) -> Iterator[Block]:
    """Yield all scores in rising order of ids, a range of ids at a time."""
    ranges = {path: _id_ranges(path) for path in paths}
    lowest = min(int(low.min()) for low, _ in ranges.values())
    highest = max(int(high.max()) for _, high in ranges.values())
    edges = np.linspace(lowest, highest + 1, -(-rows // BLOCK_ROWS) + 1).astype(np.int64)
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        pieces = [(np.empty(0, np.int64), np.empty(0, np.float32))]
        for path, (low, high) in ranges.items():
            for ids, scores in _groups(path, np.flatnonzero((low < end) & (high >= start)).tolist()):
                first, last = np.searchsorted(ids, [start, end]).tolist()
                pieces.append((ids[first:last], scores[first:last]))
        ids, scores = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
        order = np.argsort(ids, kind="stable")
        yield ids[order], scores[order]
