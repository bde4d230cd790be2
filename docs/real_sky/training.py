"""From the files to trained networks and their scores, by commands of the command line."""

import shlex
import shutil
from pathlib import Path

from real_sky.recipes import (
    BANDS,
    FIELD_SIZE,
    FOLDED,
    NETWORKS,
    SAMPLES,
    SCALE_ARCSEC,
    SIZE,
    WHOLE,
    Effort,
)
from real_sky.steps import Steps

PARTS = "--train 0.8 --validation 0.18 --test 0.02 --near-duplicate-bits 0"
# One lens in four of those known in Pan-STARRS1 shows a quasar; arcs have an S/N of 5 to 300.
SOURCES = "--nonlens-ratio 0 --source-quasar-share 0.25 --source-brightness signal_to_noise"
# No cutout of a non-lens may show the lens of its field, nor its arcs: half its side and 3 arcsec.
OBJECTS = f"--size {SIZE} --keep all --label nonlens --snr 3 --exclude-radius 7"
MEASURED = ("lenses", "objects", "around")
SHIFTED = "--augmentation-shift-pixels 1"


def gather_files(data: Path, folder: Path, effort: Effort) -> list[Path]:
    """Copy the images into a folder for each fold, in turns."""
    images = sorted(
        (path for sample in SAMPLES for path in (data / sample / "cutouts").iterdir() if path.is_dir()),
        key=lambda path: path.name,
    )[: effort.images]
    folds = [folder / "files" / f"fold{fold}" for fold in range(effort.folds)]
    for number, source in enumerate(images):
        for band in BANDS.split(","):
            place = folds[number % effort.folds] / source.name / f"{source.name}_{band}.fits"
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / place.name, place)
    return folds


def others(name: str, fold: int, effort: Effort) -> str:
    """Return the sources called `name` of all folds but one."""
    return ",".join(f"{name}-{other}" for other in range(effort.folds) if other != fold)


def import_real(steps: Steps, folds: list[Path]) -> None:
    """Import the fields, their lenses and their other objects, without and with those at the edges."""
    for fold, folder in enumerate(folds):
        files = shlex.quote(str(folder))
        steps.run(f"ingest {files} --name fields-{fold} --bands {BANDS}")
        steps.run(f"ingest {files} --name lenses-{fold} --bands {BANDS} --size {SIZE} --same-label lens")
        steps.run(f"find-objects fields-{fold} --name objects-{fold} {OBJECTS}")
        steps.run(f"find-objects fields-{fold} --name around-{fold} {OBJECTS} --edges mask")


def simulate_whole(steps: Steps, effort: Effort) -> None:
    """Simulate both surveys, paint on galaxies of one, and find objects in fields of it as in real ones."""
    alike = f"--count {effort.count} --bands {BANDS} --size {SIZE}"
    steps.run(f"demo --name plain {alike} --lens-fraction 0.4 --pixel-scale-arcsec {SCALE_ARCSEC}")
    steps.run(f"demo --survey ps1 --name preset {alike} --lens-fraction 0.3")
    steps.run(f"paint preset --name arcs --count {effort.painted} --choice-faintest-mag 20.5 {SOURCES}")
    steps.run(
        f"demo --survey ps1 --name skies --count {effort.fields} --bands {BANDS} --size {FIELD_SIZE} "
        "--lens-fraction 0 --seed 2"
    )
    steps.run(f"find-objects skies --name field {OBJECTS}")
    for name, joined in (("demo", "plain"), ("preset", "preset"), ("painted", "preset,arcs,field")):
        steps.run(f"split {joined} --name {name}-v1 {PARTS}")


def join_folds(steps: Steps, effort: Effort) -> None:
    """Paint on real galaxies, and freeze what networks go on with, for each fold from the others."""
    for fold in range(effort.folds):
        steps.run(
            f"paint {others('objects', fold, effort)} --name arcs-{fold} --count {effort.on_real} "
            f"--choice-bluest-colour 0.6 --choice-faintest-mag 22 {SOURCES}"
        )
        objects = others("objects", fold, effort)
        steps.run(f"split arcs-{fold},{objects} --name hosts-{fold}-v1 {PARTS}")
        steps.run(f"split {others('lenses', fold, effort)},{objects} --name tuned-{fold}-v1 {PARTS}")


def train_whole(steps: Steps, effort: Effort, *, recipe: str, network: str, seed: int) -> str:
    """Train one network that never sees a real image, and score all lenses and objects; return its name."""
    name = f"{recipe}-{network}-{seed}"
    steps.run(
        f"train {recipe}-v1 {NETWORKS[network]} --seed {seed} {SHIFTED} "
        f"--epochs {effort.epochs} --schedule-kind cosine --name {name}"
    )
    for fold in range(effort.folds):
        score(steps, name, fold)
    return name


def train_folded(steps: Steps, effort: Effort, *, recipe: str, network: str, seed: int) -> str:
    """Go on from the painted network with each fold's images of the others, and score that fold."""
    name = f"{recipe}-{network}-{seed}"
    for fold in range(effort.folds):
        steps.run(
            f"train {recipe}-{fold}-v1 {NETWORKS[network]} --seed {seed} {SHIFTED} "
            f"--epochs {effort.more_epochs} --learning-rate 3e-4 --schedule-kind cosine --monitor val_loss "
            f"--initial-run painted-{network}-{seed} --name {name}-{fold}"
        )
        score(steps, f"{name}-{fold}", fold)
    return name


def train_all(steps: Steps, effort: Effort) -> list[str]:
    """Train every recipe with every network and seed, and score lenses and objects; return the names."""
    pairs = [(seed, network) for seed in effort.seeds for network in effort.networks]
    return [
        *(
            train_whole(steps, effort, recipe=one, network=network, seed=seed)
            for seed, network in pairs
            for one in WHOLE
        ),
        *(
            train_folded(steps, effort, recipe=one, network=network, seed=seed)
            for seed, network in pairs
            for one in FOLDED
        ),
    ]


def score(steps: Steps, run: str, fold: int) -> None:
    """Score the lenses and the objects of a fold, both those within their image and those at its edges too."""
    for kind in MEASURED:
        steps.run(f"score {run} {kind}-{fold}")
