"""What uvicorn's protocol does not do by itself: bounds of a head's size, of the time that a head and a body may take,
of readers that do not read, and of connections in all."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.config.model import GatewayFile

HEAD, INTERIM = b"HTTP/1.1 ", b"HTTP/1.1 1"
REFUSED = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Joined:
    """A transport as uvicorn's answers write to it: a head waits for what follows it in the same step of the loop, and
    both go out as one, for a call of the kernel costs about as much as all the deciding of a request."""

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held = b""

    def write(self, data: bytes) -> None:
        """Send it; a head a little later."""
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(HEAD) and not data.startswith(INTERIM):
            self._held = data
            self._loop.call_soon(self.flush)
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Nothing has followed."""
        if self._held:
            data, self._held = self._held, b""
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close it, once all is sent."""
        self.flush()
        self._transport.close()


class Guarded(HttpToolsProtocol):
    """A connection of a client. `told` gives the gateway's file as it is now. A request that comes in one piece sets no
    timer."""

    def __init__(self, told: Callable[[], GatewayFile], *args: Any, **words: Any) -> None:
        super().__init__(*args, **words)
        self._told = told
        self._size = 0  # of the head that is coming in
        self._in_head = True
        self._coming = False  # a request is, or may be, and is not whole
        self._waiting: asyncio.TimerHandle | None = None  # for the rest of it
        self._reading: asyncio.TimerHandle | None = None  # the client, for what is written

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        """Take it, or end it at once where there are too many."""
        super().connection_made(transport)
        self._joined = Joined(transport, self.loop)
        if len(self.connections) > self._told().door.connections:
            self._refuse(b"503 Service Unavailable")
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._forget()
        if self._reading is not None:
            self._reading.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came in; as long as it is of a head, it counts."""
        self._coming = True
        if self._in_head:
            self._size += len(data)
        super().data_received(data)
        if self._in_head and self._size > self._told().door.head_bytes:
            self._refuse(b"431 Request Header Fields Too Large")
        elif not self._coming:
            self._forget()
        elif self._waiting is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """A head is whole, and what follows is a body or another head."""
        if self._size > (most := self._told().door.head_bytes):  # which may be the body's beginning
            size = sum(len(name) + len(value) for name, value in self.headers)
            if size > most:
                self._refuse(b"431 Request Header Fields Too Large")
                raise ValueError(f"a head of {size} bytes")  # so that the parser goes no further
        self._in_head = False
        self._forget()
        super().on_headers_complete()
        self.cycle.transport = self._joined  # type: ignore[assignment]  # it uses no more of one than there is

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._coming, self._in_head, self._size = False, True, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What came is no request; where it was one that is refused, that is said already."""
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        super().pause_writing()
        self._reading = self.loop.call_later(self._told().times.reader, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _wait(self) -> None:
        times = self._told().times
        self._waiting = self.loop.call_later(times.head if self._in_head else times.body, self._late)

    def _forget(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _late(self) -> None:
        """What was waited for has not come, whole."""
        self._waiting = None
        self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        """Say so, where nothing has been said to this request yet, and end the connection."""
        self._forget()
        if not self.transport.is_closing():
            if self._in_head or not self.cycle.response_started:
                self.transport.write(REFUSED % status)
            self.transport.close()
