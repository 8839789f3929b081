"""A file of which each block is compared with its checksum when it is first looked at.

So little of a large file is read where little of it is asked for, and what is damaged is
noticed before anything follows from it.
"""

from __future__ import annotations

import zlib
from array import array
from mmap import ACCESS_READ, mmap
from typing import BinaryIO

_BITS = 13
_SIZE = 1 << _BITS


class Damaged(BaseException):
    """What was read is not what was written.

    Not to be taken for a failure of whatever asked: nothing found so far can be relied on.
    """


class Blocks:
    """The last ``size`` bytes of a file, with the checksums of their blocks.

    Raises ``Damaged`` where there are fewer.
    """

    __slots__ = ("_seen", "_sums", "_view")

    def __init__(self, file: BinaryIO, size: int, sums: bytes) -> None:
        try:
            whole = memoryview(mmap(file.fileno(), 0, access=ACCESS_READ))
        except (OSError, ValueError) as error:
            raise Damaged from error
        if len(whole) < size:
            raise Damaged
        self._view = whole[len(whole) - size :]
        self._sums = array("I", sums)
        self._seen = bytearray(len(self._sums))

    def piece(self, start: int, end: int) -> memoryview:
        """Return the bytes from ``start`` to ``end``; raises ``Damaged``."""
        view, seen = self._view, self._seen
        for block in range(start >> _BITS, (end + _SIZE - 1) >> _BITS):
            if not seen[block]:
                at = block << _BITS
                if zlib.crc32(view[at : at + _SIZE]) != self._sums[block]:
                    raise Damaged
                seen[block] = 1
        return view[start:end]


def sums_of(data: bytes) -> bytes:
    """Return the checksums of all blocks."""
    view = memoryview(data)
    starts = range(0, len(data), _SIZE)
    return array("I", (zlib.crc32(view[at : at + _SIZE]) for at in starts)).tobytes()
