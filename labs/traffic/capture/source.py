"""A stream of bytes that knows where it is, and does not give less than it was asked for. Pure."""

import gzip
import zlib
from typing import BinaryIO

from labs.traffic.capture.model import Broken

MOST = 1 << 24  # bytes of one block: a greater number is damage, and memory is not to be had by it


class Source:
    """The bytes of a capture. `at` is how many were read, `begun` where the block began that is being read."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        self.at = self.begun = 0
        self._stream = stream

    def first(self, size: int) -> bytes:
        """What the stream begins with: fewer bytes where there are no more."""
        return self._read(size)

    def begin(self, size: int) -> bytes:
        """The first bytes of a block; none at the end of the stream, Broken where it ends within them."""
        self.begun = self.at
        head = self._read(size)
        if head:
            self._whole(head, size)
        return head

    def take(self, size: int) -> bytes:
        """The next bytes of a block; Broken where there are fewer."""
        if size > MOST:
            raise Broken(f"{size} bytes are to follow, which no capture has in one piece")
        found = self._read(size)
        self._whole(found, size)
        return found

    def _whole(self, found: bytes, size: int) -> None:
        if len(found) < size:
            raise Broken(f"the file ends at byte {self.at}, where {size - len(found)} more were to come")

    def _read(self, size: int) -> bytes:
        try:
            found = self._stream.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Broken(f"its compressed data is cut or wrong: {error}") from error
        self.at += len(found)
        return found
