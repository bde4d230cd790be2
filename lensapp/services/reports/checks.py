"""What was checked of a run besides its figures of merit: a section of a report for each kind of check."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import pandas as pd

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.intervals import Interval, wilson_interval
from lensapp.core.evaluate.nuisance import Nuisance
from lensapp.core.evaluate.score_axis import at_least
from lensapp.core.evaluate.selection_function import HUMAN, JOINT, NETWORK, SelectionFunction
from lensapp.core.evaluate.vetoes import VetoFigures
from lensapp.services.evaluate import completeness, figure_tables, nuisances
from lensapp.services.evaluate.audits import KeptAudit, kept_audit
from lensapp.services.evaluate.evaluation import Evaluation, Measured
from lensapp.services.evaluate.figure_tables import with_limits
from lensapp.services.evaluate.label_noise import suspects_in_words, suspects_title, suspicion_doubt
from lensapp.services.evaluate.paper_figures import PaperFigure
from lensapp.services.inspect.joint_completeness import Search, completeness_of
from lensapp.services.reports import check_figures
from lensapp.services.reports.tables import ReportTable, as_table
from lensapp.services.score import vetoes
from lensapp.storage.evaluations import StoredNuisance
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

WHO = {NETWORK: "the network", HUMAN: "inspectors", JOINT: "both"}
CLASS_WORDS = {"lens": "lens", "nonlens": "non-lens"}
SUSPECTS = 20


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a report under its own heading.

    Attributes
    ----------
    key, title
        Name of its anchor, and its heading.
    remarks
        Sentences above the tables.
    """

    key: str
    title: str
    remarks: tuple[str, ...]
    tables: tuple[ReportTable, ...]
    figures: tuple[PaperFigure, ...]


@dataclass(frozen=True, eq=False)
class StoredChecks:
    """What is stored of the checks of a run, read once for the findings, limits and sections of a report.

    Attributes
    ----------
    threshold
        At which searches, nuisances and vetoes are told.
    audit
        The audit kept with the run.
    searches
        Completeness by injection, by source.
    outdated_searches
        Sources in which it was measured before the network changed.
    nuisance
        Scores of changed cutouts.
    vetoes, no_vetoes
        What vetoes cost and save, by rule, or why that cannot be measured.
    """

    threshold: float
    audit: KeptAudit | None
    searches: Mapping[str, Search]
    outdated_searches: tuple[str, ...]
    nuisance: StoredNuisance | None
    vetoes: Mapping[str, VetoFigures]
    no_vetoes: str

    @cached_property
    def nuisances(self) -> list[Nuisance]:
        """How much each change matters at the threshold."""
        return [] if self.nuisance is None else nuisances.nuisances(self.nuisance, threshold=self.threshold)


def stored_checks(ws: Workspace, run: Run, evaluation: Measured, *, threshold: float) -> StoredChecks:
    """Read what is stored of the checks of an evaluated run; of one that estimates values audits alone."""
    measured = completeness.measured_sources(ws, run.name)
    outdated = [
        source
        for source in measured
        if completeness.injections_outdated(ws, run, completeness.load_injections(ws, run.name, source))
    ]
    gathered = partial(StoredChecks, threshold, kept_audit(ws, run), outdated_searches=tuple(outdated))
    if not isinstance(evaluation, Evaluation):
        return gathered(searches={}, nuisance=None, vetoes={}, no_vetoes="")
    kept: dict[str, VetoFigures] = {}
    reason = ""
    try:
        kept = vetoes.measured_vetoes(ws, run.name, threshold=threshold)
    except (NotFound, InvalidInput) as error:  # what a rule names, a run or scores, is gone
        reason = str(error)
    return gathered(
        searches={name: completeness_of(ws, run.name, name, threshold=threshold) for name in measured},
        nuisance=nuisances.stored_nuisance(ws, run.name, part=evaluation.part),
        vetoes=kept,
        no_vetoes=reason,
    )


