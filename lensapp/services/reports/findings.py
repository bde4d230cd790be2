"""What is stored of the checks of a run in a line each, and what follows from them, or from their absence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lensapp.core.config import read_json
from lensapp.core.evaluate.audits.shortcuts import is_strong
from lensapp.core.evaluate.score_axis import at_least
from lensapp.services.evaluate.audits import KeptAudit
from lensapp.services.evaluate.evaluation import Evaluation, Measured
from lensapp.services.evaluate.figure_tables import audited_shortcut_words, with_limits
from lensapp.services.evaluate.label_noise import suspects_in_words, suspicion_doubt
from lensapp.services.evaluate.realism import areas_in_words, realism_outcomes
from lensapp.services.reports.checks import WHO, StoredChecks, label_noise_in_words, share_of
from lensapp.storage.files import SOURCE_CHECKS
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace

PERFECT = ": even a perfect network would seem to err."
AUDIT, REALISM, SHIFT = "Audit", "Realism", "Shift"
COMPLETENESS, NUISANCE = "Completeness by injection", "What should not matter"


@dataclass(frozen=True)
class Finding:
    """What a check of a run or of its data found: its name, about what, and the finding in words."""

    name: str
    subject: str
    words: str


def findings_of(
    ws: Workspace, run: Run, evaluation: Measured, used: Sequence[Source], checks: StoredChecks
) -> Iterator[Finding]:
    """Yield what is stored of checks of an evaluated run and of its sources; nothing is checked anew."""
    if checks.audit is not None:
        yield from _of_audit(checks.audit)
    names = {source.name for source in used}
    for one in realism_outcomes(ws):
        probed = (one["features"] or {}).get("run")
        if probed == run.name or names & {one["real"], one["simulated"]}:
            subject = f"{one['simulated']} beside {one['real']}"
            yield Finding(REALISM, subject, f"{one['verdict']} AUROC {areas_in_words(one)}.")
    path = ws.run_folder(run.name) / SOURCE_CHECKS
    for name, check in (read_json(path) if path.exists() else {}).items():
        yield Finding(SHIFT, f"{name} beside the training part", f"{check['light']}: {check['words']}")
    for source, search in checks.searches.items():
        told = [
            f"{share_of(accepted, number)} of {number} lenses by {WHO[kind]}"
            for kind, accepted, number in (
                (one.kind, int(one.accepted.sum()), int(one.number.sum())) for one in search.all()
            )
        ]
        yield Finding(COMPLETENESS, source, f"{', '.join(told)}, at {at_least(checks.threshold)}.")
    if checks.nuisances:
        worst = max(checks.nuisances, key=lambda one: one.mean_change)
        words = f"Scores change most, by {worst.mean_change:.3f} on average: {worst.change}."
        yield Finding(NUISANCE, f"{evaluation.part} part", words)
    for rule, veto in checks.vetoes.items():
        lost, saved = with_limits(veto.lenses_lost), with_limits(veto.inspections_saved)
        yield Finding("Veto", rule, f"Lenses lost {lost}, inspections saved {saved}.")
    if checks.no_vetoes:
        yield Finding("Veto", run.name, checks.no_vetoes)


def _of_audit(kept: KeptAudit) -> Iterator[Finding]:
    """Yield a line for shortcuts, leakage and label noise each; why it was not looked for where so."""
    found = kept.found
    for name, part in (("Shortcuts", "shortcuts"), ("Leakage", "leakage"), ("Label noise", "label_noise")):
        if "reason" in found[part]:
            yield Finding(name, found["dataset"], found[part]["reason"])
    if "reason" not in found["shortcuts"]:
        ranked = sorted(found["shortcuts"]["found"], key=lambda one: -one["auroc"])
        areas = [
            f"{one['auroc']:.3f} ({one['low']:.3f}–{one['high']:.3f}) by {one['title']}" for one in ranked
        ]
        yield Finding("Shortcuts", found["dataset"], f"AUROC {', '.join(areas)}.")
    if "reason" not in found["leakage"]:
        told = [
            f"{one['title']}: {one['objects']} objects, "
            + ", ".join(f"{one['cutouts'].get(part, 0)} {part} cutouts" for part in ("validation", "test"))
            for one in found["leakage"]
        ]
        yield Finding("Leakage", found["dataset"], f"{'; '.join(told)}.")
    if "reason" not in found["label_noise"]:
        yield Finding("Label noise", found["dataset"], label_noise_in_words(found["label_noise"]))


def limits_of_checks(
    run: Run, evaluation: Measured, checks: StoredChecks, findings: Sequence[Finding]
) -> Iterator[str]:
    """Yield what checks forbid to conclude, and what was not checked."""
    names = {one.name for one in findings}
    if checks.audit is None:
        yield f"Shortcuts, leaks between the parts and wrong labels were not looked for (`audit {run.name}`)."
    else:
        yield from _limits_of_audit(checks.audit)
    if REALISM not in names:
        yield "No realism audit is stored: whether simulated cutouts are told from real ones is not known."
    if SHIFT not in names:
        yield "No source has been compared with the training part (`check RUN SOURCE`)."
    if isinstance(evaluation, Evaluation):
        if COMPLETENESS not in names:
            yield (
                "Which lenses it accepts, by Einstein radius and S/N, was not measured by injection "
                f"(`completeness {run.name} SOURCE`)."
            )
        if NUISANCE not in names:
            yield (
                "How its scores answer to seeing, noise, a missing band or zero points was not measured "
                f"(`nuisance {run.name}`)."
            )
    for source in checks.outdated_searches:
        yield f"The network has changed since its completeness in {source} was measured."


def _limits_of_audit(kept: KeptAudit) -> Iterator[str]:
    found = kept.found
    if kept.outdated:
        yield "The network or its dataset has changed since it was audited: the audit is of an earlier state."
    elif kept.new_votes:
        yield f"{kept.new_votes} votes were cast since the audit, which told label noise without them."
    for one in found["shortcuts"].get("found", ()):
        if is_strong(one):
            yield audited_shortcut_words(one, found)
    if "reason" not in found["leakage"]:
        for one in found["leakage"]:
            leaked = one["cutouts"].get("test", 0)
            if leaked:
                shared = f"{one['title'][0].upper()}{one['title'][1:]}"
                yield (
                    f"{shared}: {leaked} test cutouts and some of earlier parts. Where they show the same "
                    "object, the figures are too good."
                )
    noise = found["label_noise"]
    if noise.get("suspects"):
        doubt = suspicion_doubt(noise)
        yield f"{suspects_in_words(noise)}{f'. {doubt}' if doubt else PERFECT}"
