"""Dataset versions: what is frozen, where it came from, what changed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.split.splits import SECOND_TEST, SplitSpec
from lensapp.services.split.datasets import (
    DatasetDescription,
    describe_version,
    list_versions,
    verify_checksum,
)
from lensapp.services.split.versions import Changes
from lensapp.ui.shared.figures import PART_NAMES
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.state import get_workspace, go, select, selected
from lensapp.ui.shared.widgets import counted, counts_spaced, name_cell, number

OWN_WORDS = {"feedback": "from votes", "votes": "from votes", "hard negatives": "with hard negatives"}


def show_versions() -> None:
    """Show the table of versions, and one of them in full."""
    frozen = list_versions(get_workspace())
    st.subheader("Frozen versions")
    if not frozen:
        st.caption("Versions appear here once a split has been frozen. They never change afterwards.")
        return
    rows = []
    for dataset in frozen:
        sizes = {part: sum(counts.values()) for part, counts in dataset.counts.items()}
        rows.append(
            {
                "version": dataset.name,
                "training": sizes.get("train", 0),
                "validation": sizes.get("validation", 0),
                "test": sizes.get("test", 0),
                "second test": sizes.get(SECOND_TEST, 0),
                "lenses": sum(counts.get("lens", 0) for counts in dataset.counts.values()),
                "bands": ", ".join(dataset.bands),
                "frozen": datetime.fromtimestamp(dataset.created_at, UTC),
                "made": made_in_words(dataset.spec),
                "note": dataset.note,
            }
        )
    table = pd.DataFrame(rows)
    unused = [name for name in ("second test", "note") if not table[name].any()]
    event = st.dataframe(
        counts_spaced(table.drop(columns=unused)).format(name_cell, subset=["version"]),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="versions",
        column_config={
            "frozen": st.column_config.DatetimeColumn(format="distance"),
            "made": st.column_config.TextColumn(
                width=190, help="Shares of the parts, and what was set otherwise."
            ),
        },
    )
    ticked = event["selection"]["rows"]
    if ticked:
        select("dataset", frozen[ticked[0]].name)
    names = [dataset.name for dataset in frozen]
    name = selected("dataset")
    _show_version(describe_version(get_workspace(), name if name in names else names[0]))


def _show_version(version: DatasetDescription) -> None:
    dataset = version.dataset
    with st.container(border=True, key="version-details", gap="small"):
        st.markdown(f"**{plain(dataset.name)}**")
        origin = (
            f"made from {plain(version.parent)}"
            if version.parent
            else f"split of {plain_all(version.sources)}"
        )
        parts = [origin, counted(version.groups, "group")]
        if version.folds:
            parts.append(counted(version.folds, "fold"))
        parts.append(f"checksum `{dataset.checksum[:12]}`")
        st.caption(" · ".join(parts))
        if version.changes is not None:
            st.markdown("What changed: " + plain(" · ".join(changes_in_words(version.changes))))
        with st.container(horizontal=True, gap="small"):
            if st.button("Train on it", icon=":material/model_training:", key="train-version"):
                go("train", dataset=dataset.name)
            if st.button(
                "Cross-validate",
                icon=":material/science:",
                key="cross-validate-version",
                help="Under Experiments: a training for each fold, which says how much figures scatter."
                + (f" It takes the {version.folds} folds of this version." if version.folds else ""),
            ):
                go("experiments", dataset=dataset.name)
            if st.button("Verify the checksum", icon=":material/verified:", key="verify-version"):
                verify_checksum(get_workspace(), dataset.name)
                st.toast("The members are those that were frozen.", icon=":material/verified:")


def changes_in_words(changes: Changes) -> list[str]:
    """Return what a version has, lacks or labels differently than its parent, a few words for each."""
    counted = (
        ("added to", changes.added),
        ("removed from", changes.removed),
        ("relabelled", changes.relabelled),
    )
    words = [
        f"{number(n)} {what} {PART_NAMES.get(part, part).replace('nonlens', 'non-lens')}"
        for what, counts in counted
        for part, n in counts.items()
        if n
    ]
    if changes.moved:
        words.append(f"{number(changes.moved)} moved to another part")
    test_part = "test part unchanged" if changes.test_unchanged else "test part changed"
    return [*(words or ["nothing changed"]), test_part]


def made_in_words(spec: Mapping[str, Any]) -> str:
    """Return how a version was made in a few words: shares of its parts, and what was set otherwise."""
    split = spec.get("split")
    if not split:
        return OWN_WORDS.get(str(spec.get("kind")), "")
    asked = SplitSpec().saved() | split
    words = [" / ".join(f"{100 * float(asked[part]):.0f}" for part in ("train", "validation", "test"))]
    if asked["folds"]:
        words.append(counted(int(asked["folds"]), "fold"))
    if asked["where"]:
        words.append(str(asked["where"]))
    if asked["max_nonlens_per_lens"]:
        words.append(f"{number(float(asked['max_nonlens_per_lens']))} non-lenses per lens")
    if spec.get("known_lenses"):
        words.append("without known lenses")
    if asked["crop"]:
        words.append("middle of larger cutouts")
    if asked["seed"]:
        words.append(f"seed {asked['seed']}")
    return " · ".join(words)
