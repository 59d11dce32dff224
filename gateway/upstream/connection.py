"""One connection to a server of models: one call at a time, and its answer.

An answer's body has begun when its first byte has come, or its end. From then on the answer lives on its own: when its
last byte has come the connection is free for another call, whether anybody has read it or not. Reading stops while more
has come than its reader takes. A timer runs as long as the connection does; what it is for changes, and it is only
looked at when it goes off.
"""

import asyncio
import socket
import sys
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, cast

import httptools

from gateway.upstream.model import Bounds, Failed, Headers, Patience, Trouble
from gateway.upstream.wire import ends_by_closing, kept_for

INTERIM = 8  # answers of the kind 1xx that may come before the one that counts
GRAIN = 0.008  # seconds; what a kernel's clock for the age of data is not exact to, twice
LAST_DATA = 52  # where struct tcp_info has the milliseconds since data came last
FOREVER = float("inf")


class Stale(Exception):
    """A connection that was kept was over before anything of an answer came: its server had closed it meanwhile."""


class Http1Answer:
    """An answer, from when its body has begun."""

    def __init__(self, connection: "Connection") -> None:
        self.status = 0
        self.headers: Headers = ()
        self.seconds = 0.0
        self._connection: Connection | None = connection
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._failed: Failed | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """The next piece, or all that has come; empty at the end. Raises Failed where it ends too early."""
        while not self._pieces:
            if self._failed is not None:
                raise self._failed
            if self._connection is None:
                return b""
            self._waiter = self._connection.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        found = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._connection is not None:
            self._connection.wanted()
        return found

    def close(self) -> None:
        """No more of it is wanted; where it is not complete, the connection is cut off."""
        self._pieces.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def came(self, piece: bytes) -> int:
        """A piece has come; how much now waits to be read."""
        self._pieces.append(piece)
        self._size += len(piece)
        self._wake()
        return self._size

    def ended(self, failed: Failed | None = None) -> None:
        """Nothing more will come."""
        self._connection, self._failed = None, failed
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """It. `free` is told when it may be used again, `gone` when it may not."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        patience: Patience,
        bounds: Bounds,
        free: Callable[["Connection"], None],
        gone: Callable[["Connection"], None],
    ) -> None:
        self.loop = loop
        self.used = False  # for a call that is over
        self._patience, self._bounds, self._free, self._gone = patience, bounds, free, gone
        self._transport: asyncio.Transport | None = None
        self._socket: Any = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: Http1Answer | None = None
        self._begun: asyncio.Future[None] | None = None  # for as long as the body has not
        self._headers: list[tuple[bytes, bytes]] = []
        self._size = 0  # of what came since a body's last byte, or the beginning
        self._interim = 0
        self._heard = self._in_body = self._closes = self._complete = self._keeps = self._paused = False
        self._sent = 0.0
        self._until = FOREVER
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, head: bytes, body: bytes) -> Http1Answer:
        """Send a call; returns when the body of its answer has begun. Raises Failed, or Stale."""
        if self._transport is None:  # lost between two steps of the loop
            raise Failed(Trouble.BROKEN, "the server closed the connection")
        answer = self._answer = Http1Answer(self)
        begun = self._begun = self.loop.create_future()
        self._headers, self._size, self._interim = [], 0, 0
        self._heard = self._in_body = self._closes = self._complete = self._keeps = False
        self._transport.write(head + body)
        self._sent = monotonic()
        self._wait(self._patience.begin)
        try:
            await begun
        except asyncio.CancelledError:
            answer.close()
            raise
        return answer

    @property
    def open(self) -> bool:
        """Whether it is connected."""
        return self._transport is not None

    def wanted(self) -> None:
        """Its reader has taken what had come."""
        if self._paused:
            self._read_on()
            self._wait(self._patience.idle)

    def abort(self) -> None:
        """Cut it off, now."""
        self._answer = self._begun = None
        if self._transport is not None:
            self._transport.abort()

    # What the loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by what it does only
        self._socket = transport.get_extra_info("socket")

    def data_received(self, data: bytes) -> None:
        """Some bytes of an answer, or some that nobody asked for."""
        if self._answer is None:
            self.abort()
            return
        self._heard = True
        self._size += len(data)
        if self._begun is None:
            self._until = self.loop.time() + self._patience.idle
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._complete:  # and what comes after it is none
                self._keeps = False
                self._end()
            else:
                own = error.__context__ or error.__cause__
                self._fail(own if isinstance(own, Failed) else Failed(Trouble.GARBLED, f"it is no answer: {error}"))
        else:
            if self._complete:
                self._end()
            elif self._size > self._bounds.head:
                self._fail(Failed(Trouble.GARBLED, f"more than {self._bounds.head} bytes that are no body"))

    def eof_received(self) -> None:
        """The server sends nothing more: the end of an answer that has no other."""
        if self._answer is not None and self._in_body and self._closes:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport = None
        self._gone(self)
        if self._answer is not None:
            self._fail(Failed(Trouble.BROKEN, str(exc) if exc else "the server closed the connection"))

    # What the parser tells.

    def on_message_begin(self) -> None:
        """An answer; one after that which was asked for is none."""
        if self._complete:
            raise Failed(Trouble.GARBLED, "it says more than it was asked")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or one after the body, which nobody looks at."""
        self._headers.append((name.lower(), value))
        if len(self._headers) > self._bounds.headers:
            raise Failed(Trouble.GARBLED, f"more than {self._bounds.headers} headers")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        status = self._parser.get_status_code()
        if status < 200:
            self._interim += 1
            if status == 101 or self._interim > INTERIM:
                raise Failed(Trouble.GARBLED, f"it answers {status}, which is no answer to this")
            return
        assert self._answer is not None, "whoever gives it up feeds no more"
        self._answer.status, self._answer.headers = status, tuple(self._headers)
        self._closes = ends_by_closing(status, self._answer.headers)
        self._in_body = True

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        assert self._answer is not None, "whoever gives it up feeds no more"
        self._size = 0
        if self._answer.came(piece) > self._bounds.ahead and not self._paused and self._transport is not None:
            self._transport.pause_reading()
            self._paused, self._until = True, FOREVER
        if self._begun is not None:
            self._begin(self._answer)
            if not self._paused:
                self._wait(self._patience.idle)

    def on_message_complete(self) -> None:
        """The answer is whole; one of the kind 1xx is followed by that which counts."""
        if self._in_body:
            self._complete, self._keeps = True, self._parser.should_keep_alive()
        else:
            self._headers = []

    # What follows from it.

    def _begin(self, answer: Http1Answer) -> None:
        """The body has begun, or the whole answer has none."""
        begun, self._begun = self._begun, None
        seconds = monotonic() - self._sent
        answer.seconds = seconds - self._age() if seconds > GRAIN else seconds
        if begun is not None and not begun.done():
            begun.set_result(None)

    def _age(self) -> float:
        """Seconds for which data lay in the kernel because this process was busy."""
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA + 4)
        except (OSError, AttributeError):  # no TCP, or no Linux
            return 0.0
        age = int.from_bytes(info[LAST_DATA:], sys.byteorder) / 1000
        return age if age > GRAIN else 0.0

    def _end(self) -> None:
        """The answer is whole; the connection is free again, or over."""
        answer, self._answer = self._answer, None
        assert answer is not None
        if self._begun is not None:
            self._begin(answer)
        answer.ended()
        if self._paused:
            self._read_on()
        if self._keeps and not self._closes and self._transport is not None and not self._transport.is_closing():
            self.used = True
            self._wait(kept_for(answer.headers, self._patience.keep))
            self._free(self)
        else:
            self.abort()

    def _fail(self, failed: Failed) -> None:
        """The answer will not come, or not to its end."""
        answer, begun = self._answer, self._begun
        self.abort()
        if begun is None and answer is not None:
            answer.ended(failed)
        elif begun is not None and not begun.done():
            stale = self.used and not self._heard and failed.trouble is Trouble.BROKEN
            begun.set_exception(Stale() if stale else failed)

    def _read_on(self) -> None:
        self._paused = False
        if self._transport is not None:
            self._transport.resume_reading()

    def _wait(self, seconds: float) -> None:
        """Wait for so long, and no longer, for what comes next."""
        self._until = self.loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._until:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self.loop.call_at(self._until, self._look)

    def _look(self) -> None:
        """The timer went off; it may be for something that has come meanwhile."""
        self._timer = None
        if self._until > self.loop.time():
            if self._until != FOREVER:
                self._timer = self.loop.call_at(self._until, self._look)
        elif self._answer is None:
            self.abort()
        else:
            self._fail(Failed(Trouble.LATE, "nothing came for longer than is waited"))
