"""The view that lays a source of real cutouts beside a simulated one: whether, and by what, they differ."""

from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.evaluate.audits.realism_spec import RealismSpec
from lensapp.services.data.sources import ready_sources
from lensapp.services.evaluate.realism import start_audit
from lensapp.services.train import job_control
from lensapp.storage.records import Source
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.forms import spec_form
from lensapp.ui.shared.job_controls import watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace, go
from lensapp.ui.shared.widgets import empty_state, errors_shown


def show_realism(source: Source) -> None:
    """Audit the source, simulated or painted, against another that is real; show what was found."""
    ws = get_workspace()
    others = [other.name for other in ready_sources(ws) if other.name != source.name]
    if not others:
        box = empty_state(
            "No other source yet",
            "Whether a classifier can tell simulated cutouts from real ones, and by which measures, will "
            "appear here once there is another source to compare with.",
            icon=":material/compare:",
        )
        with box.container(horizontal=True, horizontal_alignment="center"):
            if st.button("Import cutouts", type="primary", icon=":material/download:", key="realism-import"):
                go("data", view={"view": "import"})
        return
    st.caption(
        f"Can photometry tell the cutouts of {plain(source.name)}, taken as simulated, from real ones? "
        "What it sees, networks learn in place of lenses. An AUROC of 0.5 is chance."
    )
    with st.container(width=260):
        real = st.selectbox(
            "Real cutouts",
            others,
            **kept("real", one_of(others), others[0], key=f"realism-real-{source.id}"),
        )
    pair = {"real": real, "simulated": source.name}
    if watch_job(ws, "realism", **pair):
        return
    job = job_control.latest_job(ws, "realism", **pair)
    if job is not None and job.result:
        show_result(job.result)
    else:
        st.caption("Areas under the curves of the probes, and what gives the simulation away, appear here.")
    spec = spec_form(RealismSpec, key=f"realism-{source.id}", submit="Audit realism", columns=3)
    if spec is not None:
        with errors_shown():
            start_audit(ws, **pair, spec=spec)
            st.rerun()


def show_result(result: dict[str, Any]) -> None:
    """Show the verdict of an audit, the areas of its probes and what gives the simulation away."""
    st.markdown(f"**{plain(result['verdict'])}**")
    counts = ", ".join(f"{count} of {plain(name)}" for name, count in result["cutouts"].items())
    probes = {"photometry (boosted trees)": result["photometry"]}
    if result["features"]:
        probes[f"features of {result['features']['run']} (linear)"] = result["features"]
    areas = [
        f"AUROC by {plain(name)} {one['auroc']:.3f} ({one['low']:.3f} to {one['high']:.3f}, 95 %)"
        for name, one in probes.items()
    ]
    unit = "" if result["calibrated"] else " · without brightness and colours, as units of flux are unknown"
    st.caption(" · ".join([counts, *areas]) + unit)
    giveaways = [
        {
            "told by": one["theme"],
            "measure": one["column"],
            "median, real": one["real"],
            "median, simulated": one["simulated"],
            "AUROC alone": one["alone"],
            "AUROC lost without": one["drop"],
        }
        for one in result["photometry"]["giveaways"]
    ]
    st.dataframe(
        pd.DataFrame(giveaways),
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format="%.3g")
            for name in ("median, real", "median, simulated", "AUROC alone", "AUROC lost without")
        },
    )
