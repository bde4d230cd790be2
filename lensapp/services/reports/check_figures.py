"""Figures of what was checked of a run, at a paper's column width: see `paper_figures`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lensapp.core.evaluate.nuisance import Nuisance
from lensapp.core.evaluate.selection_function import SelectionFunction
from lensapp.services.evaluate.paper_figures import CHANCE, LINES, TEXT, name_lines

LIGHT_CELL = 0.55  # of the colour scale, above which black letters can be read


def draw_shortcuts(axes: Any, *, audit: Mapping[str, Any]) -> None:
    """Draw the AUROC of each kind of measures, and of the network as a line with its band."""
    found = audit["shortcuts"]["found"]
    rows = np.arange(len(found))[::-1]
    values = np.array([one["auroc"] for one in found])
    low, high = (np.array([one[name] for one in found]) for name in ("low", "high"))
    bars = np.maximum(values - low, 0), np.maximum(high - values, 0)
    axes.errorbar(values, rows, xerr=bars, fmt="o", color=LINES[0], ms=3, elinewidth=0.8)
    network = audit["network"]
    if network:
        axes.axvspan(network["low"], network["high"], color=LINES[1], alpha=0.15, linewidth=0)
        axes.axvline(network["auroc"], color=LINES[1], linestyle="--", label="the network")
        name_lines(axes)
    axes.axvline(0.5, color=CHANCE, linestyle=":", linewidth=0.8)
    axes.set_yticks(rows, [one["title"] for one in found])
    axes.set(xlabel="AUROC", xlim=(min(0.45, low.min(initial=1) - 0.02), 1.01))


def draw_nuisances(axes: Any, *, told: Sequence[Nuisance]) -> None:
    """Draw the mean absolute change and the drift of the score under each change."""
    rows = np.arange(len(told))[::-1]
    axes.plot([one.mean_change for one in told], rows, "o", color=LINES[0], ms=3, label="mean |Δ score|")
    axes.plot([one.drift for one in told], rows, "D", color=LINES[1], ms=2.5, mfc="none", label="drift")
    axes.axvline(0, color=CHANCE, linestyle=":", linewidth=0.8)
    axes.set_yticks(rows, [one.change for one in told], fontsize=5)
    axes.set(xlabel="change of the score")
    name_lines(axes)


def draw_completeness(axes: Any, *, function: SelectionFunction) -> None:
    """Draw the completeness of one seeing as a map with the value and limits of each cell."""
    shares = function.completeness[:, :, 0]
    low, high = (limits[:, :, 0] for limits in function.limits())
    axes.imshow(shares, origin="lower", vmin=0, vmax=1, cmap="viridis", aspect="auto")
    small = max(3.5, min(6.0, 34 / shares.shape[1]))
    for row, column in np.ndindex(shares.shape):
        share = shares[row, column]
        if np.isnan(share):
            axes.text(column, row, "–", ha="center", va="center", color=TEXT, fontsize=small)
            continue
        colour = "black" if share > LIGHT_CELL else "white"
        axes.text(column, row, f"{share:.2f}", ha="center", va="bottom", color=colour, fontsize=small + 1)
        limits = f"{low[row, column]:.2f}–{high[row, column]:.2f}"
        axes.text(column, row, limits, ha="center", va="top", color=colour, fontsize=small - 1)
    axes.set_xticks(range(shares.shape[1]), [f"{snr:g}" for snr in function.arc_snr])
    axes.set_yticks(range(shares.shape[0]), [f"{radius:g}" for radius in function.theta_e_arcsec])
    axes.set(xlabel="S/N of the arcs", ylabel="Einstein radius (arcsec)")
    axes.grid(visible=False)
