"""The starter network: trained elsewhere, shipped with the program, installed in a workspace on first use."""

import shutil
import time
from contextlib import suppress
from functools import lru_cache
from itertools import chain, count
from pathlib import Path
from typing import Any

import lensapp
from lensapp.core.acting import needs
from lensapp.core.config import read_json
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.transfer_rules import STARTER
from lensapp.storage import datasets, runs
from lensapp.storage.files import MEASURED_PARTS, NETWORK, NORMALISATION, SPEC, TRAINING_PART, whole_file
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace

FOLDER = Path(lensapp.__file__).parents[1] / "models" / "starter"
STARTER_NAME = STARTER
REMARK = "comes with the program"
CARD = "card.md"
SUMMARY = "summary.json"
FILES = (NETWORK, NORMALISATION, SPEC, TRAINING_PART, MEASURED_PARTS)
NOTE = "The starter network learned elsewhere: its card says from what. No cutout of it is in this workspace."


def starter_card() -> str:
    """Return the card of the starter network: what it learned from, what it can do and what not, Markdown."""
    return (FOLDER / CARD).read_text("utf-8")


def starter_recipe() -> dict[str, Any]:
    """Return the recipe of the starter network, as a run stores it."""
    return TrainingSpec.parse(read_json(FOLDER / SPEC)).saved()


@lru_cache(maxsize=1)
def starter_bands() -> tuple[str, ...]:
    """Return the names of the bands that the starter network reads."""
    return tuple(read_json(FOLDER / NORMALISATION)["bands"])


def why_not_further(bands: tuple[str, ...]) -> str | None:
    """Return why the starter network cannot be trained further on cutouts in `bands`; None where it can."""
    wanted = starter_bands()
    if bands == wanted:
        return None
    read, has = ", ".join(wanted), ", ".join(bands)
    remedy = f"; split with only {read}" if set(wanted) < set(bands) else ""
    return f"It reads {read}, this version has {has}{remedy}."


def is_starter(run: Run) -> bool:
    """Return whether a run is the starter network as it was shipped."""
    return bool(run.summary.get(STARTER))


@needs("work")
def install_starter(ws: Workspace) -> Run:
    """Return the run called "starter": the starter network, which is installed unless the workspace has it.

    Its dataset version is empty: what it was trained on is not here. A run of the user's own that has this
    name stays what it is.
    """
    with suppress(NotFound):
        return runs.get_run(ws.database, STARTER)
    folder = ws.run_folder(STARTER)
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        with whole_file(folder / name) as partial:
            shutil.copyfile(FOLDER / name, partial)
    recipe = starter_recipe()
    every = datasets.list_datasets(ws.database, without_sources=True)
    dataset = next((one for one in every if one.spec.get("trained") == "elsewhere"), None)
    if dataset is None:
        names = chain([STARTER], (f"{STARTER}-{number}" for number in count(2)))
        taken = {one.name for one in every}
        dataset = datasets.create_dataset(
            ws.database,
            name=next(name for name in names if name not in taken),
            source_ids=(),
            bands=read_json(FOLDER / NORMALISATION)["bands"],
            spec={"trained": "elsewhere"},
            counts={},
            checksum="",
            members=(),
            note=NOTE,
        )
    try:
        run = runs.create_run(
            ws.database, name=STARTER, dataset_id=dataset.id, model=recipe["network"], spec=recipe
        )
    except InvalidInput:  # installed by another process meanwhile
        return runs.get_run(ws.database, STARTER)
    summary = read_json(FOLDER / SUMMARY) | {STARTER: True}
    runs.update_run(ws.database, run.id, state="finished", summary=summary, finished_at=time.time())
    return runs.get_run(ws.database, STARTER)