def check_sections(checks: StoredChecks, *, part: str) -> list[Section]:
    """Return a section for each of completeness by injection, nuisance, vetoes and audit that is stored."""
    return [*_completeness(checks), *_nuisance(checks, part), *_vetoes(checks), *_audit(checks.audit)]


def _completeness(checks: StoredChecks) -> Iterator[Section]:
    for source, search in checks.searches.items():
        grids, figures = [], []
        for one in search.all():
            flat = one.over_seeing()
            who = f"{WHO[one.kind]} accept{'s' if one.kind == NETWORK else ''}"
            title = f"Lenses that {who}, by Einstein radius (arcsec) and S/N of the arcs"
            caption = f"{source}, {int(one.number.sum())} lenses at {at_least(checks.threshold)}"
            limits = "in brackets: 95 % (Wilson)"
            grids.append(as_table(grid_table(flat), title=title, caption=f"{caption}; {limits}"))
            draw = partial(check_figures.draw_completeness, function=flat)
            name = f"completeness-{source}-{one.kind.lower()}"
            figures.append(PaperFigure(name, title, f"{caption}; small: 95 %", draw))
        whole = as_table(
            whole_table(search),
            title="Completeness of the whole grid",
            caption=f"{source}, lenses injected at {at_least(checks.threshold)}; "
            "inspectors: their blind tests",
        )
        by_seeing = []
        if len(search.network.seeing_arcsec) > 1:
            caption = f"{source}, the network"
            by_seeing.append(
                as_table(seeing_table(search.network), title="Completeness by seeing", caption=caption)
            )
        remarks = [search.network.settings["realism"]]
        if search.network.settings["learned"] == "yes":
            remarks.append("The network has learned from all of these galaxies without arcs.")
        yield Section(
            f"completeness-{len(grids)}-{source}", f"Completeness by injection in {source}", tuple(remarks),
            (whole, *by_seeing, *grids), tuple(figures),
        )  # fmt: skip


def whole_table(search: Search) -> pd.DataFrame:
    """Return one row per searcher: lenses tried and accepted over the whole grid, with limits."""
    return pd.DataFrame(
        {
            "accepted by": WHO[one.kind],
            "lenses": int(one.number.sum()),
            "accepted": int(one.accepted.sum()),
            "completeness": share_of(int(one.accepted.sum()), int(one.number.sum())),
        }
        for one in search.all()
    )


def grid_table(function: SelectionFunction) -> pd.DataFrame:
    """Return the completeness of one seeing with its limits: Einstein radii down, S/N across."""
    accepted, number = function.accepted[:, :, 0], function.number[:, :, 0]
    table = pd.DataFrame({"Einstein radius (arcsec)": [f"{radius:g}" for radius in function.theta_e_arcsec]})
    for column, snr in enumerate(function.arc_snr):
        pairs = zip(accepted[:, column].tolist(), number[:, column].tolist(), strict=True)
        table[f"S/N {snr:g}"] = [share_of(*pair) for pair in pairs]
    return table


def share_of(accepted: int, number: int) -> str:
    """Return a share with its 95 % limits (Wilson); a dash for none."""
    if not number:
        return with_limits(None)
    return with_limits(Interval(accepted / number, *wilson_interval(accepted, number)))


def seeing_table(function: SelectionFunction) -> pd.DataFrame:
    """Return the completeness over the whole grid of Einstein radii and S/N, one row per seeing."""
    layers = [function.at_seeing(layer) for layer in range(len(function.seeing_arcsec))]
    return pd.DataFrame(
        {
            "seeing (arcsec)": f"{layer.seeing_arcsec[0]:.3g}",
            "lenses": int(layer.number.sum()),
            "completeness": share_of(int(layer.accepted.sum()), int(layer.number.sum())),
        }
        for layer in layers
    )


