"""The way from labels to scores, drawn as streams."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from lensapp.services.catalogue.label_origin import ORIGINS
from lensapp.services.catalogue.ledger import RunLedger
from lensapp.ui.shared.markup import shortened

VERSION, RUN, HELD, SCORES = "version", "run", "held", "scores"
MOST = 20  # letters of a name: streams are short at 1280 px, and the next label comes from the right
ROLES = (*ORIGINS, VERSION, RUN, HELD, SCORES)  # a role has the same colour whatever else is drawn


@dataclass
class _Streams:
    names: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    links: list[tuple[int, int, int]] = field(default_factory=list)

    def place(self, name: str, role: str) -> int:
        if name not in self.names:
            self.names.append(name)
            self.roles.append(role)
        return self.names.index(name)

    def add(self, start: tuple[str, str], end: tuple[str, str], count: int) -> None:
        self.links.append((self.place(*start), self.place(*end), count))


def ledger_figure(record: RunLedger, *, colours: Sequence[str]) -> go.Figure:
    """Draw origins of labels → parts of the dataset version → run → scored sources."""
    streams, version = _Streams(), record.versions[0].dataset
    of_version, of_run = (version.name, VERSION), (f"run {record.run.name}", RUN)
    for kind, labels in record.labels.items():
        streams.add((ORIGINS.get(kind, kind), kind), of_version, sum(labels.values()))
    used = sum(sum(version.counts.get(part, {}).values()) for part in ("train", "validation"))
    held = sum(version.counts.get("test", {}).values())
    streams.add(of_version, of_run, used)
    if held:
        streams.add(of_version, ("test part, never learned", HELD), held)
    for source, count in record.scored.items():
        streams.add(of_run, (f"scores of {source}", SCORES), count)
    starts, ends, counts = zip(*streams.links, strict=True)
    places = [ROLES.index(role) if role in ROLES else len(ROLES) for role in streams.roles]
    shades = [colours[place % len(colours)] for place in places]
    return go.Figure(
        go.Sankey(
            node={
                "label": [*map(_in_lines, streams.names, streams.roles)],
                "color": shades,
                "pad": 18,
                "thickness": 14,
                "line": {"width": 0},
            },
            link={
                "source": starts,
                "target": ends,
                "value": counts,
                "color": "rgba(140,150,160,0.35)",
                "hovertemplate": "%{value:,} cutouts<extra></extra>",
            },
        )
    )


def _in_lines(name: str, role: str) -> str:
    """Return the label of a stream: of a run and of scores in two lines, so that they pass each other."""
    words = {VERSION: "", RUN: "run ", SCORES: "scores of "}.get(role)
    if words is None:
        return name
    own = shortened(name.removeprefix(words), most=MOST).replace("<", "&lt;")
    return f"{words.strip()}<br>{own}" if words else own
