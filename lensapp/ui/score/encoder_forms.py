"""Take in encoders that were made elsewhere, and train heads on what they see."""

from pathlib import Path

import streamlit as st

from lensapp.core.score.encoder_spec import EncoderSpec, HeadSpec
from lensapp.services.score import encoders
from lensapp.services.train import runs
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.state import go, selected
from lensapp.ui.shared.widgets import errors_shown

WAYS = {"onnx": "ONNX file", "table": "table of embeddings", "head": "train a head"}
FILE_HELP = "Path on the machine that runs the app."


def show_encoders(ws: Workspace, trained: list[Run], imported: list[Source]) -> None:
    """Show the forms that take in an encoder or a table, and that train a head; each queues a job."""
    with st.expander("Encoders of others", icon=":material/deployed_code:"):
        ways = [way for way in WAYS if way == "onnx" or (way == "table" and imported) or trained]
        way = st.segmented_control(
            "What to add",
            ways,
            required=True,
            format_func=WAYS.__getitem__,
            **kept("add", one_of(ways), ways[0], key="encoder-way"),
        )
        if way == "onnx":
            _onnx_form(ws)
        elif way == "table":
            _table_form(ws, imported)
        else:
            _head_form(ws, trained)


def _onnx_form(ws: Workspace) -> None:
    st.caption(
        "A network in ONNX that takes one image. What the JSON file of the same name beside it says need "
        "not be entered: fields left as they are follow it."
    )
    left, right = st.columns(2)
    file = left.text_input("ONNX file", key="encoder-file", help=FILE_HELP)
    name = right.text_input("Name of the encoder", key="encoder-name")
    entered = spec_fields(EncoderSpec, key="encoder", values={"bands": ()}, columns=3, keep="encoder.")
    if not st.button("Add the encoder", type="primary", key="encoder-add"):
        return
    saved = EncoderSpec(bands=("any",)).saved() | {"bands": ()}
    usual = {key: tuple(value) if isinstance(value, list) else value for key, value in saved.items()}
    given = {key: value for key, value in entered.items() if value != usual.get(key)}
    with errors_shown():
        spec = encoders.description_of(Path(file), given)
        encoders.start_encoder_import(ws, file=Path(file), name=name.strip(), spec=spec)
        st.toast(f"{name} is being read; it will be among the runs.", icon=":material/deployed_code:")


def _table_form(ws: Workspace, imported: list[Source]) -> None:
    st.caption("Embeddings from anywhere, joined to the cutouts of a source by their IDs.")
    cells = st.columns(3)
    file = cells[0].text_input("Parquet, FITS or npy file", key="embeddings-file", help=FILE_HELP)
    names, chosen = [one.name for one in imported], selected("source")
    usual = str(chosen) if chosen in names else names[0]
    source = cells[1].selectbox(
        "Source", names, **kept("embeddings_of", one_of(names), usual, key="embeddings-source")
    )
    name = cells[2].text_input("Name of the embeddings", key="embeddings-name")
    column = cells[0].text_input("Column of IDs", key="embeddings-ids", placeholder="candidate_id, id …")
    ids = cells[1].text_input("File of IDs", key="embeddings-ids-file", help="For npy: one per line.")
    if not st.button("Add the embeddings", type="primary", key="embeddings-add"):
        return
    with errors_shown():
        encoders.start_embeddings_import(
            ws,
            file=Path(file),
            name=name.strip(),
            source_name=str(source),
            id_column=column.strip() or None,
            ids_file=Path(ids) if ids.strip() else None,
        )
        st.toast(f"{name} is being joined; it will be among the runs.", icon=":material/table_view:")


def _head_form(ws: Workspace, trained: list[Run]) -> None:
    st.caption(
        "A logistic head on the features of an encoder, or of a trained network, learns in seconds and "
        "scores with it as one run."
    )
    versions = [dataset.name for dataset in runs.training_datasets(ws)]
    if not versions:
        st.info("A head learns from a dataset version. Split a labelled source first.")
        if st.button("Split a source", key="head-to-split"):
            go("split")
        return
    cells = st.columns(3)
    encoders_there = [run.name for run in trained]
    encoder = cells[0].selectbox(
        "Features of",
        encoders_there,
        **kept("head_on", one_of(encoders_there), encoders_there[0], key="head-encoder"),
    )
    dataset = cells[1].selectbox(
        "Dataset version", versions, **kept("head_from", one_of(versions), versions[0], key="head-dataset")
    )
    name = cells[2].text_input("Name of the head", key="head-name", placeholder=f"{encoder}-head-1")
    entered = spec_fields(HeadSpec, key="head", skip=("head", "encoder"), columns=3, keep="head.")
    if not st.button("Train the head", type="primary", key="head-train"):
        return
    spec = validated(HeadSpec, entered | {"encoder": encoder})
    if spec is None:
        return
    with errors_shown():
        run, _ = encoders.start_head(ws, dataset_name=str(dataset), spec=spec, name=name.strip() or None)
        st.toast(
            f"{run.name} is being trained; it scores on the page Score.", icon=":material/model_training:"
        )
