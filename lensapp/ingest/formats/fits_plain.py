"""Read plain FITS images: uncompressed HDUs whose headers keep to the letter of the standard.

Anything else raises NotPlain and is left to astropy. Everything is checked before a pixel is touched,
so a damaged header cannot make a wrong image here. Reading costs a third of cfitsio's time, because
each file is opened once and only the cards in demand are parsed.

References
----------
FITS standard 4.0, sections 3.3, 4.1 and 4.4.1 (mandatory keywords, their order and format).
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from mmap import mmap

import numpy as np
from numpy.typing import NDArray

Buffer = bytes | bytearray | mmap
Value = str | int | float | bool | None

BLOCK = 2880
CARD = 80
HIERARCH = "HIERARCH"
BLANKS = b" " * BLOCK
PRINTABLE = bytes(range(32, 127))
MAX_BLOCKS = 4096  # of one header: 11 MB
MAX_PIXELS = 2**33
SCALING = frozenset({"BSCALE", "BZERO"})
ONCE = (b"BITPIX", b"BSCALE", b"BZERO", b"BLANK")
NOT_IN_PRIMARY = frozenset({"GROUPS", "PCOUNT", "GCOUNT"})
MANDATORY = 10  # cards, of which the first nine at most give the dimensions
DTYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
INTEGER = re.compile(rb"[ ]*([+-]?\d{1,18}) *(?:/[ -~]*)?$")
NUMBER = re.compile(rb" *([+-]?(?:\d+(\.?)\d*|(\.)\d+)([EeDd][+-]?\d+)?) *(?:/[ -~]*)?$")
LOGICAL = re.compile(rb" *([TF]) *(?:/[ -~]*)?$")
COMMENT = re.compile(rb"[^'/]*(?:'(?:[^']|'')*'[^'/]*)?/ *(.*?) *$")
STRING = re.compile(rb" *'((?:[^']|'')*)' *(?:/[ -~]*)?$")


class NotPlain(ValueError):
    """The file needs a more lenient reader."""


class Cards:
    """The keywords of one header; a value is parsed when it is asked for."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        # Where the card of each begins; backwards, so that the first of two equal ones counts.
        self._offsets = {text[start : start + 8]: start for start in range(len(text) - CARD, -CARD, -CARD)}

    @property
    def count(self) -> int:
        """How many different keywords there are."""
        return len(self._offsets)

    def __contains__(self, keyword: str) -> bool:
        return _padded_keyword(keyword) in self._offsets

    def get(self, keyword: str) -> Value:
        """Return the value of `keyword`; None when it is absent, empty or not to the standard."""
        start = self._offsets.get(_padded_keyword(keyword))
        if start is not None:
            return parse_value(self.text[start + 8 : start + CARD])
        if not keyword.startswith(HIERARCH) or HIERARCH not in self:
            return None
        # A keyword of more than eight letters, by the convention HIERARCH.
        name = keyword.encode("ascii", "replace") + b" "
        start = self.text.find(name)
        while start % CARD and start >= 0:
            start = self.text.find(name, start + 1)
        if start < 0:
            return None
        return parse_value(self.text[start + len(name) : start + CARD].lstrip().ljust(CARD))

    def comment(self, keyword: str) -> str:
        """Return what is written behind the value of `keyword`, or an empty text."""
        start = self._offsets.get(_padded_keyword(keyword))
        if start is None or not (match := COMMENT.match(self.text[start + 10 : start + CARD])):
            return ""
        return match[1].decode("ascii", "replace")

    def has_any(self, keywords: frozenset[str]) -> bool:
        """Return whether one of `keywords` is there."""
        return not self._offsets.keys().isdisjoint(_padded_keywords(keywords))

    def number(self, keyword: str, default: float) -> float:
        """Return a number, `default` when absent, or raise NotPlain when it is something else."""
        if keyword not in self:
            return default
        value = self.get(keyword)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NotPlain(keyword)
        return value


@lru_cache(maxsize=1024)
def _padded_keyword(keyword: str) -> bytes:
    return keyword.encode("ascii", "replace").ljust(8)


@lru_cache(maxsize=64)
def _padded_keywords(keywords: frozenset[str]) -> frozenset[bytes]:
    return frozenset(map(_padded_keyword, keywords))


@lru_cache(maxsize=8192)  # most cards are the same in all files of a survey
def parse_value(field: bytes) -> Value:
    """Return the value in columns 9 to 80 of a card, or None."""
    if field[:2] != b"= ":
        return None
    text = field[2:]
    if b"'" not in text:
        return _parse_number(text)
    if match := STRING.match(text):
        return match[1].decode("ascii", "replace").replace("''", "'").rstrip()
    return _parse_number(text)


def _parse_number(text: bytes) -> Value:
    if match := NUMBER.match(text):
        number = match[1]
        if not (match[2] or match[3] or match[4]):
            return int(number)
        return float(number.replace(b"D", b"E").replace(b"d", b"E") if match[4] else number)
    if match := LOGICAL.match(text):
        return match[1] == b"T"
    return None


