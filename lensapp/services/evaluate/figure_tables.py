"""Figures of merit as tables, one way for the Evaluate page, reports and model cards."""

from collections.abc import Mapping, Sequence
from math import isclose
from typing import Any

import pandas as pd

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.audits.shortcuts import shortcut_words
from lensapp.core.evaluate.estimation import HEZAVEH_ERRORS, EstimateFigures
from lensapp.core.evaluate.intervals import Interval, wilson_interval
from lensapp.core.evaluate.multiclass import ClassFigures
from lensapp.core.evaluate.nuisance import Nuisance
from lensapp.core.evaluate.prevalence import Expectation, SurveySpec
from lensapp.core.evaluate.resampling import REPEATS
from lensapp.core.evaluate.score_axis import AIM_LABELS, threshold_text
from lensapp.core.evaluate.subgroups import Subgroup
from lensapp.core.evaluate.vetoes import VetoFigures
from lensapp.core.numerals import significant, true_minus
from lensapp.core.plurals import thin_spaced
from lensapp.core.train.tasks import target_symbol
from lensapp.services.evaluate.calibrations import CalibrationFigures
from lensapp.services.evaluate.combinations import Combinations
from lensapp.services.evaluate.differences import compare_pair
from lensapp.services.evaluate.evaluation import Evaluation, ValueEvaluation
from lensapp.services.evaluate.expectations import expectation, time_unit
from lensapp.services.evaluate.realism import standing_out

INTERVAL_NAMES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "tpr0": "TPR0",
    "tpr10": "TPR10",
    "recall_fpr_1e-2": "completeness at FPR 0.01",
    "recall_fpr_1e-3": "completeness at FPR 0.001",
    "recall_fpr_1e-4": "completeness at FPR 0.0001",
}
CLASS_WORDS = {"lens": "lens", "nonlens": "non-lens", None: "none"}  # of labels
SHORTCUTS = "Shortcuts: how well single measures tell lenses"
SMALLEST_P, P_DIGITS = 0.001, 3
DOCUMENT = "Hezaveh et al. 2017"
METHOD_NAMES = {
    "none": "raw score",
    "platt": "Platt",
    "isotonic": "isotonic",
    "beta": "beta",
    "temperature": "temperature",
}


def figures_table(evaluations: Sequence[Evaluation], *, threshold: float) -> pd.DataFrame:
    """Return one row per run."""
    rows = []
    for evaluation in evaluations:
        figures = evaluation.figures_at(threshold)
        rows.append(
            {
                "run": evaluation.run,
                "n": figures.n,
                "lenses": figures.n_positive,
                "AUROC": figures.auroc,
                "average precision": figures.average_precision,
                "TPR0": figures.tpr0,
                "TPR10": figures.tpr10,
                "accuracy": figures.accuracy,
                "purity": figures.purity,
                "completeness": figures.completeness,
                "Brier": figures.brier,
                "scatter under rotation": evaluation.stored.figures.get("rotation_std"),
            }
        )
    return pd.DataFrame(rows)


def expectation_table(evaluation: Evaluation, survey: SurveySpec, *, threshold: float) -> pd.DataFrame:
    """Return what a survey would give at a threshold and at each proposed one, highest first.

    A row is named by what its threshold is for, on the validation part: there, and not in the survey, it has
    the purity that its name says.
    """
    proposed = evaluation.proposals.thresholds if evaluation.proposals else ()
    aims = {"as chosen": threshold}
    aims |= {f"{AIM_LABELS[one.name]} on validation": one.threshold for one in proposed}
    rows = []
    ranked = sorted(aims.items(), key=lambda pair: -pair[1])
    every = [(aim, at, expectation(evaluation, survey, threshold=at)) for aim, at in ranked]
    unit, per_hour = time_unit(max((one.hours for _, _, one in every if one is not None), default=0.0))
    for aim, at, expected in every:
        if expected is not None:
            rows.append(
                {
                    "threshold for": aim,
                    "score ≥": threshold_text(at, digits=4),
                    "to inspect": expected_count(expected.true_candidates + expected.false_candidates),
                    "true lenses": expected_count(expected.true_candidates),
                    **rates_with_limits(expected),
                    f"person-{unit}": expected_count(per_hour * expected.hours),
                }
            )
    return pd.DataFrame(rows)


