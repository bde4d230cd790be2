"""A small workspace filled through the storage layer, for tests of the pages."""

import json
import re
import time
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from lensapp.core.config import write_json
from lensapp.core.evaluate.metrics import measure, propose_thresholds
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.storage import datasets, reviews, runs, sources, studies
from lensapp.storage.evaluations import StoredEvaluation, save_evaluation
from lensapp.storage.records import Dataset, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from lensapp.ui.main import GROUPS
from lensapp.ui.shared.state import VIEW
from support.small_surveys import pack_source

MAIN = Path(__file__).parents[2] / "lensapp" / "ui" / "main.py"
BANDS = ("g", "r", "i")
SIZE = 12
COUNT = 40


class ReportTables(HTMLParser):
    """The tables of a report by title, each a list of rows of texts, the first its head; names of figures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.figures: list[str] = []
        self._rows: list[list[str]] = []
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._rows = self.tables.setdefault(str(dict(attrs).get("data-title")), [])
        elif tag == "figure":
            self.figures.append(str(dict(attrs)["aria-label"]))
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._cell:
            self._rows[-1][-1] += data


def add_survey(
    ws: Workspace,
    name: str = "sky",
    *,
    pixel_scale_arcsec: float | None = 0.25,
    labelled: bool = True,
    bands: tuple[str, ...] = BANDS,
) -> Source:
    """Pack COUNT noisy cutouts, every fourth with a bright middle and the label "lens".

    Without labels they lie elsewhere on the sky.
    """
    pixels = np.random.default_rng(1).normal(0, 1, (COUNT, SIZE, SIZE, len(bands))).astype(np.float32)
    pixels[:, 4:8, 4:8] += 5
    pixels[::4, 4:8, 4:8] += 15
    cutouts = [_cutout(row) for row in range(COUNT)]
    if not labelled:
        cutouts = [cutout | {"label": None, "ra_deg": 34.0 + cutout["row"] / 100} for cutout in cutouts]
    return pack_source(ws, name, pixels, cutouts, bands=bands, pixel_scale_arcsec=pixel_scale_arcsec)


def _cutout(row: int) -> dict[str, Any]:
    return {
        "row": row,
        "candidate_id": f"J{row:04d}",
        "ra_deg": 150.0 + row / 100,
        "dec_deg": 2.0,
        "label": "lens" if row % 4 == 0 else "nonlens",
        "properties": {"seeing_arcsec": 0.5 + row / 100},
    }


def add_dataset(
    ws: Workspace,
    source: Source,
    name: str = "sky-v1",
    *,
    parent: Dataset | None = None,
    label_from: str = "demo",
) -> Dataset:
    """Freeze the first 20 cutouts as training, 8 as validation and 12 as test part.

    Votes change labels only where they come from no truth: `label_from` "someone".
    """
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id", "label"))
    parts = ["train"] * 20 + ["validation"] * 8 + ["test"] * 12
    counts: dict[str, dict[str, int]] = {}
    members = []
    for key, label, part in zip(ids["id"], ids["label"], parts, strict=True):
        counts.setdefault(part, {"lens": 0, "nonlens": 0})[label] += 1
        members.append(
            {
                "cutout_id": int(key),
                "part": part,
                "label": label,
                "group_id": int(key),
                "fold": None,
                "label_from": label_from,
            }
        )
    return datasets.create_dataset(
        ws.database,
        name=name,
        source_ids=[source.id],
        bands=source.bands,
        spec={},
        counts=counts,
        checksum="0" * 64,
        members=members,
        parent_id=parent.id if parent else None,
    )


def add_run(ws: Workspace, dataset: Dataset, name: str, *, epochs: int = 5) -> Run:
    """Register a finished run with curves and a file in the place of its network."""
    spec = TrainingSpec(epochs=epochs)
    run = runs.create_run(
        ws.database, name=name, dataset_id=dataset.id, model=spec.network, spec=spec.saved()
    )
    for epoch in range(1, epochs + 1):
        runs.put_metrics(ws.database, run.id, epoch, _figures(epoch))
    best = {"val_loss": 0.3, "val_auc": 0.9}
    summary = {"epochs": epochs, "best_epoch": epochs, "best": best, "seconds": 12.0, "device": "cpu:0"}
    runs.update_run(ws.database, run.id, state="finished", summary=summary, finished_at=run.created_at + 12)
    ws.run_folder(name).mkdir(parents=True)
    (ws.run_folder(name) / "best.keras").write_bytes(b"")
    fitted = FittedNormalisation(
        kind="none",
        softening=1.0,
        centre=(0, 0, 0),
        scale=(1, 1, 1),
        gain=(1, 1, 1),
        bands=dataset.bands,
        size=(SIZE, SIZE),
        pixel_scale_arcsec=0.25,
    )
    write_json(ws.run_folder(name) / "normalisation.json", fitted.saved())
    return runs.get_run(ws.database, name)


def _figures(epoch: int) -> dict[str, float | int | str | None]:
    names = ("accuracy", "auc", "purity", "completeness")
    shares = dict.fromkeys(names, 1 - 0.4 / epoch)
    return {
        "loss": 1 / epoch,
        "val_loss": 1.2 / epoch,
        **shares,
        **{f"val_{name}": share - 0.05 for name, share in shares.items()},
        "val_purity": None if epoch == 1 else 0.8,
        "learning_rate": 1e-3,
        "images_per_second": 900.0,
        "seconds": 2.0 * epoch,
        "device": "cpu:0",
        "memory_bytes": 500_000_000,
        "best_epoch": epoch,
    }


def add_fold(ws: Workspace, dataset: Dataset, name: str = "five-fold0") -> Run:
    """Register a finished run as a fold of a cross-validation."""
    study = studies.create_study(ws.database, name="five", kind="kfold", dataset_id=dataset.id, spec={})
    fold = add_run(ws, dataset, name)
    studies.add_run(ws.database, study.id, fold.id, place=0)
    return fold


def add_evaluation(ws: Workspace, run: Run, dataset: Dataset) -> None:
    """Store scores of the test part that tell lenses from most non-lenses."""
    members = datasets.member_columns(ws.database, dataset.id, part="test")
    labels = members["label"] == "lens"
    score = np.clip(0.3 + 0.4 * labels + np.linspace(-0.25, 0.25, len(labels)), 0, 1)
    turns = score[:, None] + np.array([0.0, 0.01, -0.01, 0.02])
    figures = measure(labels, score).as_dict() | {"rotation_std": 0.011, "evaluated_at": time.time()}
    figures["suggested_thresholds"] = propose_thresholds(labels, score, part="validation").as_dict()
    stored = StoredEvaluation(members["cutout_id"], labels, turns.astype(np.float32), figures)
    save_evaluation(ws.run_folder(run.name), "test", stored)
    runs.update_run(ws.database, run.id, evaluation=figures)


def add_scores(ws: Workspace, run: Run, source: Source) -> None:
    """Score the whole source."""
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    stored_scores.add_scores(ws, run.id, source.id, ids.tolist(), np.linspace(0.99, 0.01, len(ids)).tolist())


def add_votes(ws: Workspace, run: Run, source: Source) -> None:
    """Open a review of the whole source in which two inspectors have graded six candidates."""
    ids, _ = stored_scores.scores_of(ws, run.id, source.id)
    review = reviews.create_review(
        ws.database, name="round-1", source_id=source.id, run_id=run.id, spec={}, queue=ids
    )
    grades = {"Ada": "AABCXX", "Grace": "ABBXXX"}
    votes = [
        {
            "client": f"test-{name}",
            "seq": seq + 1,
            "review_id": review.id,
            "cutout_id": int(ids[seq]),
            "inspector": name,
            "grade": grade,
            "voted_at": 1.7e9 + seq,
        }
        for name, letters in grades.items()
        for seq, grade in enumerate(letters)
    ]
    reviews.add_votes(ws.database, votes)


def full_workspace(folder: Path) -> Workspace:
    """Make a workspace in which the round has been gone through once."""
    ws = Workspace.open(folder)
    source = add_survey(ws)
    dataset = add_dataset(ws, source)
    first, second = (add_run(ws, dataset, name) for name in ("elu_cnn-1", "elu_cnn-2"))
    for run in (first, second):
        add_evaluation(ws, run, dataset)
        add_scores(ws, run, source)
    add_votes(ws, second, source)
    return ws


def open_page(name: str, /, *, patience: float = 30, **address: str) -> AppTest:
    """Open a page of the workspace that the environment names, and check that nothing was raised.

    It may run for `patience` seconds, now and whenever it runs again.
    """
    app = AppTest.from_file(str(MAIN), default_timeout=patience)
    if "source" in address:  # a session that a link begins has been asked for it
        app.query_params["source"] = address["source"]
    app.run()
    app.switch_page(f"../../pages/{name}.py")
    for key, value in address.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception
    return app


def views_of_pages() -> set[tuple[str, str]]:
    """Return every page with the views it has, as (page, "name=value" in its address); "" for the page."""
    offered = re.compile(r'choose_view\((\w+), key=f?"(\w+)-[^)]*?(?:kept_as=(\w+)[^)]*)?\)')
    found = {(name, "") for entries in GROUPS.values() for name, _, _ in entries}
    for file in (MAIN.parent).rglob("*.py"):
        for views, page, kept_as in offered.findall(file.read_text("utf-8")):
            module = import_module(".".join(file.relative_to(MAIN.parents[2]).with_suffix("").parts))
            name = getattr(module, kept_as) if kept_as else VIEW
            found |= {(page, f"{name}={view}") for view in getattr(module, views)}
    return found


def drawn_charts(page: AppTest, key: str) -> dict[str, Any] | None:
    """Return what the browser is given to draw learning curves from; None where there are none."""
    charts = [element for element in page.get("bidi_component") if element.key == key]
    proto = charts[0].proto if charts else None
    return None if proto is None else dict(json.loads(proto.mixed.json or proto.json))


def sheets_of(page: AppTest) -> dict[str, dict[str, Any]]:
    """Return what each contact sheet of a page was given, by its key."""
    sheets = {}
    for element in page.get("bidi_component"):
        proto = element.proto
        if proto.component_name == "lensapp_contact_sheet":
            text = proto.mixed.json or proto.json
            sheets[str(element.key).removeprefix("sheet-")] = json.loads(text)
    return sheets


def figures_of(page: Any) -> list[dict[str, Any]]:
    """Return the figures of a page, or of a part of it, as Plotly is given them: data and layout."""
    components = [one.proto for one in page.get("bidi_component")]
    drawn = [json.loads(proto.json) for proto in components if proto.component_name == "lensapp_figure"]
    return [json.loads(one["figure"]) for one in drawn]