@dataclass(slots=True)
class PlainHdu:
    """One HDU of a plain file: its keywords, NumPy shape and where its pixels begin."""

    cards: Cards
    bitpix: int
    shape: tuple[int, ...]
    offset: int

    @property
    def stop(self) -> int:
        """Where its data end, padded to whole blocks."""
        return self.offset - (-_data_bytes(self.bitpix, self.shape) // BLOCK) * BLOCK

    def pixels(self, data: Buffer, row: int | None = None) -> NDArray[np.float32]:
        """Return the scaled pixels as float32, all or those of one `row` of the first axis."""
        shape = self.shape if row is None else self.shape[1:]
        skipped = (row or 0) * _data_bytes(self.bitpix, shape)
        raw = np.frombuffer(data, DTYPES[self.bitpix], math.prod(shape), self.offset + skipped).reshape(shape)
        if self.bitpix == -32 and not self.cards.has_any(SCALING):
            return raw.astype(np.float32)
        scale, zero = self.cards.number("BSCALE", 1.0), self.cards.number("BZERO", 0.0)
        with np.errstate(all="ignore"):
            if scale == 1.0 and zero == 0.0:
                pixels = raw.astype(np.float32)
            else:
                pixels = (raw.astype(np.float64) * scale + zero).astype(np.float32)
        if self.bitpix > 0 and "BLANK" in self.cards:
            pixels[raw == self.cards.number("BLANK", 0)] = np.nan
        return pixels


def parse_plain(data: Buffer) -> list[PlainHdu]:
    """Return every HDU of the file `data`, or raise NotPlain."""
    hdus: list[PlainHdu] = []
    start = 0
    while start < len(data):
        text, offset = _header(data, start)
        # The cards of the dimensions are the same in all files of a survey, to the byte.
        kind = "extension" if hdus else "primary"
        bitpix, shape, last = _dimensions(text[: MANDATORY * CARD], kind)
        cards = Cards(text)
        if "END" in cards:
            raise NotPlain("cards after END")
        if not hdus and cards.has_any(NOT_IN_PRIMARY):
            raise NotPlain("random groups, or what looks like them")
        if hdus:
            _require(text, last, b"PCOUNT  ", 0)
            _require(text, last + 1, b"GCOUNT  ", 1)
        # Headers that give dimensions or scaling twice are left to the reader that says so.
        place = text.find(b"NAXIS", last * CARD)
        while place >= 0:
            if place % CARD == 0:
                raise NotPlain("more dimensions than NAXIS")
            place = text.find(b"NAXIS", place + 1)
        # Of equal keywords the first counts, so that there are fewer than cards.
        if cards.count < len(text) // CARD and any(text.count(keyword) > 1 for keyword in ONCE):
            raise NotPlain("a type or scaling that may be given twice")
        if math.prod(shape) > MAX_PIXELS:
            raise NotPlain("too large")
        hdus.append(PlainHdu(cards, bitpix, shape, offset))
        start = hdus[-1].stop
    if start != len(data) or not hdus:
        raise NotPlain("its length is not what its headers say")
    return hdus


def _header(data: Buffer, start: int) -> tuple[bytes, int]:
    """Return the cards before END, and where the data begin."""
    stop = start
    for _ in range(MAX_BLOCKS):
        block = data[stop : stop + BLOCK]
        if len(block) < BLOCK:
            break
        end = block.rfind(b"END")
        if end >= 0 and end % CARD == 0 and block[end + 3 :] == BLANKS[: BLOCK - 3 - end]:
            text = bytes(data[start : stop + end])
            if text.translate(None, PRINTABLE):
                raise NotPlain("characters that cannot be printed")
            return text, stop + BLOCK
        stop += BLOCK
    raise NotPlain("no END")


@lru_cache(maxsize=256)
def _dimensions(text: bytes, kind: str) -> tuple[int, tuple[int, ...], int]:
    """Return BITPIX, the NumPy shape and the number of the card after NAXISn."""
    if kind == "primary":
        if text[:30] != b"SIMPLE  =                    T":
            raise NotPlain("SIMPLE")
    elif text[:20] != b"XTENSION= 'IMAGE   '":
        raise NotPlain("XTENSION")
    bitpix = _integer(text, 1, b"BITPIX  ")
    axes = _integer(text, 2, b"NAXIS   ")
    if bitpix not in DTYPES or not 0 <= axes <= 5:
        raise NotPlain("BITPIX or NAXIS")
    sizes = [_integer(text, 3 + axis, f"NAXIS{axis + 1}".encode().ljust(8)) for axis in range(axes)]
    if any(size < 0 for size in sizes):
        raise NotPlain("NAXISn")
    return bitpix, drop_degenerate(tuple(reversed(sizes))) if sizes else (0,), 3 + axes


def drop_degenerate(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a NumPy shape without axes of one entry before its last two, such as Stokes and frequency."""
    return (*(side for side in shape[:-2] if side != 1), *shape[-2:])


def _integer(text: bytes, number: int, keyword: bytes) -> int:
    """Return the integer on card `number`, which must be `keyword` in fixed format."""
    card = text[number * CARD : (number + 1) * CARD]
    match = INTEGER.match(card[10:])
    if card[:10] != keyword + b"= " or match is None or match.end(1) != 20:
        raise NotPlain(keyword.decode("ascii"))
    return int(match[1])


def _require(text: bytes, number: int, keyword: bytes, value: int) -> None:
    if _integer(text, number, keyword) != value:
        raise NotPlain(keyword.decode("ascii"))


def _data_bytes(bitpix: int, shape: tuple[int, ...]) -> int:
    return abs(bitpix) // 8 * math.prod(shape)
