"""Completeness by injection over Einstein radius, arc S/N and seeing: what is injected, and the result.

A selection function is the share of lenses that a search accepts, given what they look like. It does not
depend on how frequent lenses are, unlike purity.

References
----------
Herle, O'Riordan & Vegetti 2024, MNRAS 534, 1093 (selection functions of lens-finding networks).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, field_validator

from lensapp.core.config import Spec
from lensapp.core.data.paint_spec import HostChoice
from lensapp.core.errors import InvalidInput
from lensapp.core.numerals import ascii_signs

if TYPE_CHECKING:  # loaded where a table is made: every command reads the specification in this file
    from astropy.table import Table

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NETWORK, HUMAN, JOINT = "NETWORK", "HUMAN", "JOINT"
KINDS = {
    NETWORK: "injected lenses whose score reaches the threshold",
    HUMAN: "blind tests that the inspectors' mean grade calls a lens (B or better)",
    JOINT: "blind tests whose score reaches the threshold and that the inspectors call a lens",
}
AXIS_COLUMNS = ("theta_E", "snr", "seeing")
KEYWORDS = {"run": "RUN", "source": "SOURCE"}
Nodes = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=2, max_length=40)]


class InjectionSpec(Spec):
    """The lenses that are painted on the galaxies of a source to measure completeness."""

    theta_e_arcsec: Nodes = Field(
        (0.5, 0.8, 1.2, 1.8, 2.5),
        title="Einstein radii (arcsec)",
        description="Einstein radii of the grid.",
    )
    arc_snr: Nodes = Field(
        (10.0, 20.0, 40.0, 80.0, 160.0),
        title="S/N of the arcs",
        description="Signal-to-noise ratios of the arcs of the grid, in their best band.",
    )
    per_cell: int = Field(
        100,
        ge=5,
        le=100_000,
        title="Injections per cell",
        description="Lenses painted for each combination; 100 give limits of about ±10 %.",
    )
    seeing_bins: int = Field(
        3,
        ge=1,
        le=10,
        title="Bins of seeing",
        description="Bins of equal numbers of galaxies, where a column of the source tells their seeing.",
    )
    seeing_column: str | None = Field(
        None,
        max_length=128,
        title="Column of the seeing",
        json_schema_extra={"empty": "by its usual names"},
        description="Column of the full width of a star at half maximum, in arcsec.",
    )
    psf_source: str | None = Field(
        None,
        max_length=128,
        title="Source of stars",
        json_schema_extra={"empty": "the galaxies' images"},
        description="Source on whose stars the PSF is measured; empty takes the galaxies' own images.",
    )
    psf_file: str | None = Field(
        None,
        max_length=4096,
        title="PSF",
        json_schema_extra={"empty": "measured on stars"},
        description="FITS file with the image of a star, one for all bands or one for each.",
    )
    stamps: str | None = Field(
        None,
        max_length=128,
        title="Stamps",
        json_schema_extra={"empty": "Sersic profiles"},
        description="Source of real galaxies that are lensed; empty takes Sersic profiles with clumps.",
    )
    seed: int = Field(
        1, ge=0, lt=2**32, title="Random seed", description="The same seed paints the same lenses."
    )
    choice: HostChoice = Field(
        HostChoice(), title="Galaxies chosen", description="Which galaxies are painted on."
    )

    @field_validator("theta_e_arcsec", "arc_snr")
    @classmethod
    def in_order(cls, nodes: tuple[float, ...]) -> tuple[float, ...]:
        """Sort the values of an axis; equal ones are refused."""
        if len(set(nodes)) < len(nodes):
            raise ValueError("each value may be given once")
        return tuple(sorted(nodes))


@dataclass(frozen=True, eq=False)
class SelectionFunction:
    """Shares of lenses accepted in the cells of a grid; call it for what lies between their centres.

    Attributes
    ----------
    theta_e_arcsec, arc_snr, seeing_arcsec : shapes (t,), (s,), (p,)
        Centres of the cells, ascending; a single seeing where it does not vary.
    number, accepted : int64, shape (t, s, p)
        Lenses tried and lenses accepted.
    kind
        Who accepts: one of `KINDS`.
    settings
        Further settings by name, which go into the header: run, source, how it was injected.
    """

    theta_e_arcsec: FloatArray
    arc_snr: FloatArray
    seeing_arcsec: FloatArray
    number: IntArray
    accepted: IntArray
    threshold: float
    kind: str = NETWORK
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def completeness(self) -> FloatArray:
        """Share accepted (t, s, p), NaN where nothing was tried."""
        tried = np.maximum(self.number, 1)
        return np.where(self.number > 0, self.accepted / tried, np.nan)

    def limits(self) -> tuple[FloatArray, FloatArray]:
        """Return the Wilson limits of 95 %, each (t, s, p): 0 and 1 where nothing was tried."""
        from lensapp.core.evaluate.intervals import wilson_band

        low, high = wilson_band(self.accepted, np.maximum(self.number, 1))
        return np.where(self.number > 0, low, 0.0), np.where(self.number > 0, high, 1.0)

    def over_seeing(self) -> Self:
        """Return the same with all seeing together, at its mean."""
        seeing = np.array([float(np.mean(self.seeing_arcsec))])
        number, accepted = (one.sum(2, keepdims=True) for one in (self.number, self.accepted))
        return replace(self, seeing_arcsec=seeing, number=number, accepted=accepted)

    def at_seeing(self, layer: int) -> Self:
        """Return the cells of one seeing, by its place on that axis."""
        one = slice(layer, layer + 1)
        return replace(
            self,
            seeing_arcsec=self.seeing_arcsec[one],
            number=self.number[:, :, one],
            accepted=self.accepted[:, :, one],
        )

    def __call__(
        self, theta_e_arcsec: ArrayLike, arc_snr: ArrayLike, seeing_arcsec: ArrayLike | None = None
    ) -> FloatArray:
        """Return the completeness, linear between the centres of cells and NaN outside them.

        Parameters
        ----------
        theta_e_arcsec, arc_snr, seeing_arcsec
            Of any shapes that go together. Without a seeing it is that of the galaxies injected into.
        """
        if seeing_arcsec is None and len(self.seeing_arcsec) > 1:
            return self.over_seeing()(theta_e_arcsec, arc_snr)
        axes: list[FloatArray] = [self.theta_e_arcsec, self.arc_snr]
        values, points = self.completeness, [theta_e_arcsec, arc_snr]
        if len(self.seeing_arcsec) > 1 and seeing_arcsec is not None:
            axes, points = [*axes, self.seeing_arcsec], [*points, seeing_arcsec]
        else:
            values = values[:, :, 0]
        from scipy.interpolate import RegularGridInterpolator

        interpolate = RegularGridInterpolator(axes, values, bounds_error=False, fill_value=np.nan)
        together = np.broadcast_arrays(*(np.asarray(one, np.float64) for one in points))
        values_there = interpolate(np.stack(together, axis=-1))
        return np.asarray(values_there, np.float64).reshape(together[0].shape)

    def table(self) -> "Table":
        """Return one row per cell: its centre, completeness with limits, lenses tried and accepted."""
        from astropy.table import Table

        axes = (self.theta_e_arcsec, self.arc_snr, self.seeing_arcsec)
        centres = np.meshgrid(*axes, indexing="ij")
        table = Table({name: one.ravel() for name, one in zip(AXIS_COLUMNS, centres, strict=True)})
        table["completeness"] = self.completeness.ravel()
        for name, limits in zip(("low", "high"), self.limits(), strict=True):
            table[name] = limits.ravel()
        table["number"], table["accepted"] = self.number.ravel(), self.accepted.ravel()
        table["theta_E"].unit = table["seeing"].unit = "arcsec"
        return table

    def hdu(self) -> Any:
        """Return the table as an astropy BinTableHDU with its definition in the header."""
        from astropy.io import fits

        made = fits.BinTableHDU(self.table(), name=self.kind)
        header = made.header
        header["THRESH"] = (self.threshold, "least score of what the network accepts")
        for name, text in self.settings.items():
            header[KEYWORDS.get(name, name.upper()[:8])] = ascii_text(text)
        definition = (
            f"Completeness: {KINDS[self.kind]}, over all lenses of the cell (accepted / number). It does not "
            "depend on the prevalence of lenses. low, high: Wilson limits, 95 %. theta_E: Einstein radius; "
            "snr: matched-filter S/N of the arcs in their best band, noise correlations counted; seeing: "
            "full width of a star at half maximum (NaN: unknown). Values are those at the centres of the "
            "cells; interpolate linearly and do not extrapolate."
        )
        for line in (definition, self.settings.get("realism", "")):
            header.add_comment(ascii_text(line))
        return made

    @classmethod
    def from_fits(cls, path: str | Path, *, kind: str = NETWORK) -> Self:
        """Read a selection function out of a file that `completeness RUN SOURCE --out` wrote.

        Raises
        ------
        InvalidInput
            When the file cannot be read, or holds no such selection function.
        """
        from astropy.io import fits
        from astropy.table import Table

        try:
            with fits.open(path) as file:
                if kind.upper() not in file:
                    there = ", ".join(hdu.name for hdu in file[1:]) or "none"
                    raise InvalidInput(f"{path} has no selection function {kind!r}; it has: {there}.")
                table, header = Table.read(file[kind.upper()]), file[kind.upper()].header.copy()
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read as FITS ({error}). Check its path.") from error
        absent = [name for name in (*AXIS_COLUMNS, "number", "accepted") if name not in table.colnames]
        if absent or "THRESH" not in header:
            raise InvalidInput(
                f"{path} is no selection function: it lacks {', '.join(absent) or 'THRESH in its header'}. "
                "Write one with `completeness RUN SOURCE --out F.fits`."
            )
        axes = [np.unique(np.asarray(table[name], np.float64)) for name in AXIS_COLUMNS]
        shape = tuple(len(axis) for axis in axes)
        order = np.lexsort([np.asarray(table[name]) for name in reversed(AXIS_COLUMNS)])
        number, accepted = (
            np.asarray(table[name], np.int64)[order].reshape(shape) for name in ("number", "accepted")
        )
        settings = {name: str(header[word]) for name, word in KEYWORDS.items() if word in header}
        theta_e, snr, seeing = axes
        return cls(
            theta_e, snr, seeing, number, accepted, float(header["THRESH"]), kind=kind.upper(),
            settings=settings,
        )  # fmt: skip


def ascii_text(text: str) -> str:
    """Return text as a FITS header can hold it: in ASCII, what has no such spelling escaped, in one line."""
    return " ".join(ascii_signs(text).split()).encode("ascii", "backslashreplace").decode()


def nearest_cells(values: ArrayLike, centres: Sequence[float] | FloatArray) -> IntArray:
    """Return the cell (n,) that each value falls into by its logarithm, -1 beyond half a cell from all.

    Parameters
    ----------
    centres : shape (k,)
        Ascending, at least two, positive.
    """
    logs, axis = np.log(np.maximum(np.asarray(values, np.float64), 1e-300)), np.log(np.asarray(centres))
    middles = (axis[1:] + axis[:-1]) / 2
    edges = np.concatenate([[2 * axis[0] - middles[0]], middles, [2 * axis[-1] - middles[-1]]])
    cells = np.searchsorted(edges, logs, side="right") - 1
    inside = (logs >= edges[0]) & (logs < edges[-1])
    return np.where(inside, cells, -1).astype(np.int64)


def gridded(
    theta_e: ArrayLike,
    snr: ArrayLike,
    seeing: ArrayLike,
    accepted: ArrayLike,
    *,
    like: SelectionFunction,
    kind: str,
) -> SelectionFunction:
    """Return the shares accepted of lenses (n,) in the cells of another selection function.

    Lenses beyond its cells are left out, and those of unknown seeing (NaN) where it has several; each counts
    at the seeing that is nearest.
    """
    rows = nearest_cells(theta_e, like.theta_e_arcsec)
    columns = nearest_cells(snr, like.arc_snr)
    values = np.asarray(seeing, np.float64)
    inside = (rows >= 0) & (columns >= 0)
    layers = np.zeros(len(rows), np.int64)
    if len(like.seeing_arcsec) > 1:
        inside &= np.isfinite(values)
        distance = np.abs(np.nan_to_num(values)[:, None] - like.seeing_arcsec)
        layers = np.argmin(distance, axis=1).astype(np.int64)
    number, chosen = (
        cell_counts((rows[kept], columns[kept], layers[kept]), like.number.shape)
        for kept in (inside, inside & np.asarray(accepted, np.bool_))
    )
    return replace(like, number=number, accepted=chosen, kind=kind)


def cell_counts(cells: tuple[IntArray, ...], shape: tuple[int, ...]) -> IntArray:
    """Return how many lenses, given by their cell along each axis (n,), fall into each cell of a grid."""
    flat = np.ravel_multi_index(cells, shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.int64)
