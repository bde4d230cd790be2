"""Nouns in singular and plural, as counts ask for them."""


def noun(count: int, word: str) -> str:
    """Return `word`, given in the singular, as it stands after a count: "vote", "votes", "non-lenses"."""
    if count == 1:
        return word
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "tch", "sh")) else f"{word}s"


def counted(count: int, word: str) -> str:
    """Return a count with its noun: "1 vote", "12 votes"."""
    return f"{count} {noun(count, word)}"
