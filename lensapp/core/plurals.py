"""Counts in words: nouns in singular and plural, thin spaces between thousands, the first of many."""

from collections.abc import Callable, Sequence


def noun(count: int, word: str) -> str:
    """Return `word`, given in the singular, as it stands after a count: "vote", "votes", "non-lenses"."""
    if count == 1:
        return word
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "tch", "sh")) else f"{word}s"


def counted(count: int, word: str) -> str:
    """Return a count with its noun: "1 vote", "12 votes", "2 000 votes"."""
    return f"{thin_spaced(count)} {noun(count, word)}"


def first_of(words: Sequence[str], most: int, *, between: str = ", ") -> str:
    """Return the first words of many, and how many others there are: "g, r and 3 more"."""
    more = len(words) - most
    return between.join(words[:most]) + (f" and {thin_spaced(more)} more" if more > 0 else "")


def thin_spaced(count: float) -> str:
    """Return a round number with thin spaces between thousands."""
    return f"{count:,.0f}".replace(",", "\u202f")


def imported_of(accepted: int, rejected: int, *, unread: int = 0, write: Callable[[int], str] = str) -> str:
    """Return how many cutouts an import takes of how many, as every page says it: "7 (5 of 12 rejected)".

    Parameters
    ----------
    unread
        Those that a dry run has not read, so that only their number is known.
    write
        Writes a number.
    """
    read, total = accepted + rejected, accepted + rejected + unread
    if unread and rejected:
        return f"what is accepted of {write(total)} ({write(rejected)} of {write(read)} read are rejected)"
    if unread:
        return f"{write(total)} ({write(read)} read, none rejected)"
    return (
        f"{write(accepted)} ({write(rejected)} of {write(total)} rejected)" if rejected else write(accepted)
    )
