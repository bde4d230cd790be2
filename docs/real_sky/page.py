"""The page of figures: what was done, the tables, and what they say."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from lensapp.storage.workspace import Workspace
from real_sky.measuring import (
    BRIGHTNESS,
    ONE_IN_HUNDRED,
    ONE_IN_THOUSAND,
    Table,
    all_objects,
    describe_lenses,
    figures,
    lens_bins,
    limits,
    read_scores,
    whole_objects,
)
from real_sky.recipes import NETWORKS, RECIPES, SAMPLES, Effort
from real_sky.steps import Steps
from real_sky.trees import TREES, add_trees

BINNED = ("demo-ours", "painted-ours", "tuned-ours", "tuned-S5")
READING = Path(__file__).with_name("reading.md")


def page(steps: Steps, names: Sequence[str], data: Path, *, effort: Effort) -> str:
    """Return the page: what was done, the tables, and what they say."""
    ws = Workspace.open(steps.folder)
    scores = add_trees(ws, read_scores(ws, names, folds=effort.folds), folds=effort.folds)
    lenses = describe_lenses(ws, data / SAMPLES[0] / "catalogue.csv", folds=effort.folds)
    realism = realism_table(steps)  # its time counts
    shown = [command for command in steps.answers if not command.startswith(("ingest", "score"))]
    parts = [
        preamble(steps, scores, effort),
        *main_table(scores, names),
        "",
        READING.read_text("utf-8"),
        "## By what can be seen",
        "",
        *binned_table(whole_objects(scores), lenses, names),
        "",
        "## Realism",
        "",
        *realism,
        "",
        "## Commands",
        "",
        "```",
        *(f"python -m lensapp {command}" for command in shown),
        "```",
        "",
    ]
    return "\n".join(parts)


def preamble(steps: Steps, scores: Table, effort: Effort) -> str:
    """Return what was measured, on what, and how long it took."""
    whole = whole_objects(scores)
    return PREAMBLE.format(
        lenses=int(whole["lens"].sum()),
        objects=int((~whole["lens"]).sum()),
        around=int((~all_objects(scores)["lens"]).sum()),
        stars=int(whole["star"].sum()),
        fields=whole["field"].nunique(),
        count=effort.count,
        painted=effort.painted,
        skies=effort.fields,
        on_real=effort.on_real,
        epochs=effort.epochs,
        more_epochs=effort.more_epochs,
        seeds=len(effort.seeds),
        minutes=steps.minutes("seconds"),
        processors=steps.minutes("processor_seconds"),
    )


def seeds_of(stem: str, names: Sequence[str]) -> list[str]:
    """Return the names of the networks of a recipe, one for each seed."""
    return [name for name in names if name.rsplit("-", 1)[0] == stem]


def main_table(scores: Table, names: Sequence[str]) -> list[str]:
    """Return a line for each recipe and network: the committee of the seeds, and the seeds one by one."""
    lines = [
        "| trained on | network | AUROC | recall at FPR 1 % | recall at FPR 0.1 % | AUROC, recall at 1 % against "
        "galaxies only | the same against all objects, at edges too | AUROC, recall at 1 % of each seed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = []
    for recipe, words in RECIPES.items():
        trained = {network: seeds_of(f"{recipe}-{network}", names) for network in NETWORKS}
        trained = {network: members for network, members in trained.items() if members}
        rows += [(words, network, members) for network, members in trained.items()]
        if len(trained) > 1:
            rows.append((words, "all of these", list(chain.from_iterable(trained.values()))))
    rows += [(words, "trees", [stem]) for stem, words in TREES.items()]
    for words, network, members in [*rows, ("nothing: the brighter in i, the higher", "none", [BRIGHTNESS])]:
        whole = whole_objects(scores)
        found, around = figures(whole, members), figures(all_objects(scores), members)
        galaxies = figures(whole[~whole["star"]], members)
        single = members if network in NETWORKS else []
        each = "; ".join(one_seed(whole, name) for name in single)
        cells = [limits(found[key]) for key in ("auroc", ONE_IN_HUNDRED, ONE_IN_THOUSAND)]
        cells += [f"{limits(one['auroc'])}, {limits(one[ONE_IN_HUNDRED])}" for one in (galaxies, around)]
        lines.append(f"| {words} | {network} | {' | '.join(cells)} | {each} |")
    return lines


def one_seed(scores: Table, name: str) -> str:
    """Return AUROC and recall at 1 % of one network."""
    found = figures(scores, [name])
    return f"{found['auroc'][0]:.2f}, {found[ONE_IN_HUNDRED][0]:.2f}"


def binned_table(scores: Table, lenses: Table, names: Sequence[str]) -> list[str]:
    """Return figures of the lenses of each bin against all real non-lenses."""
    shown = [stem for stem in BINNED if seeds_of(stem, names)]
    lines = ["| lenses | n | " + " | ".join(f"{stem}: AUROC, recall at 1 %" for stem in shown) + " |"]
    lines.append("|---" * (2 + len(shown)) + "|")
    for words, inside in lens_bins(lenses).items():
        ids = set(lenses.index[inside])
        part = scores[~scores["lens"] | scores["candidate_id"].isin(ids)]
        cells = []
        for stem in shown:
            found = figures(part, seeds_of(stem, names)) if ids else {}
            cells.append(f"{limits(found['auroc'])}, {limits(found[ONE_IN_HUNDRED])}" if ids else "")
        lines.append(f"| {words} | {len(ids)} | {' | '.join(cells)} |")
    return lines


def realism_table(steps: Steps) -> list[str]:
    """Return how well simulated lenses are told from the real ones of one fold, and by what."""
    lines = [
        "Simulated cutouts beside real ones of one fold (`audit-realism`, boosted trees):",
        "",
        "| simulated | AUROC (0.5 is indistinguishable) | given away by |",
        "|---|---|---|",
    ]
    pairs = (("lenses", "plain", "lens"), ("lenses", "preset", "lens"), ("lenses", "arcs", "lens"))
    for real, name, label in (*pairs, ("objects", "field", "nonlens")):
        audit = steps.run(f"audit-realism {real}-0 {name} --label {label} --folds 5")
        probe = audit["photometry"]
        area = limits((probe["auroc"], probe["low"], probe["high"]))
        given_away = ", ".join(item["theme"] for item in probe["giveaways"])
        lines.append(f"| {audit['simulated']} | {area} | {given_away} |")
    return lines


PREAMBLE = """# Networks on the real sky

All {lenses} confirmed lenses of {fields} images of Pan-STARRS1 stacks against {objects} field galaxies and stars of the
same images (found by `find-objects`, {stars} of them as compact as stars; with those at the edges of their image, whose
cutouts are masked in part and from which no network learns, there are {around}), each scored by networks that never saw its
field: real hosts, real non-lenses and real lenses to learn from come from the other three of four folds. No cutout of a
non-lens shows the lens of its field. Trained on {count} simulated cutouts, {painted} arcs painted on simulated galaxies
and the objects of {skies} simulated fields, {epochs} epochs; gone on with real images ({on_real} arcs painted on real
galaxies, or real lenses), {more_epochs} epochs. {seeds} seeds, whose mean logit (a committee) is measured. Limits are
95 %, by drawing whole fields, and seeds, anew. {processors:.0f} minutes of processors, mostly of one at a time; {minutes:.0f}
minutes by the clock of two cores that had much other work. Made by `make real-sky`.
"""
