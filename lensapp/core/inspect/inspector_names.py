"""Names of inspectors: what may be one, and when two spellings are one person's."""

import unicodedata

from lensapp.core.errors import InvalidInput
from lensapp.core.plurals import first_of

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
        When it is empty, too long or holds characters that are not seen, such as control characters.
    """
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    unseen = sorted({f"U+{ord(sign):04X}" for sign in cleaned if not sign.isprintable()})
    if unseen:
        raise InvalidInput(
            f"{_shown(name)} cannot be an inspector's name: it holds characters that nobody sees "
            f"({first_of(unseen, 3)}). Type it anew."
        )
    if not cleaned or len(cleaned) > LONGEST_NAME:
        raise InvalidInput(
            f"{_shown(name)} cannot be an inspector's name: it needs 1 to {LONGEST_NAME} characters. "
            "Type the name that should sign your votes."
        )
    if len(inspector_key(cleaned)) > LONGEST_KEY:
        raise InvalidInput(f"{cleaned!r} is written in signs that stand for whole words. Type a plain name.")
    return cleaned


def _shown(name: str) -> str:
    return repr(name) if len(name) <= LONGEST_NAME else f"{name[:40]!r}… of {len(name)} characters"
