"""Decode files of the Unix program compress (.Z), for which Python has no decoder.

References
----------
T. A. Welch 1984, "A technique for high-performance data compression", Computer 17(6), 8.
"""

from collections.abc import Iterator

MAGIC = b"\x1f\x9d"
CLEAR = 256
NARROWEST = 9


def decompress_lzw(data: bytes, *, limit: int) -> bytes:
    """Return the content of the .Z file `data`.

    Parameters
    ----------
    limit
        Largest number of bytes to make.

    Raises
    ------
    ValueError
        When the data are damaged or would exceed `limit`.
    """
    if len(data) < 4 or data[:2] != MAGIC or not NARROWEST <= data[2] & 0x1F <= 16:
        raise ValueError("not a .Z file")
    widest, clears = data[2] & 0x1F, bool(data[2] & 0x80)
    table = [bytes((code,)) for code in range(256)] + ([b""] if clears else [])
    first, output, previous, size = len(table), [], b"", 0
    for code in _codes(data[3:], table, widest=widest, clears=clears):
        if clears and code == CLEAR:
            del table[first:]
            previous = b""
            continue
        if code > len(table) or (code == len(table) and not previous):
            raise ValueError("a .Z code before its definition")
        entry = table[code] if code < len(table) else previous + previous[:1]
        if previous and len(table) < 1 << widest:
            table.append(previous + entry[:1])
        output.append(entry)
        previous = entry
        size += len(entry)
        if size > limit:
            raise ValueError(f"more than {limit} bytes")
    return b"".join(output)


def _codes(data: bytes, table: list[bytes], *, widest: int, clears: bool) -> Iterator[int]:
    """Yield codes; they come in groups of eight, and a change of width skips the rest of a group."""
    start, width = 0, NARROWEST
    while start < len(data):
        group = int.from_bytes(data[start : start + width], "little")
        count = min(8, (len(data) - start) * 8 // width)
        start += width
        for step in range(count):
            code = (group >> (step * width)) & ((1 << width) - 1)
            yield code
            if clears and code == CLEAR:
                width = NARROWEST
                break
            if len(table) >= 1 << width and width < widest:
                width += 1
                break