def _nuisance(checks: StoredChecks, part: str) -> Iterator[Section]:
    stored = checks.nuisance
    if stored is None:
        return
    n = f"{part} part: n = {len(stored.labels)}, {int(stored.labels.sum())} of them lenses"
    title = "Scores after each change"
    table = as_table(
        figure_tables.nuisance_table(checks.nuisances),
        title=title,
        caption=f"{n}; at {at_least(checks.threshold)}",
    )
    draw = partial(check_figures.draw_nuisances, told=checks.nuisances)
    figure = PaperFigure("nuisance", title, n, draw)
    remark = nuisances.augmentation_in_words(nuisances.augmentation(stored))
    yield Section("nuisance", "What should not matter", (remark,), (table,), (figure,))


def _vetoes(checks: StoredChecks) -> Iterator[Section]:
    if not checks.vetoes and not checks.no_vetoes:
        return
    caption = f"{vetoes.PART} part, at {at_least(checks.threshold)}; in brackets: 95 % limits"
    title = "Lenses that vetoes cost and inspections that they save"
    table = as_table(figure_tables.veto_table(checks.vetoes), title=title, caption=caption, digits=3)
    remarks = (checks.no_vetoes,) if checks.no_vetoes else ()
    yield Section("vetoes", "Vetoes after the network", remarks, (table,) if checks.vetoes else (), ())


def _audit(kept: KeptAudit | None) -> Iterator[Section]:
    if kept is None:
        return
    found = kept.found
    tables, figures, remarks = [], [], []
    for title, part in (("Shortcuts", "shortcuts"), ("Leakage", "leakage"), ("Label noise", "label_noise")):
        if "reason" in found[part]:
            remarks.append(f"{title}: {found[part]['reason']}")
    if "reason" not in found["shortcuts"]:
        counts = found["shortcuts"]["cutouts"]
        title = figure_tables.SHORTCUTS
        caption = (
            f"{found['dataset']}: {counts['lens']} lenses and {counts['nonlens']} non-lenses; logistic "
            "regressions, cross-validated by object; 0.5 is chance"
        )
        table = figure_tables.shortcut_table(found)
        tables.append(as_table(table, title=title, caption=caption, digits=3))
        draw = partial(check_figures.draw_shortcuts, audit=found)
        figures.append(PaperFigure("shortcuts", title, f"{caption}; bars: 95 %", draw))
    if "reason" not in found["leakage"]:
        caption = f"{found['dataset']}: cutouts whose object an earlier part shows, too"
        table = figure_tables.leakage_table(found["leakage"])
        tables.append(as_table(table, title="Leakage: what the parts of the dataset share", caption=caption))
    if "reason" not in found["label_noise"]:
        noise = found["label_noise"]
        remarks.append(label_noise_in_words(noise))
        if noise["listed"]:
            caption = f"{noise['origin']}; the first {min(SUSPECTS, noise['suspects'])}, most suspect first"
            table = suspect_table(noise["listed"][:SUSPECTS])
            tables.append(as_table(table, title=suspects_title(noise), caption=caption, digits=3))
    yield Section(
        "audit", "Audits of shortcuts, leaks and labels", tuple(remarks), tuple(tables), tuple(figures)
    )


def label_noise_in_words(noise: dict[str, Any]) -> str:
    """Return how many labels confident learning, and votes and scores together, hold for wrong."""
    words = suspects_in_words(noise) + (f", by scores of {noise['origin']}" if noise["judged"] else "")
    crowd, doubt = noise["crowd"], suspicion_doubt(noise)
    end = f" {doubt}" if doubt else ""
    if crowd is None:
        return f"{words}.{end}"
    return (
        f"{words}; by votes and scores together (CROWDLAB) {len(crowd['listed'])} of {crowd['judged']} "
        f"judged cutouts contradict their label or stay in doubt.{end}"
    )


def suspect_table(listed: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return one row per cutout whose label is probably wrong."""
    return pd.DataFrame(
        {
            "candidate": one["candidate"],
            "label": CLASS_WORDS.get(one["label"], one["label"]),
            "suggested": CLASS_WORDS.get(one["suggested"], one["suggested"]),
            "probability of its label": one["probability"],
        }
        for one in listed
    )
