"""Names of inspectors: what may be one, and when two spellings are one person's."""

import unicodedata

from lensapp.core.errors import InvalidInput

LONGEST_NAME = 100
LONGEST_KEY = 200


def inspector_key(name: str) -> str:
    """Return what all spellings of an inspector's name share: case, Unicode form and blanks do not count.

    References
    ----------
    Unicode Standard, section 3.13, D146: compatibility caseless matching.
    """
    once = unicodedata.normalize("NFKD", unicodedata.normalize("NFD", name).casefold())
    return " ".join(unicodedata.normalize("NFKD", once.casefold()).split())


def checked_inspector(name: str) -> str:
    """Return an inspector's name without outer blanks, as composed characters.

    Raises
    ------
    InvalidInput
        When it is empty, too long or holds control characters.
    """
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not cleaned or len(cleaned) > LONGEST_NAME or not cleaned.isprintable():
        shown = repr(name) if len(name) <= LONGEST_NAME else f"{name[:40]!r}… of {len(name)} characters"
        raise InvalidInput(
            f"{shown} cannot be an inspector's name: it needs 1 to {LONGEST_NAME} printable characters. "
            "Type the name that should sign your votes."
        )
    if len(inspector_key(cleaned)) > LONGEST_KEY:
        raise InvalidInput(f"{cleaned!r} is written in signs that stand for whole words. Type a plain name.")
    return cleaned
