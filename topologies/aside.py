"""Work in a child process beside one's own: one interpreter has one lock, and a machine several processors."""

import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Generic, TypeVar

from topologies.errors import ClosError, Fault
from topologies.runtime import syscalls

T = TypeVar("T")
_READY, _FAILED = b"+", b"-"  # what a child says first: whether its work can begin


class Held(Generic[T]):
    """Work that is made ready in a child, and waits there for `begin`."""

    def __init__(self, what: str, gate: int, answer: BinaryIO) -> None:
        self._what, self._gate, self._answer = what, gate, answer
        self._standing = b""

    def ready(self) -> None:
        """Wait until the work can begin; raises what kept it from that."""
        if self._stands() == _FAILED:
            self.result()

    def begin(self) -> None:
        """Let the work begin. A child that ended is no error here: `result` says so."""
        with suppress(BrokenPipeError):
            os.write(self._gate, b"\0")

    def end(self) -> None:
        """Let work that lasts end; `result` has what came of it."""
        self.begin()

    def result(self) -> T:
        """Wait for the work, and return, or raise, what it did. Raises Fault where the child ended without a word."""
        self._stands()
        outcome: T = _heard(self._what, self._answer.read())
        return outcome

    def _stands(self) -> bytes:
        self._standing = self._standing or self._answer.read(1)
        return self._standing


@contextmanager
def held(what: str, prepare: Callable[[], Callable[[], T]]) -> Iterator[Held[T]]:
    """Have `prepare` done in a child, and once it is let begin, what that returned.

    Call it while the process has one thread. What the work opens stays in the child, which ends with this block and
    with this process; results come back pickled.
    """

    def ready() -> Callable[[Callable[[], bool]], T]:
        work = prepare()
        return lambda _: work()

    with lasting(what, ready) as child:
        yield child


@contextmanager
def lasting(what: str, prepare: Callable[[], Callable[[Callable[[], bool]], T]]) -> Iterator[Held[T]]:
    """As `held`, for work that goes on until it is let end: it is given a function that tells whether that was so."""
    (entry, gate), (reader, writer) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(gate)
        os.close(reader)
        _work(prepare, entry, writer)
    os.close(entry)
    os.close(writer)
    answer = os.fdopen(reader, "rb")
    try:
        yield Held(what, gate, answer)
    finally:
        os.close(gate)
        answer.close()
        os.kill(pid, signal.SIGKILL)  # ours until it is waited for, so the number is nobody else's
        os.waitpid(pid, 0)


@contextmanager
def aside(what: str, work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Have `work` done in a child, as `held` does, from now on; the function that this gives waits for it."""
    with held(what, lambda: work) as child:
        child.begin()
        yield child.result


def _work(prepare: Callable[[], Callable[[Callable[[], bool]], T]], entry: int, writer: int) -> None:
    """Be the child: get ready, wait, send what the work returned or raised, and end."""
    try:
        syscalls.die_with_parent(signal.SIGKILL)
        outcome: tuple[bool, object]
        standing = _FAILED
        try:
            work = prepare()
            standing = _READY
            os.write(writer, standing)
            os.read(entry, 1)
            os.set_blocking(entry, False)
            outcome = (True, work(lambda: _ended(entry)))
        except (ClosError, OSError) as error:
            outcome = (False, error)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(_FAILED if standing == _FAILED else b"")
            pickle.dump(outcome, pipe, pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)  # nothing may unwind into the caller's copy; who gets no whole answer says so


def _ended(entry: int) -> bool:
    try:
        os.read(entry, 1)
    except BlockingIOError:
        return False
    return True


def _heard(what: str, data: bytes) -> Any:
    try:
        fine, outcome = pickle.loads(data)
    except (EOFError, pickle.UnpicklingError) as error:
        raise Fault(f"{what}: the process that was at it ended without a word") from error
    if fine:
        return outcome
    raise outcome
