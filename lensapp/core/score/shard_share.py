"""Which shards of a source one of several processes scores."""

import re
from dataclasses import dataclass

from lensapp.core.errors import InvalidInput


@dataclass(frozen=True)
class ShardShare:
    """The i-th of n shares, counted from 1 as the tasks of a Slurm array may be."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "ShardShare":
        """Read `i/n`.

        Raises
        ------
        InvalidInput
            When it is none.
        """
        matched = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        share = cls(*map(int, matched.groups())) if matched else None
        if share is None or not 1 <= share.number <= share.of:
            raise InvalidInput(
                f"{text!r} is no share of the shards. Give --shard as i/n with i from 1 to n, such as 3/20."
            )
        return share
