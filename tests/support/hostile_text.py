"""A workspace in which everything that strangers write is markup, and what of it a page lets through."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import Message
from sqlalchemy import Column, insert, update
from streamlit.testing.v1 import AppTest

from lensapp.core.train.search_space import parse_space
from lensapp.core.train.study_spec import KfoldSpec, SearchSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.data.known_lenses import keep_known_lenses
from lensapp.services.saved_views import LONGEST_NAME, keep_view
from lensapp.services.train import studies as study_service
from lensapp.storage import sources, tables
from lensapp.storage.features import FeatureMap, features_folder, open_store, save_map
from lensapp.storage.files import NETWORK, checksum_of
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from support.pages_workspace import full_workspace, views_of_pages

HOST = "e.vil"
BEGINS = f"![p](http://{HOST}/p.png) <img src=//{HOST}/q.png onerror=window.hostile=1> :red[c] $x$ **b**"
SCRIPTS = "<script>window.hostile=1</script> :material/skull: \u202etxet\u202c"
HOSTILE = f"{BEGINS} [l](http://{HOST}) {SCRIPTS} `d`"
SHORT = BEGINS[:100]
"""What fits where names of classes are kept."""

LONG = f"{HOSTILE} {'x' * 3000} {HOSTILE}"
FILE = "![p](p.png) [l](x) :red[c] $x$ **b**.csv"
# Raw Markdown, or a link that Streamlit would find in text: `plain` leaves none of them whole.
LIVE_MARKDOWN = re.compile(
    rf"(?<!\\)!\[p|(?<!\\)\[l\]|http://{HOST}|:red\[c|(?<!\\)\$x|(?<!\\)\*\*b\*\*|(?<!\\)`d`"
    r"|:material/skull|\u202e"
)
LIVE_HTML = re.compile(r"<img src=//|<script>window")
LIVE_IN_BROWSER = f"""() => [
    ...(window.hostile ? ["a script ran"] : []),
    ...[...document.querySelectorAll('img, a, script, iframe, object, embed')]
        .filter((each) => /{HOST.replace(".", "[.]")}|window.hostile/.test(each.outerHTML))
        .map((each) => each.outerHTML.slice(0, 200))]"""
"""What of it a browser runs or shows as markup."""
# Fields that browsers show letter by letter, or that nobody sees.
SHOWN_AS_TEXT = {
    "id", "code_text", "options", "default", "value", "raw_values", "placeholder", "url", "file_name",
    "form_id", "user_key", "key", "data", "json", "mixed_json", "columns", "spec", "query_string", "alt",
    "element_id", "default_value", "selection_mode", "figure",
}  # fmt: skip


def hostile_workspace(folder: Path) -> Workspace:
    """Make a workspace in which the round has been gone through, and every stranger wrote HOSTILE."""
    ws = full_workspace(folder)
    source = sources.get_source(ws.database, "sky")
    _add_map(ws, source)
    _write(ws, tables.cutouts.c.candidate_id, unique=True)
    _write(ws, tables.cutouts.c.parent)
    _write(ws, tables.cutouts.c.object_class, text=SHORT)
    _write(ws, tables.votes.c.comment, text=LONG)
    _write(ws, tables.votes.c.contaminant, text=SHORT)
    _write(ws, tables.votes.c.inspector, unique=True)
    _write(ws, tables.datasets.c.note, text=LONG)
    _write(ws, tables.runs.c.note, text=LONG)
    with ws.database.write() as connection:
        connection.execute(update(tables.runs).values(tags=[SHORT, "rtl \u202etxet"]))
        connection.execute(update(tables.trail).values(who=HOSTILE[:200], name=HOSTILE, detail=LONG))
        connection.execute(update(tables.cutouts).values(properties={HOSTILE: HOSTILE, "seeing_arcsec": 0.5}))
        connection.execute(
            insert(tables.rejections).values(source_id=source.id, file=FILE, code="damaged", reason=HOSTILE)
        )
        connection.execute(update(tables.sources).values(quality={"warnings": [HOSTILE]}))
    table = folder / FILE
    table.write_text(f"name,ra,dec\n{HOSTILE},150.0,2.0\n", "utf-8")
    keep_known_lenses(ws, table)
    _add_jobs(ws)
    for page, view in views_of_pages():
        if not view:
            keep_view(ws, page, SHORT[:LONGEST_NAME], address={})
    return ws


def _write(ws: Workspace, column: Column[Any], *, text: str = HOSTILE, unique: bool = False) -> None:
    """Put a text into a column, with what was there behind it where rows must stay apart."""
    value = text + column if unique else text
    with ws.database.write() as connection:
        connection.execute(update(column.table).values({column.name: value}))


def _add_map(ws: Workspace, source: Source) -> None:
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    place = features_folder(ws, "elu_cnn-2", source.name)
    open_store(place, ids, 2, checksum=checksum_of(ws.run_folder("elu_cnn-2") / NETWORK)).advance(len(ids))
    positions = np.random.default_rng(0).normal(size=(len(ids), 2)).astype(np.float32)
    save_map(place, "pca", FeatureMap(ids, positions, np.zeros(len(ids), np.int32), {}))


def _add_jobs(ws: Workspace) -> None:
    """Leave a job of each kind that failed, two studies that did, and a job that runs."""
    study_service.start_kfold(ws, dataset_name="sky-v1", spec=KfoldSpec(folds=3), name="cv")
    training = TrainingSpec()
    space = parse_space("learning_rate", training)
    spec = SearchSpec(training=training, space=space, trials=2)
    study_service.start_search(ws, dataset_name="sky-v1", spec=spec, name="tune")
    ids = sources.cutout_columns(ws.database, [1], columns=("id",))["id"].tolist()
    one = {"run": "elu_cnn-1", "source": "sky"}
    payloads: list[tuple[str, dict[str, Any]]] = [
        ("train", {"run": "elu_cnn-1"}),
        ("evaluate", {"run": "elu_cnn-1", "part": "test"}),
        ("score", one),
        ("features", one),
        ("bald", one),
        *[("explain", {"run": "elu_cnn-1", "cutout": key}) for key in ids],
    ]
    failed = {"state": "failed", "error": HOSTILE, "traceback": HOSTILE, "title": HOSTILE}
    rest = {"created_at": 1.7e9, "attempt": 1, "progress": {"message": HOSTILE, "fraction": 0.5}}
    with ws.database.write() as connection:
        connection.execute(update(tables.jobs).values(failed | {"progress": rest["progress"]}))
        for kind, payload in payloads:
            connection.execute(insert(tables.jobs).values(kind=kind, payload=payload, **failed, **rest))
        running = {"kind": "demo", "state": "running", "title": HOSTILE, "payload": {}}
        connection.execute(insert(tables.jobs).values(**running, **rest))


def live_markup(app: AppTest) -> list[str]:
    """Return where text of strangers reaches the browser as markup, as "element.field: text"."""
    return [
        f"{type(proto).__name__}.{field}: {text[:300]}"
        for proto in _protos(app._tree)
        for field, text in _texts(proto)
        if (LIVE_HTML if field == "body" and type(proto).__name__ == "Html" else LIVE_MARKDOWN).search(text)
    ]


def _protos(node: Any) -> Iterator[Any]:
    if getattr(node, "proto", None) is not None:
        yield node.proto
    for child in getattr(node, "children", {}).values():
        yield from _protos(child)


def _texts(message: Any) -> Iterator[tuple[str, str]]:
    """Yield every text of a protobuf message that the browser reads as markup, with its field."""
    for descriptor, value in message.ListFields():
        several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        for one in value if several else [value]:
            if isinstance(one, str) and descriptor.name not in SHOWN_AS_TEXT:
                yield descriptor.name, one
            elif isinstance(one, Message):
                yield from _texts(one)
