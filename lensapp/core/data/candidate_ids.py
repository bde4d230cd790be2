"""What a candidate's ID, and text beside it, may hold: one check for files and votes and every database."""

LONGEST_ID = 300
LONGEST_CLASS = 100


def flaw_of_id(candidate_id: str | None) -> str | None:
    """Return what keeps a text from being an ID, as the end of a sentence, or None where nothing does."""
    if not candidate_id or not candidate_id.strip():
        return "the ID is empty"
    if len(candidate_id) > LONGEST_ID:
        return f"the ID {candidate_id[:40]!r}… has {len(candidate_id)} characters; {LONGEST_ID} are the most"
    if storable(candidate_id) != candidate_id:
        return f"the ID {candidate_id[:60]!r} holds characters that no database keeps"
    return None


def storable(text: str) -> str:
    """Return a text as every database keeps it: NUL and halves of characters become the replacement mark."""
    if "\0" not in text and text.isascii():
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


NAMES_BETWEEN = " | "  # in lists made of lists
NO_NAMES = ("", "-", "--", "nan", "none", "null", "n/a")


def clean_name(cell: object) -> str:
    """Return the names that a cell of a merged list ("J1 | nan | - | J1") holds: each once, none empty.

    One that another ends with (J1251-0208 beside SDSSJ1251-0208) is the same name.
    """
    names: dict[str, str] = {}
    for part in str(cell or "").split(NAMES_BETWEEN):
        key = "".join(part.split()).casefold()
        if key not in NO_NAMES:
            names.setdefault(key, part.strip())
    shorter = {
        key for key in names if key[0] == "j" and any(one != key and one.endswith(key) for one in names)
    }
    return NAMES_BETWEEN.join(name for key, name in names.items() if key not in shorter)
