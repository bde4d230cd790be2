"""What the folds of a cross-validation have in common that speaks against their networks."""

from collections.abc import Mapping, Sequence
from typing import Any

from lensapp.core.evaluate.metrics import COIN
from lensapp.services.train.best_epochs import RISEN_LOSS, Histories, risen_loss
from lensapp.services.train.low_scores import reason_for_low_scores
from lensapp.storage.records import StudyRun

FEW_ACCEPTED = 0.05  # of the lenses, at the usual threshold


def alarm_of_folds(
    entries: Sequence[StudyRun], pooled: Mapping[str, Any], histories: Mapping[str, Histories]
) -> str:
    """Return in sentences, for all folds together, why their networks are of little use; else nothing.

    Parameters
    ----------
    pooled
        Figures of all out-of-fold scores together.
    histories
        Figures of each epoch of a run, by the name of the run.
    """
    measured = [entry for entry in entries if "figures" in entry.info]
    if not measured:
        return ""
    risen = {
        entry.place: times
        for entry in measured
        if (times := risen_loss(entry.run, histories.get(entry.run.name, {}))) is not None
    }
    chance = [entry.place for entry in measured if _is_chance(entry.info["figures"])]
    said = [_at_usual_threshold(pooled)]
    if risen:
        which = _folds(list(risen), len(measured))
        said.append(
            f"The validation loss of the best epoch is {RISEN_LOSS:g} times its least or more in {which} "
            f"(up to {max(risen.values()):.1f} times)."
        )
    if chance:
        said.append(f"The AUROC is not told from chance in {_folds(chance, len(measured))}.")
    if not any(said):
        return ""
    for entry in measured:
        best = entry.run.summary.get("best") or {}
        if why := reason_for_low_scores(best, entry.run.spec, None):
            said.append(f"Fold {entry.place}: {why[0].lower()}{why[1:]}")
            break
    return " ".join(filter(None, said))


def _at_usual_threshold(pooled: Mapping[str, Any]) -> str:
    """Return that at 0.5 hardly any lens is accepted, or that it is worse than to look at none."""
    count, lenses = pooled.get("n"), pooled.get("n_positive")
    completeness, accuracy = pooled.get("completeness"), pooled.get("accuracy")
    if not count or not lenses or completeness is None or accuracy is None:
        return ""
    commonest, called = max((lenses / count, "a lens"), (1 - lenses / count, "no lens"))
    said = []
    if completeness < FEW_ACCEPTED:
        said.append(f"hardly any lens is accepted (completeness {completeness:.3f})")
    if accuracy < commonest:
        said.append(
            f"fewer cutouts are decided correctly ({accuracy:.3f}) than by calling each {called} "
            f"({commonest:.3f})"
        )
    return f"At score ≥ 0.5 of all folds together {' and '.join(said)}." if said else ""


def _is_chance(figures: Mapping[str, Any]) -> bool:
    limits = (figures.get("intervals") or {}).get("auroc") or {}
    return limits.get("low") is not None and limits["low"] <= COIN


def _folds(places: Sequence[int], count: int) -> str:
    if len(places) == count:
        return "all folds" if count > 1 else f"fold {places[0]}"
    *first, last = places
    return f"folds {', '.join(map(str, first))} and {last}" if first else f"fold {last}"
