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
