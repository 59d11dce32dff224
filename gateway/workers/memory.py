"""Tenants' accounts in memory that all workers have, so that limits hold for all of them together and to the unit.

The rows are in an anonymous file (memfd), mapped a block at a time, so that it can grow while pages are in use. A row
has a lock, which the kernel gives back when its holder dies (fcntl). One who has it needs microseconds; where it is not
given within PATIENCE its holder has been stopped in the midst of that, and is passed over for a while: a count that is
off by one is better than a gateway that stands still.
"""

import fcntl
import mmap
import os
import time
from collections.abc import Mapping, MutableSequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import cast

from gateway.core.page import COLUMNS, WIDTH, Page, size

ROWS = 512
"""Rows of a block. Any number of them that is divisible by this is a whole number of the machine's pages."""
NUMBER = 8  # bytes
PATIENCE, PASSED_OVER = 0.02, 1.0  # seconds


class Memory:
    """The accounts, for `columns` workers. The process that has no file descriptor of it makes it."""

    def __init__(self, columns: int, fd: int | None = None) -> None:
        self.columns = columns
        self.fd = os.memfd_create("gateway-accounts") if fd is None else fd
        self._blocks: list[memoryview[float]] = []

    def cells(self, row: int) -> MutableSequence[float]:
        """The numbers of a row, which must be there."""
        width = size(self.columns)
        block, at = divmod(row, ROWS)
        while len(self._blocks) <= block:
            length = ROWS * width * NUMBER
            mapped = mmap.mmap(self.fd, length, offset=len(self._blocks) * length)
            self._blocks.append(memoryview(mapped).cast("d"))
        return cast(MutableSequence[float], self._blocks[block][at * width : (at + 1) * width])

    def grow(self, rows: int) -> None:
        """Have so many rows at least; new ones are of noughts."""
        length = -(-rows // ROWS) * ROWS * size(self.columns) * NUMBER
        if length > os.fstat(self.fd).st_size:
            os.ftruncate(self.fd, length)

    def lock(self, row: int) -> "Lock":
        """A lock of a row."""
        return Lock(self.fd, row)

    def strike(self, rows: int, column: int) -> None:
        """Nothing of all that a worker held is held any more, for it is gone."""
        place = COLUMNS + WIDTH * column
        for row in range(rows):
            cells = self.cells(row)
            cells[place] = cells[place + 1] = 0.0


class Lock(AbstractContextManager[None]):
    """Of one row, among processes; within one of them there is one thread that takes it."""

    def __init__(self, fd: int, row: int) -> None:
        self._fd, self._row = fd, row
        self._tired = 0.0

    def __enter__(self) -> None:
        end = 0.0
        while True:
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._row)
                return
            except BlockingIOError:
                now = time.monotonic()
            end = end or now + PATIENCE
            if now > end:
                self._tired = now + PASSED_OVER
            if now < self._tired:
                return
            os.sched_yield()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, self._row)


class SharedPages:
    """Each tenant's page as one worker has it; which row is whose is told by whoever made the memory."""

    def __init__(self, memory: Memory, column: int) -> None:
        self._memory, self._column = memory, column
        self.rows: Mapping[str, int] = {}

    def __call__(self, tenant: str) -> Page:
        """The page of a tenant that has a row."""
        row = self.rows[tenant]
        return Page(self._memory.cells(row), self._memory.lock(row), self._column)
