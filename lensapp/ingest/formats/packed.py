"""Unpack files packed by gzip, bzip2 or compress, as far as the limits allow."""

import bz2
import zlib
from mmap import mmap

from lensapp.ingest.formats.lzw import decompress_lzw
from lensapp.ingest.gate.limits import limits, too_much_unpacked

Buffer = bytes | bytearray | mmap

GZIP, BZIP2, COMPRESS = b"\x1f\x8b", b"BZh", b"\x1f\x9d"
STEP = 2**20
GZIP_WINDOW = zlib.MAX_WBITS | 16


def is_packed(start: bytes) -> bool:
    """Return whether a file that begins with `start` is packed."""
    return start.startswith((GZIP, BZIP2, COMPRESS))


def unpack(data: Buffer) -> Buffer:
    """Return the content of a packed file, or `data` as it is.

    Several streams one after another, as parallel programs write them, are one file; what follows the
    last stream and is none is left.

    Raises
    ------
    Refused
        When it would unpack to more than the limits allow.
    EOFError, ValueError, OSError, zlib.error
        When it is damaged.
    """
    start = bytes(data[:3])
    if not is_packed(start):
        return data
    limit = limits().unpacked_bytes(len(data))
    if start.startswith(COMPRESS):
        return decompress_lzw(bytes(data[:]), limit=limit)
    is_gzip = start.startswith(GZIP)
    magic = GZIP if is_gzip else BZIP2
    output, packed, offset = bytearray(), memoryview(data), 0
    while packed[offset : offset + len(magic)] == magic:
        stream = zlib.decompressobj(GZIP_WINDOW) if is_gzip else bz2.BZ2Decompressor()
        offset = _append_stream(output, packed, offset, stream, limit)
    return output


def _append_stream(
    output: bytearray,
    packed: memoryview,
    offset: int,
    stream: "zlib._Decompress | bz2.BZ2Decompressor",
    limit: int,
) -> int:
    """Append the stream that begins at `offset` to `output`; return where it ends."""
    for start in range(offset, len(packed), STEP):
        piece = bytes(packed[start : start + STEP])
        while True:
            part = stream.decompress(piece, STEP)
            output += part
            if len(output) > limit:
                raise too_much_unpacked(limit)
            if isinstance(stream, bz2.BZ2Decompressor):
                piece, used_up = b"", stream.eof or stream.needs_input
            else:
                piece = stream.unconsumed_tail
                used_up = stream.eof or (not piece and len(part) < STEP)
            if used_up:
                break
        if stream.eof:
            return min(start + STEP, len(packed)) - len(stream.unused_data)
    raise EOFError("the packed data end too early")
