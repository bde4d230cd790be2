"""Write cutouts as Zarr, HDF5 or npz: pixels, noise and PSF as arrays, what is known of each beside them."""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.catalogue.cutout_export_spec import CutoutExportSpec
from lensapp.services.catalogue.cutouts.blocks import CutoutSet
from lensapp.storage.files import whole_file

CHUNK_BYTES = 4 * 2**20
ZERO_POINT = "zero_point"
Write = Callable[[int, NDArray[Any]], None]


def facts_of(cutouts: CutoutSet, spec: CutoutExportSpec, provenance: dict[str, str]) -> dict[str, Any]:
    """Return what holds for all cutouts, as attributes of the file."""
    facts: dict[str, Any] = {
        "axes": spec.axes.upper(),
        "axes_meaning": "N cutout, C band, H y upwards (north-up only where the survey's pixels are), W x",
        "bands": list(cutouts.bands),
        "target_meaning": "1 lens, 0 non-lens, -1 without a label",
        "zero_point_meaning": "AB magnitude of one unit of pixel value, per cutout and band",
        "positions": "ra and dec in degrees, ICRS",
        **provenance,
    }
    if cutouts.pixel_scale_arcsec is not None:
        facts["pixel_scale_arcsec"] = cutouts.pixel_scale_arcsec
    return facts


def shapes_of(cutouts: CutoutSet, spec: CutoutExportSpec) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array of pixels: the images, and the planes beside them by their word."""
    sides = {"images": cutouts.shape} | {plane.word: (plane.height, plane.width) for plane in cutouts.planes}
    bands = len(cutouts.bands)
    return {
        name: (len(cutouts), bands, *side) if spec.axes == "nchw" else (len(cutouts), *side, bands)
        for name, side in sides.items()
    }


def pieces(cutouts: CutoutSet, spec: CutoutExportSpec) -> Iterator[tuple[str, int, NDArray[Any]]]:
    """Yield name, first row and values of each piece of the arrays, block by block; "zero_point" last."""
    for block in cutouts.blocks():
        for name, pixels in {"images": block.pixels, **block.planes}.items():
            ordered = pixels.transpose(0, 3, 1, 2) if spec.axes == "nchw" else pixels
            yield name, block.first, np.ascontiguousarray(ordered)
        yield ZERO_POINT, block.first, block.zero_points


def _fill(
    store: Any,
    arrays: dict[str, Any],
    cutouts: CutoutSet,
    spec: CutoutExportSpec,
    count: Callable[[int], None],
) -> None:
    """Write all pieces into the arrays of a store, which keeps zero points only where some are known."""
    for name, first, values in pieces(cutouts, spec):
        arrays[name][first : first + len(values)] = values
        count(len(values) if name == ZERO_POINT else 0)
    if not np.isfinite(arrays[ZERO_POINT][...]).any():
        del store[ZERO_POINT]


def write_zarr(
    cutouts: CutoutSet,
    path: Path,
    spec: CutoutExportSpec,
    facts: dict[str, Any],
    count: Callable[[int], None],
) -> list[Path]:
    """Write a Zarr store (version 3) and, as Cutana does, a table with a row per image beside it.

    The table is `<name>_metadata.parquet`, its column of IDs `source_id`.
    """
    import shutil

    import zarr

    beside = path.with_name(f"{path.stem}_metadata.parquet")
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        root = zarr.open_group(partial, mode="w", zarr_format=3)
        root.attrs.update(facts)
        arrays = {
            name: root.create_array(
                name,
                shape=shape,
                chunks=(max(1, CHUNK_BYTES // (4 * int(np.prod(shape[1:])))), *shape[1:]),
                dtype="float32",
                compressors=[zarr.codecs.BloscCodec(cname="lz4", clevel=5)],
                fill_value=np.nan,
            )
            for name, shape in shapes_of(cutouts, spec).items()
        }
        arrays[ZERO_POINT] = root.create_array(
            ZERO_POINT, shape=(len(cutouts), len(cutouts.bands)), dtype="float64", fill_value=np.nan
        )
        _fill(root, arrays, cutouts, spec, count)
        with whole_file(beside) as table:
            cutouts.columns().rename(columns={"id": "source_id"}).to_parquet(table, index=False)
        shutil.rmtree(path, ignore_errors=True)
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [path, beside]


def write_hdf5(
    cutouts: CutoutSet,
    path: Path,
    spec: CutoutExportSpec,
    facts: dict[str, Any],
    count: Callable[[int], None],
) -> list[Path]:
    """Write one HDF5 file: arrays without compression, so that any row is read at once."""
    import h5py

    with whole_file(path) as partial, h5py.File(partial, "w") as file:
        for name, value in facts.items():
            file.attrs[name] = value
        arrays = {
            name: file.create_dataset(name, shape, "float32")
            for name, shape in shapes_of(cutouts, spec).items()
        }
        arrays[ZERO_POINT] = file.create_dataset(ZERO_POINT, (len(cutouts), len(cutouts.bands)), "float64")
        _fill(file, arrays, cutouts, spec, count)
        for name, column in cutouts.columns().items():
            file[str(name)] = _plain(column) if _is_number(column) else [str(cell) for cell in column]
    return [path]


def write_npz(
    cutouts: CutoutSet,
    path: Path,
    spec: CutoutExportSpec,
    facts: dict[str, Any],
    count: Callable[[int], None],
) -> list[Path]:
    """Write one npz file, not compressed, array by array; what holds for all is the text of `facts`, JSON."""
    shapes = shapes_of(cutouts, spec)
    zero_points = np.full((len(cutouts), len(cutouts.bands)), np.nan)
    with ExitStack() as stack:
        partial = stack.enter_context(whole_file(path))
        archive = stack.enter_context(zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED, allowZip64=True))
        for array, shape in shapes.items():  # a zip archive is written member by member
            read = replace(cutouts, planes=tuple(one for one in cutouts.planes if one.word == array))
            with _member(archive, array, shape, np.dtype("float32")) as stream:
                for name, first, values in pieces(read, spec):
                    if name == array:
                        stream.write(values.data)
                    elif name == ZERO_POINT:
                        zero_points[first : first + len(values)] = values
                        count(len(values) if array == "images" else 0)
        others: dict[str, NDArray[Any]] = {
            str(name): _plain(column) if _is_number(column) else np.array([str(cell) for cell in column])
            for name, column in cutouts.columns().items()
        }
        if np.isfinite(zero_points).any():
            others[ZERO_POINT] = zero_points
        others["bands"] = np.array(cutouts.bands)
        others["facts"] = np.array(json.dumps(facts))
        if "pixel_scale_arcsec" in facts:
            others["pixel_scale_arcsec"] = np.array(facts["pixel_scale_arcsec"])
        for name, values in others.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, values, allow_pickle=False)
    return [path]


@contextmanager
def _member(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[IO[bytes]]:
    """Begin an array of an npz file whose values follow in C order."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(stream, header)
        yield stream


def _is_number(column: "pd.Series[Any]") -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype))


def _plain(column: "pd.Series[Any]") -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy()
    return values
