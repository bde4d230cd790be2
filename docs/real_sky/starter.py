"""The network that is shipped: its files, and a card with what it can and cannot do."""

import shutil
from pathlib import Path

import numpy as np

from lensapp.core.config import read_json, write_json
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train.starter import CARD, FOLDER, SUMMARY
from lensapp.storage import runs
from lensapp.storage.files import NETWORK, NORMALISATION, SPEC, TRAINING_PART
from lensapp.storage.workspace import Workspace
from real_sky.measuring import (
    ONE_IN_HUNDRED,
    describe_lenses,
    figures,
    lens_bins,
    limits,
    read_scores,
    whole_objects,
)
from real_sky.recipes import SAMPLES, Effort
from real_sky.steps import Steps
from real_sky.training import train_whole

KEPT_SUMMARY = ("parameters", "epochs", "best_epoch", "seconds", "device")


def write_starter(steps: Steps, data: Path, effort: Effort) -> None:
    """Write the starter network, what it needs and its card to where the program looks for them.

    It is the painted one of the first seed: a single network without real images, so that all real lenses
    measure it.
    """
    name = train_whole(steps, effort, recipe="painted", network="ours", seed=effort.seeds[0])
    ws = Workspace.open(steps.folder)
    folder, run = ws.run_folder(name), runs.get_run(ws.database, name)
    FOLDER.mkdir(exist_ok=True)
    for file in (NETWORK, TRAINING_PART):
        shutil.copyfile(folder / file, FOLDER / file)
    fitted = FittedNormalisation.parse(read_json(folder / NORMALISATION)).replaced(any_size=True)
    write_json(FOLDER / NORMALISATION, fitted.saved())
    write_json(FOLDER / SPEC, TrainingSpec.parse(read_json(folder / SPEC)).saved())
    write_json(FOLDER / SUMMARY, {key: run.summary[key] for key in KEPT_SUMMARY})
    scores = whole_objects(read_scores(ws, [name], folds=effort.folds))
    lenses = describe_lenses(ws, data / SAMPLES[0] / "catalogue.csv", folds=effort.folds)
    lines = ["| lenses | n | AUROC | recall at 1 % of real non-lenses |", "|---|---|---|---|"]
    for words, inside in {"all": lenses["snr"] > -np.inf, **lens_bins(lenses)}.items():
        part = scores[~scores["lens"] | scores["candidate_id"].isin(lenses.index[inside])]
        found = figures(part, [name])
        lines.append(
            f"| {words} | {inside.sum()} | {limits(found['auroc'])} | {limits(found[ONE_IN_HUNDRED])} |"
        )
    card = CARD_TEXT.format(
        count=effort.count,
        painted=effort.painted,
        fields=effort.fields,
        parameters=run.summary["parameters"],
        objects=int((~scores["lens"]).sum()),
        lenses=len(lenses),
        table="\n".join(lines),
    )
    (FOLDER / CARD).write_text(card, "utf-8")


CARD_TEXT = """**Starter network** · equivariant ResNet of {parameters:,} parameters

**Reads** the central 32 × 32 pixels of 0.25″ (5 % either way) of cutouts in g, r and i whose unit of flux is known;
larger cutouts are cropped, smaller ones padded.

**Learned from** {count:,} simulated cutouts of Pan-STARRS1 (`demo --survey ps1`), {painted:,} lenses painted on
simulated galaxies (`paint`), a quarter of them with a quasar, and the galaxies and stars of {fields:,} simulated fields
(`find-objects`). No real image was used.

**Measured** on {lenses} confirmed lenses in real Pan-STARRS1 stacks against {objects} field galaxies and stars of the
same images, with 95 % limits by drawing fields anew (docs/real-sky.md):

{table}

This recipe was picked among several by what it gave on these same lenses: its figures are somewhat optimistic.

**Can** put bright early-type galaxies, galaxies with arcs and pairs of blue images before field galaxies and stars, in
Pan-STARRS1 and surveys of like depth and seeing; be trained further on labelled cutouts of your survey
(`train DATASET --initial-run starter`), which helps it most.

**Cannot** find lenses that show no arc from the ground, which are most of those above; tell how probable a lens is, as
its scores are not calibrated; be relied on in surveys of other depth or seeing: look at the lights of the check on Score.
Part of its figures is that lens galaxies are brighter than most of the field: bright red galaxies without arcs, nearby
spirals and blue galaxies of low surface brightness score high.
"""
