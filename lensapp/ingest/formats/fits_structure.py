"""Check the arithmetic of FITS headers against the file, before a lenient reader believes them.

A negative axis makes lenient readers go round for ever, a second NAXIS1 makes them take one of two shapes
without a word. Files that the strict reader takes have been checked by it.

References
----------
FITS standard 4.0, sections 3.3, 4.4.1 and 7.3 (sizes of HDUs, mandatory keywords, binary tables).
"""

import math
import re
from dataclasses import dataclass
from mmap import mmap

from lensapp.ingest.gate.limits import limits, refuse_wide
from lensapp.ingest.refusals import Refused

Buffer = bytes | bytearray | mmap

BLOCK, CARD = 2880, 80
MAX_CARDS = 150_000  # of one header: 12 MB
BITPIX = frozenset({8, 16, 32, 64, -32, -64})
# Two different values of these leave open what the data are.
STRUCTURAL = re.compile(
    rb"(?:SIMPLE|XTENSION|Z?BITPIX|Z?NAXIS\d*|PCOUNT|GCOUNT|GROUPS|TFIELDS|THEAP|TFORM\d+|TDIM\d+|TSCAL\d+|TZERO\d+|"
    rb"TNULL\d+|TBCOL\d+|ZIMAGE|ZTILE\d+|ZCMPTYPE|BSCALE|BZERO|BLANK)"
)
VALUE = re.compile(rb"\s*('(?:[^']|'')*'|[^/\s]*)")
WHOLE = re.compile(rb"[+-]?\d{1,18}")


@dataclass(frozen=True)
class Structure:
    """The structural cards of one header by keyword, as written, and where its data begin."""

    cards: dict[bytes, bytes]
    offset: int

    def whole(self, keyword: str, default: int | None = None) -> int:
        """Return a whole number, which must not be negative but for BITPIX."""
        text = self.cards.get(keyword.encode("ascii"))
        if text is None and default is not None:
            return default
        if text is None or not WHOLE.fullmatch(text):
            what = "is absent" if text is None else f"is {text.decode('ascii', 'replace')}"
            raise Refused(
                "unreadable", f"its header is damaged: {keyword} {what}, where a whole number is due"
            )
        number = int(text)
        if number < 0 and keyword != "BITPIX":
            raise Refused("unreadable", f"its header is damaged: {keyword} is {number}")
        return number

    def data_bytes(self) -> int:
        """Return how many bytes of data the header claims, without the fill."""
        if self.whole("BITPIX") not in BITPIX:
            raise Refused("unreadable", f"its header is damaged: BITPIX is {self.whole('BITPIX')}")
        axes = self.whole("NAXIS")
        if axes > 999:
            raise Refused("unreadable", f"its header is damaged: NAXIS is {axes}")
        sizes = [self.whole(f"NAXIS{axis + 1}") for axis in range(axes)]
        for keyword, text in self.cards.items():
            number = keyword.removeprefix(b"NAXIS")
            beyond = number != keyword and number.isdigit() and int(number) > axes
            if beyond and text not in (b"1", b"0"):
                raise Refused(
                    "unreadable",
                    f"its header contradicts itself: NAXIS is {axes}, and yet {keyword.decode()} is "
                    f"{text.decode('ascii', 'replace')}",
                )
        if self.cards.get(b"GROUPS") == b"T" and sizes and sizes[0] == 0:
            sizes = sizes[1:]
        values = math.prod(sizes) if axes else 0
        return abs(self.whole("BITPIX")) // 8 * self.whole("GCOUNT", 1) * (self.whole("PCOUNT", 0) + values)

    def check_table(self) -> None:
        """Refuse tables of more columns or cells than a catalogue has; rows may take no bytes at all."""
        if b"TFIELDS" in self.cards:
            refuse_wide(self.whole("TFIELDS"), self.whole("NAXIS2", 0))


def check_structure(data: Buffer) -> None:
    """Refuse a FITS file whose headers contradict themselves, each other or the size of the file.

    Whatever follows the last HDU is left to the reader.
    """
    start, count = 0, 0
    while start < len(data) and (start == 0 or data[start : start + 8] == b"XTENSION"):
        if count == limits().hdus:
            raise Refused("too_large", f"it holds more than {count} HDUs")
        structure = _structure(data, start)
        claimed, present = structure.data_bytes(), len(data) - structure.offset
        if claimed > present:
            raise Refused(
                "unreadable",
                f"it is truncated: HDU {count} claims {claimed} bytes of data, {max(present, 0)} are there",
            )
        structure.check_table()
        start, count = structure.offset + -(-claimed // BLOCK) * BLOCK, count + 1


def _structure(data: Buffer, start: int) -> Structure:
    cards: dict[bytes, bytes] = {}
    for number in range(MAX_CARDS):
        card = data[start + number * CARD : start + (number + 1) * CARD]
        if len(card) < CARD:
            break
        if card[:8].rstrip() == b"END":
            return Structure(cards, start + -(-(number + 1) * CARD // BLOCK) * BLOCK)
        keyword = bytes(card[:8]).strip().upper()
        if card[8:9] == b"=" and STRUCTURAL.fullmatch(keyword):
            match = VALUE.match(bytes(card[9:]))
            value = match[1].rstrip() if match else b""
            if cards.setdefault(keyword, value) != value:
                first, second = cards[keyword].decode("ascii", "replace"), value.decode("ascii", "replace")
                raise Refused(
                    "unreadable",
                    f"its header contradicts itself: {keyword.decode('ascii')} is {first} and {second}. Have "
                    "the file written anew",
                )
    raise Refused("unreadable", "not a readable FITS file: a header has no END")
