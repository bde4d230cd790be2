"""What sources, versions, runs, reviews and studies may be called: what is a name in a path and a command."""

import re

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
RULE = "letters, digits, '.', '_' and '-', 100 at most, and begin with a letter or digit"


def is_possible_name(name: str) -> bool:
    """Return whether something can have a name, unless another has it."""
    return re.match(NAME_PATTERN, name) is not None


def impossible_name(name: str) -> str:
    """Return that nothing can have a name, and what names can be made of."""
    return f"{name!r} is not a possible name. Use {RULE}."
