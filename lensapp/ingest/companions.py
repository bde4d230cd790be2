"""Tell images from the weights, masks, noise maps and PSFs that lie beside them as files of their own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lensapp.ingest.formats.file_types import stem_of
from lensapp.ingest.formats.plane_kinds import FLUX_WORDS, KINDS, UNMISTAKABLE, kind_words, words_of

Key = tuple[str, ...]
NAMES_LISTED = 3
NAMES_AT_ONCE = 10_000


@dataclass(frozen=True)
class Companions:
    """Files that are no images of flux, by kind, and to which images they belong.

    Attributes
    ----------
    kinds
        File → kind of plane.
    by_key
        What names of an image and its companions have in common → the companions.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    by_key: Mapping[Key, list[str]] = field(default_factory=dict)

    def of_files(self, files: Sequence[str]) -> dict[str, list[str]]:
        """Return the companions of the files of one candidate, by kind."""
        found: dict[str, list[str]] = {}
        if self.kinds:
            for file in files:
                for companion in self.by_key.get(name_key(_words(file)), ()):
                    found.setdefault(self.kinds[companion], []).append(companion)
        return found

    def warning(self) -> str:
        """Return a sentence that counts them, or an empty text."""
        if not self.kinds:
            return ""
        counts = ", ".join(f"{count} {kind}" for kind, count in Counter(self.kinds.values()).most_common())
        names = ", ".join(list(self.kinds)[:NAMES_LISTED]) + (", …" if len(self.kinds) > NAMES_LISTED else "")
        what = "1 file is" if len(self.kinds) == 1 else f"{len(self.kinds)} files are"
        return f"{what} no image of flux by name ({counts}) and left out: {names}."


def find_companions(names: Sequence[str], *, bands: Sequence[str] = ()) -> Companions:
    """Find the files that are no images of flux among relative paths.

    A word such as `wht` or `psf` tells by itself; one that may be the name of an object too, such as `model`
    or `exp`, only beside an image of the same name without it. Where no image would be left, all are kept;
    words that the user gives as `bands` are no companions.
    """
    asked = {word for band in bands for word in words_of(band)}
    # Few folders hold any: many names at once are looked through faster than each.
    present: set[str] = set()
    for start in range(0, len(names), NAMES_AT_ONCE):
        present.update(words_of("\n".join(names[start : start + NAMES_AT_ONCE])))
    present |= {word.rstrip("0123456789") for word in present}
    if KINDS.keys().isdisjoint(present):
        return Companions()
    of_flux: set[Key] = set()
    suspects: list[tuple[str, Key, str]] = []
    for name in names:
        words = _words(name)
        kinds = [word for word in kind_words(words) if word not in asked]
        if kinds:
            suspects.append(
                (name, name_key(words), next(filter(UNMISTAKABLE.__contains__, kinds), kinds[-1]))
            )
        else:
            of_flux.add(name_key(words))
    kinds_of: dict[str, str] = {}
    by_key: dict[Key, list[str]] = {}
    for name, key, word in suspects:
        if key in of_flux or (of_flux and word in UNMISTAKABLE):
            kinds_of[name] = KINDS[word]
            by_key.setdefault(key, []).append(name)
    return Companions(kinds_of, by_key)


def _words(name: str) -> list[str]:
    folder, _, file = name.rpartition("/")
    return words_of(folder) + words_of(stem_of(file))


def name_key(words: Sequence[str]) -> Key:
    """Return what is left of a name without the words that tell flux from other planes."""
    kinds = set(kind_words(words))
    return tuple(
        word
        for word in words
        if word not in FLUX_WORDS and word not in kinds and word.rstrip("0123456789") not in kinds
    )
