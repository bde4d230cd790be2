"""The figures that a page of AppTest shows."""

import json
from typing import Any


def figures_of(page: Any) -> list[dict[str, Any]]:
    """Return the figures of a page, or of a part of it, as Plotly is given them: data and layout."""
    components = [one.proto for one in page.get("bidi_component")]
    drawn = [json.loads(proto.json) for proto in components if proto.component_name == "lensapp_figure"]
    return [json.loads(one["figure"]) for one in drawn]
