"""A request as it comes in: its head in one look, its body within bounds, and whether its client is still there."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from msgspec import Struct

from gateway.upstream.model import Headers
from gateway.wrong import Wrong

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

TRACEPARENT = b"traceparent"
PASSED_ON = frozenset({b"content-type", b"accept", TRACEPARENT, b"tracestate", b"openai-beta"})
"""What backends are told of a client's headers. Never its key, and nothing by which they could be steered."""
LOOKED_AT = {b"authorization", b"content-length", b"x-request-id", b"x-request-timeout-ms", b"x-priority"}
ID = re.compile(rb"[\x21-\x7e]{1,128}")
PATIENCE = 0.05
"""Seconds for which nobody looks whether the client is still there: most answers have begun by then, and looking costs
a task."""


class Head(Struct, frozen=True):
    """What a request's headers say. `timeout` is in seconds."""

    authorization: bytes
    length: int
    id: bytes
    timeout: float | None
    priority: bytes | None
    traceparent: bytes
    passed_on: Headers


def head(headers: list[tuple[bytes, bytes]], new_id: Callable[[], bytes]) -> Head:
    """Look at the headers once; Wrong where one of them is none that can be meant."""
    found, on = dict[bytes, bytes](), dict[bytes, bytes]()
    for name, value in headers:
        if name in PASSED_ON:
            on[name] = value
        elif name in LOOKED_AT:
            found[name] = value
    given = found.get(b"x-request-id")
    return Head(
        found.get(b"authorization", b""),
        int(found.get(b"content-length", b"0")),  # the parser let nothing pass but digits
        given if given is not None and ID.fullmatch(given) else new_id(),
        _timeout(found.get(b"x-request-timeout-ms")),
        found.get(b"x-priority"),
        on.get(TRACEPARENT, b""),
        tuple(on.items()),
    )


def _timeout(text: bytes | None) -> float | None:
    if text is None:
        return None
    if not text.isdigit() or not 0 < len(text) <= 9 or not int(text):
        raise Wrong(400, "invalid_request_error", "x-request-timeout-ms is not a number of milliseconds above 0")
    return int(text) / 1000


async def body(receive: Receive, length: int, *, most: int) -> bytes:
    """The whole body. Raises Wrong where it is too long, ConnectionResetError where its client has left, or was too
    slow (`guard` sees to that)."""
    if length > most:
        raise _too_long(most)
    message = await receive()
    if message["type"] == "http.request" and not message["more_body"] and len(message["body"]) <= most:
        whole: bytes = message["body"]
        return whole
    return await _pieces(message, receive, most)


async def _pieces(message: Message, receive: Receive, most: int) -> bytes:
    whole = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client left before its request was complete")
        whole += message["body"]
        if len(whole) > most:
            raise _too_long(most)
        if not message["more_body"]:
            return bytes(whole)
        message = await receive()


def _too_long(most: int) -> Wrong:
    headers: Headers = ((b"connection", b"close"),)  # the rest of it is not waited for
    return Wrong(413, "invalid_request_error", f"The body is longer than {most} bytes", headers=headers)


class Watch:
    """Ends a task when its client is gone; to be used once its request has been read."""

    def __init__(self, receive: Receive, task: asyncio.Task[Any]) -> None:
        self.gone = False
        self._receive, self._task = receive, task
        self._loop = asyncio.get_running_loop()
        self._watching: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(PATIENCE, self._begin)

    def stop(self) -> None:
        """The request is over, or was never anybody's."""
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _begin(self) -> None:
        self._watching = self._loop.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # nothing more of the body can come
        self.gone = True
        self._task.cancel()
