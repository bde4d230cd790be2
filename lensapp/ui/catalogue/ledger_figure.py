"""The way from labels to scores, drawn as streams."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from lensapp.services.catalogue.ledger import RunLedger

ORIGINS = {"import": "imported labels", "demo": "simulated truth", "votes": "votes"}


@dataclass
class _Streams:
    names: list[str] = field(default_factory=list)
    links: list[tuple[int, int, int]] = field(default_factory=list)

    def place(self, name: str) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def add(self, start: str, end: str, count: int) -> None:
        self.links.append((self.place(start), self.place(end), count))


def ledger_figure(record: RunLedger, *, colours: Sequence[str]) -> go.Figure:
    """Draw origins of labels → parts of the dataset version → run → scored sources."""
    streams, version = _Streams(), record.versions[0].dataset
    for kind, labels in record.labels.items():
        streams.add(ORIGINS.get(kind, kind), f"{version.name}", sum(labels.values()))
    used = sum(sum(version.counts.get(part, {}).values()) for part in ("train", "validation"))
    held = sum(version.counts.get("test", {}).values())
    streams.add(version.name, f"run {record.run.name}", used)
    if held:
        streams.add(version.name, "test part, never learned", held)
    for source, count in record.scored.items():
        streams.add(f"run {record.run.name}", f"scores of {source}", count)
    starts, ends, counts = zip(*streams.links, strict=True)
    shades = [colours[place % len(colours)] for place in range(len(streams.names))]
    return go.Figure(
        go.Sankey(
            node={"label": streams.names, "color": shades, "pad": 18, "thickness": 14, "line": {"width": 0}},
            link={
                "source": starts,
                "target": ends,
                "value": counts,
                "color": "rgba(140,150,160,0.55)",
                "hovertemplate": "%{value:,} cutouts<extra></extra>",
            },
        )
    )