def rates_with_limits(expected: Expectation) -> dict[str, str]:
    """Return completeness and purity, each with its 95 % limits in brackets, or the limit that is known."""
    completeness = Interval(expected.completeness, expected.completeness_low, expected.completeness_high)
    purity, limits = purity_in_words(expected)
    return {
        "completeness": with_limits(completeness),
        "purity": f"{purity} ({limits})" if expected.false_candidates else limits,
    }


def purity_in_words(expected: Expectation, *, above: str = "above ") -> tuple[str, str]:
    """Return a purity and its limits; where a part shows no false positive only the lower limit is known.

    `above` stands before a limit that alone is known.
    """
    low, purity, high = (
        significant(100 * one, 3) for one in (expected.purity_low, expected.purity, expected.purity_high)
    )
    if not expected.false_candidates:
        return f"{above}{low} %", f"{above}{low} %"
    return f"{purity} %", f"{low}–{high} %"


def expected_count(value: float) -> str:
    """Return an expected number: 20 780 as a whole, a few with two digits."""
    return f"{value:.2g}" if value < 10 else thin_spaced(value)


def interval_table(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """Return one row per figure: its value and 95 % limits of each run, and how likely the runs are alike.

    Rates that the non-lenses of the part do not resolve are left out. The p-value is of no difference from
    the first run, on the cutouts that both were measured on.
    """
    first = evaluations[0]
    names = [name for name in INTERVAL_NAMES if name in first.resolved]
    table = pd.DataFrame({"figure": [INTERVAL_NAMES[name] for name in names]})
    for evaluation in evaluations:
        table[evaluation.run] = [
            with_limits(evaluation.intervals[name] if name in evaluation.resolved else None) for name in names
        ]
        if evaluation is not first:
            try:
                p_values = {one.figure: one.p_value for one in compare_pair(first, evaluation)}
            except InvalidInput:  # hardly a cutout in common
                p_values = {}
            table[f"p ({evaluation.run})"] = [p_text(p_values.get(name)) for name in names]
    return table


def merit_table(evaluations: Sequence[Evaluation], *, threshold: float) -> pd.DataFrame:
    """Return one row per figure of merit: those of `interval_table`, then those at a threshold."""
    table = interval_table(evaluations)
    every = figures_table(evaluations, threshold=threshold).set_index("run")
    others = [name for name in every.columns if name not in set(table["figure"])]
    below = pd.DataFrame({"figure": others})
    for run, values in every.iterrows():
        below[run] = [
            "–" if pd.isna(values[name])
            else thin_spaced(values[name]) if name in ("n", "lenses")
            else f"{values[name]:.4f}" if name == "scatter under rotation"
            else f"{values[name]:.3f}"
            for name in others
        ]  # fmt: skip
    return pd.concat([table, below], ignore_index=True).fillna("–")


def ways_table(compared: Combinations) -> pd.DataFrame:
    """Return one row per single run and way of combining, with what each gains on the best single run."""
    rows = []
    for way in compared.ways:
        row = {"way": way.name if way.single else f"all by {way.name}"}
        for name in compared.resolved:
            row[INTERVAL_NAMES[name]] = with_limits(way.figures[name])
            gain, p_value = way.gains.get(name), way.p_values.get(name)
            text = "–" if gain is None else f"{gain:+.3f} (p {p_text(p_value)})"
            row[f"gain in {INTERVAL_NAMES[name]}"] = true_minus(text)
        rows.append(row | {"weights": ", ".join(f"{weight:.2f}" for weight in way.weights.values())})
    return pd.DataFrame(rows)


def p_text(p_value: float | None) -> str:
    """Return a p-value for a table; a dash for none."""
    if p_value is None:
        return "–"
    if is_smallest(p_value):
        return f"≤\u00a0{p_value:.{P_DIGITS}f}"
    return f"< {SMALLEST_P}" if p_value < SMALLEST_P else f"{p_value:.{P_DIGITS}f}"


def p_equals(p_value: float, *, at_most: bool = False) -> str:
    """Return a p-value in a sentence: "p = 0.012" or "p < 0.001", with which no line begins.

    Where resamples cannot tell a smaller one, or it is `at_most` so large, it is "p ≤ 0.005".
    """
    text = p_text(p_value)
    if at_most and p_value < 1 and text[0].isdigit():
        return f"p\u00a0≤\u00a0{text}"
    return f"p\u00a0=\u00a0{text}" if text[0].isdigit() else f"p\u00a0{text}"


def is_smallest(p_value: float) -> bool:
    """Return whether a p-value is the smallest that resamples of a test can tell: it may be far smaller."""
    return isclose(p_value, 2 / (REPEATS + 1), rel_tol=1e-9)


def with_limits(interval: Interval | None) -> str:
    """Return a figure with its limits in brackets; a dash for none."""
    if interval is None:
        return "–"
    return f"{interval.value:.3f} ({interval.low:.3f}–{interval.high:.3f})"


def class_table(figures: ClassFigures) -> pd.DataFrame:
    """Return one row per class, then their means."""
    table = pd.DataFrame(
        {
            "class": one.name,
            "n": one.n,
            "AUROC": one.auroc,
            "average precision": one.average_precision,
            "purity": one.purity,
            "completeness": one.completeness,
        }
        for one in figures.classes
    )
    means = table.drop(columns=["class", "n"]).astype(float).mean()
    return pd.concat([table, pd.DataFrame([{"class": "mean", "n": figures.n, **means}])], ignore_index=True)


def value_table(figures: EstimateFigures) -> pd.DataFrame:
    """Return one row per value."""
    return pd.DataFrame(
        {
            "value": target_symbol(one.name),
            "68 % error": one.half_width_68,
            "|error| 68 %": one.absolute_68,
            "bias": one.bias,
            "RMSE": one.rmse,
            "mean σ": one.mean_sigma,
            "within 68 %": one.coverage_68,
            "within 95 %": one.coverage_95,
            "NLL": one.nll,
            "correlation": one.correlation,
        }
        for one in figures.targets
    )


def error_table(evaluations: Sequence[ValueEvaluation]) -> pd.DataFrame:
    """Return the 68 % error of each value by run, then those of the document's networks."""
    names = list(dict.fromkeys(name for evaluation in evaluations for name in evaluation.targets))
    rows = [
        {"network": one.run, **{target_symbol(t.name): t.half_width_68 for t in one.figures.targets}}
        for one in evaluations
    ]
    if set(names) & set(HEZAVEH_ERRORS["Combined"]):
        rows += [
            {
                "network": f"{network} ({DOCUMENT})",
                **{target_symbol(name): errors.get(name) for name in names},
            }
            for network, errors in HEZAVEH_ERRORS.items()
        ]
    return pd.DataFrame(rows)


def calibration_table(methods: Sequence[CalibrationFigures]) -> pd.DataFrame:
    """Return one row per calibration, the best marked: how well it makes probabilities of scores."""
    table = pd.DataFrame(
        {
            "scores": f"{METHOD_NAMES[one.method]} (best)" if one.best else METHOD_NAMES[one.method],
            "NLL": one.log_loss,
            "ECE": one.expected_error,
            "Brier": one.brier,
            "reliability": one.reliability,
            "resolution": one.resolution,
        }
        for one in methods
    )
    return table if any(one.best for one in methods) else table.drop(columns="NLL", errors="ignore")


def why_best(methods: Sequence[CalibrationFigures]) -> str:
    """Return why one calibration is marked the best; nothing where none is."""
    if not any(one.best for one in methods):
        return ""
    return (
        "Best: smallest negative log likelihood (NLL) of the validation part, each fifth of it by a map "
        "fitted on the others."
    )


def auroc_against(groups: Sequence[Subgroup]) -> str:
    """Return what the lenses of subgroups are compared with by their AUROC."""
    if any(group.n_negative for group in groups):
        return "the non-lenses of the same one"
    return "all non-lenses of the part, none of which has this property"


def subgroup_table(groups: Sequence[Subgroup]) -> pd.DataFrame:
    """Return one row per subgroup, figures with their limits; what none can tell is left out."""
    told = [name for name in INTERVAL_NAMES if any(name in group.figures for group in groups)]
    return pd.DataFrame(
        {
            "subgroup": group.name,
            "lenses": group.n_positive,
            "non-lenses": group.n_negative,
            "lenses accepted": with_limits(group.completeness),
            "non-lenses accepted": with_limits(group.false_positive_rate),
            "AUROC": with_limits(group.auroc),
        }
        | {INTERVAL_NAMES[name]: with_limits(group.figures.get(name)) for name in told if name != "auroc"}
        for group in groups
    )


def shortcut_table(audit: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row for the network of an audit and per kind of measures: AUROC and what it means."""
    network = audit["network"]
    told = [(one, audited_shortcut_words(one, audit)) for one in audit["shortcuts"]["found"]]
    rows = [("the network", network, "On the test part.")] if network else []
    rows += [(one["title"], one, words) for one, words in told]
    return pd.DataFrame(
        {
            "told by": title,
            "AUROC": values["auroc"],
            "95 % limits": f"{values['low']:.3f} to {values['high']:.3f}",
            "what it means": words,
        }
        for title, values, words in rows
    )


def shortcut_limits(audit: Mapping[str, Any]) -> pd.DataFrame:
    """Return what the network of an audit and each kind of measures reach, as `shortcut_table` names them."""
    network = audit["network"]
    told = [("the network", network)] if network else []
    told += [(one["title"], one) for one in audit["shortcuts"]["found"]]
    return pd.DataFrame(
        {
            "name": title,
            "value": one["auroc"],
            "low": one["low"],
            "high": one["high"],
            "text": f"{one['auroc']:.3f}",
        }
        for title, one in told
    )


def suspect_shares(noise: Mapping[str, Any]) -> pd.DataFrame:
    """Return the share of suspect labels of each class and source with its limits; nothing of old audits."""
    rows = []
    for one in noise.get("shares", ()):
        low, high = wilson_interval(one["suspects"], one["judged"])
        label = f"labelled {CLASS_WORDS.get(one['name'], one['name'])}"
        rows.append(
            {
                "name": label if one["of"] == "label" else one["name"],
                "value": one["suspects"] / one["judged"],
                "low": low,
                "high": high,
                "text": f"{thin_spaced(one['suspects'])} of {thin_spaced(one['judged'])}",
            }
        )
    return pd.DataFrame(rows)


def audited_shortcut_words(found: Mapping[str, Any], audit: Mapping[str, Any]) -> str:
    """Return what one kind of measures of an audit tells of lenses, beside the network that it audits."""
    simulated = bool(audit.get("shortcuts", {}).get("simulated"))
    return shortcut_words(found, network=audit.get("network"), simulated=simulated)


def realism_table(outcomes: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per pair of a simulated and a real source: what probes that tell them apart reach."""
    rows = []
    for one in outcomes:
        row = {"simulated": one["simulated"], "real": one["real"]}
        for name in ("photometry", "features"):
            area = one[name] and Interval(*(one[name][key] for key in ("auroc", "low", "high")))
            row[f"AUROC by {name}"] = with_limits(area or None)
        most = ", ".join(told["theme"] for told in standing_out(one)) or "none alone"
        rows.append(row | {"told most by": most})
    return pd.DataFrame(rows)


def leakage_table(leaks: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per way in which parts of a dataset share objects, with the cutouts that do."""
    return pd.DataFrame(
        {"shared": one["title"], "objects": one["objects"]}
        | {f"{part} cutouts": one["cutouts"].get(part, 0) for part in ("validation", "test")}
        for one in leaks
    )


def nuisance_table(told: Sequence[Nuisance]) -> pd.DataFrame:
    """Return one row per change of the cutouts that should not matter."""
    return pd.DataFrame(
        {
            "change": one.change,
            "mean |Δ score|": one.mean_change,
            "drift": one.drift,
            "Δ completeness": one.completeness,
            "Δ false positive rate": one.false_positive_rate,
        }
        for one in told
    )


def veto_table(measured: Mapping[str, VetoFigures]) -> pd.DataFrame:
    """Return one row per rule: the lenses it costs and the inspections it saves."""
    return pd.DataFrame(
        {
            "rule": rule,
            "lenses vetoed": f"{one.vetoed_lenses} of {one.lenses}",
            "lenses lost": with_limits(one.lenses_lost),
            "non-lenses vetoed": f"{one.vetoed_others} of {one.others}",
            "inspections saved": with_limits(one.inspections_saved),
        }
        for rule, one in measured.items()
    )
