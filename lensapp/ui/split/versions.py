"""Dataset versions: what is frozen, where it came from, what changed."""

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from lensapp.services.split.datasets import DatasetDescription, describe_version, verify_checksum
from lensapp.services.split.versions import Changes
from lensapp.storage import datasets
from lensapp.storage.records import Dataset
from lensapp.ui.shared.state import get_workspace, go, select, selected
from lensapp.ui.shared.widgets import number


def show() -> None:
    """Show the table of versions, and one of them in full."""
    found = datasets.list_datasets(get_workspace().database)
    st.subheader("Frozen versions")
    if not found:
        st.caption("Versions appear here once a split has been frozen. They never change afterwards.")
        return
    event = st.dataframe(
        [_row(dataset) for dataset in found],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="versions",
        column_config={"frozen": st.column_config.DatetimeColumn(format="distance")},
    )
    rows = event["selection"]["rows"]
    if rows:
        select("dataset", found[rows[0]].name)
    names = [dataset.name for dataset in found]
    chosen = selected("dataset")
    _details(describe_version(get_workspace(), chosen if chosen in names else names[0]))


def _row(dataset: Dataset) -> dict[str, Any]:
    sizes = {part: sum(counts.values()) for part, counts in dataset.counts.items()}
    return {
        "version": dataset.name,
        "training": sizes.get("train", 0),
        "validation": sizes.get("validation", 0),
        "test": sizes.get("test", 0),
        "lenses": sum(counts.get("lens", 0) for counts in dataset.counts.values()),
        "bands": ", ".join(dataset.bands),
        "frozen": datetime.fromtimestamp(dataset.created_at, UTC),
        "note": dataset.note,
    }


def _details(found: DatasetDescription) -> None:
    dataset = found.dataset
    with st.container(border=True, key="version-details", gap="small"):
        st.markdown(f"**{dataset.name}**")
        origin = f"made from {found.parent}" if found.parent else f"split of {', '.join(found.sources)}"
        parts = [origin, f"{number(found.groups)} groups"]
        if found.folds:
            parts.append(f"{found.folds} folds")
        parts.append(f"checksum `{dataset.checksum[:12]}`")
        st.caption(" · ".join(parts))
        if found.changes is not None:
            _changes(found.changes)
        with st.container(horizontal=True, gap="small"):
            if st.button("Train on it", icon=":material/model_training:", key="train-version"):
                go("train", dataset=dataset.name)
            if st.button("Verify the checksum", icon=":material/verified:", key="verify-version"):
                verify_checksum(get_workspace(), dataset.name)
                st.toast("The members are those that were frozen.", icon=":material/verified:")


def _changes(changes: Changes) -> None:
    lines = [
        f"{number(count)} {what} ({which})"
        for what, counts in (
            ("added", changes.added),
            ("removed", changes.removed),
            ("relabelled", changes.relabelled),
        )
        for which, count in counts.items()
    ]
    if changes.moved:
        lines.append(f"{number(changes.moved)} moved to another part")
    lines.append("test part unchanged" if changes.test_unchanged else "test part differs")
    st.markdown("What changed: " + " · ".join(lines))
