"""Tables of texts, as reports and model cards hold them."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

NONE = "–"


@dataclass(frozen=True)
class ReportTable:
    """A table of texts with its title and what its numbers are of."""

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def as_table(table: pd.DataFrame, *, title: str, caption: str, digits: int = 4) -> ReportTable:
    """Return a table as text: figures with as many decimals as the page shows, a dash for none."""

    def text(value: Any) -> str:
        if value is None or value != value:  # noqa: PLR0124 - NaN
            return NONE
        return f"{value:.{digits}f}" if isinstance(value, float) else str(value)

    rows = tuple(tuple(map(text, row)) for row in table.astype(object).itertuples(index=False))
    return ReportTable(title, caption, tuple(map(str, table.columns)), rows)
