"""Work in a child process beside one's own: one interpreter has one lock, and a machine several processors."""

import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from topologies.errors import ClosError, Fault
from topologies.runtime import syscalls

T = TypeVar("T")


@contextmanager
def aside(what: str, work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Have `work` done in a child; the function that this gives waits for it and returns, or raises, what it did.

    Call it while the process has one thread. What the work opens stays in the child, which ends with this block and
    with this process; results come back pickled. Raises Fault where the child ended without a word.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _work(work, writer)
    os.close(writer)
    result = os.fdopen(reader, "rb")
    try:
        yield lambda: _heard(what, result.read())
    finally:
        result.close()
        os.kill(pid, signal.SIGKILL)  # ours until it is waited for, so the number is nobody else's
        os.waitpid(pid, 0)


def _work(work: Callable[[], T], writer: int) -> None:
    """Be the child: send what the work returned or raised, and end."""
    try:
        syscalls.die_with_parent(signal.SIGKILL)
        outcome: tuple[bool, object]
        try:
            outcome = (True, work())
        except (ClosError, OSError) as error:
            outcome = (False, error)
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(outcome, pipe, pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)  # nothing may unwind into the caller's copy; who gets no whole answer says so


def _heard(what: str, data: bytes) -> Any:
    try:
        fine, outcome = pickle.loads(data)
    except (EOFError, pickle.UnpicklingError) as error:
        raise Fault(f"{what}: the process that was at it ended without a word") from error
    if fine:
        return outcome
    raise outcome
