"""A server of models that does as it is told, in memory: for tests of whatever asks one."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gateway.upstream.model import Call, Failed, Headers

JSON: Headers = ((b"content-type", b"application/json"),)
STREAM: Headers = ((b"content-type", b"text/event-stream"),)


@dataclass(eq=False)
class FakeAnswer:
    """An answer in pieces. A Failed among them is raised; an Event is waited for."""

    pieces: Iterable[bytes | Failed | asyncio.Event] = ()
    status: int = 200
    headers: Headers = JSON
    seconds: float = 0.01
    closed: bool = False
    _left: deque[bytes | Failed | asyncio.Event] = field(init=False)

    def __post_init__(self) -> None:
        self._left = deque(self.pieces)

    async def read(self) -> bytes:
        """The next piece; empty at the end."""
        while self._left:
            piece = self._left.popleft()
            if isinstance(piece, Failed):
                raise piece
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                return piece
        return b""

    def close(self) -> None:
        """No more of it is wanted."""
        self.closed = True


@dataclass(eq=False)
class FakeUpstream:
    """A server that answers each call as `does` says, which may wait; what it was asked is in `calls`, what it answered
    in `answers`, and how many calls are open that have no answer yet in `open`."""

    does: "Callable[[Call], FakeAnswer | Failed | asyncio.Event]"
    calls: list[Call] = field(default_factory=list)
    answers: list[FakeAnswer] = field(default_factory=list)
    open: int = 0
    closed: bool = False

    async def ask(self, call: Call) -> FakeAnswer:
        """Answer, fail, or wait for an event and be asked again what to do."""
        self.calls.append(call)
        self.open += 1
        try:
            while isinstance(told := self.does(call), asyncio.Event):
                await told.wait()
        finally:
            self.open -= 1
        if isinstance(told, Failed):
            raise told
        self.answers.append(told)
        return told

    async def close(self) -> None:
        """Nothing is asked any more."""
        self.closed = True
