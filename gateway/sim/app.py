"""The simulator over HTTP: OpenAI's API as vLLM has it, its metrics, and what it is told while it runs. ASGI 3."""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, TypeVar

import msgspec
from prometheus_client.exposition import choose_encoder

from gateway.http.guard import Guarded
from gateway.http.incoming import Message, Receive, Send, Watch, body
from gateway.sim.asked import Asked, Embed, embedded, read
from gateway.sim.model import Kind, Settings
from gateway.sim.running import Simulator
from gateway.sim.shapes import Chat, Completion, Response
from gateway.sim.telling import Telling
from gateway.upstream.model import Headers
from gateway.wrong import Wrong

T = TypeVar("T", Asked, Embed)
SHAPES: Mapping[str, Callable[[str, int, int], Chat | Response]] = {
    "/v1/chat/completions": Chat,
    "/v1/completions": Completion,
    "/v1/responses": Response,
}
JSON, STREAM = b"application/json", b"text/event-stream; charset=utf-8"
BODY = 64 << 20
TRANSPORT = "closlab.transport"
STATUSES = {Kind.ERROR: 500, Kind.BUSY: 503, Kind.RATELIMIT: 429}


class Reached(Guarded):
    """A connection that an app can cut off, or say anything on."""

    def on_message_begin(self) -> None:
        """Hand the transport to the app."""
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # there is a key of ours besides
        scope[TRANSPORT] = self.transport


class App:
    """One simulator's."""

    def __init__(self, simulator: Simulator, wall: Callable[[], float]) -> None:
        self._simulator, self._wall = simulator, wall
        self._numbers = count(1)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        task = asyncio.current_task()
        assert task is not None, "a server runs in tasks"
        watch: Watch | None = None
        try:
            sent = await body(receive, 0, most=BODY)
            watch = Watch(receive, task)
            await self._answer(scope, sent, send)
        except Wrong as wrong:
            await _whole(send, wrong.status, JSON, wrong.body, wrong.headers)
        except ConnectionResetError:
            pass  # nobody is there to be told
        except asyncio.CancelledError:
            if watch is None or not watch.gone:
                raise
            task.uncancel()
        finally:
            if watch is not None:
                watch.stop()

    async def _answer(self, scope: Message, sent: bytes, send: Send) -> None:
        path, method, simulator = scope["path"], scope["method"], self._simulator
        match method, path:
            case "GET", "/health":
                await _whole(send, 200 if simulator.settings.failing.healthy else 503, JSON, b"")
            case "GET", "/metrics":
                encode, kind = choose_encoder(dict(scope["headers"]).get(b"accept", b"").decode("latin-1"))
                await _whole(send, 200, kind.encode(), encode(simulator.metrics.registry))
            case "GET", "/v1/models":
                model = {"id": simulator.model, "object": "model", "created": 0, "owned_by": "closlab-sim"}
                await _json(send, {"object": "list", "data": [model]})
            case "GET", "/admin/config":
                await _json(send, simulator.settings)
            case "POST", "/admin/config":
                simulator.change(read(sent, Settings))
                await _json(send, simulator.settings)
            case "POST", "/v1/embeddings":
                failing = await self._fail(scope)
                body = msgspec.json.encode(embedded(self._known(read(sent, Embed))))
                if failing is not None:
                    await _start(send, 200, JSON)
                    await _piece(send, body[: len(body) // 2])
                    await self._break_off(scope, failing)
                await _whole(send, 200, JSON, body)
            case "POST", _ if path in SHAPES:
                failing = await self._fail(scope)
                await self._say(path, self._known(read(sent, Asked)), scope, send, failing)
            case _:
                raise Wrong(404, "NotFoundError", f"no {method} {path} here")

    def _known(self, asked: T) -> T:
        self._simulator.refuse_unknown(asked.model)
        return asked

    async def _fail(self, scope: Message) -> Kind | None:
        """Fail a request, where its turn has come. What is to fail in the middle has still to begin: it is told how."""
        kind = self._simulator.failing()
        if kind in (None, Kind.CUT, Kind.STALL):
            return kind
        if (status := STATUSES.get(kind)) is not None:
            headers = ((b"retry-after", b"1"),) if kind is Kind.RATELIMIT else ()
            raise Wrong(status, "InternalServerError", "told to fail", headers=headers)
        if kind is Kind.GARBLE:
            scope[TRANSPORT].write(b"\x00 this is no HTTP \xff\r\n\r\n")
            scope[TRANSPORT].close()
        if kind is Kind.REFUSE:
            _reset(scope)
        await asyncio.Event().wait()  # until the client has left, or been cut off
        raise AssertionError("nobody sets it")

    async def _say(self, path: str, asked: Asked, scope: Message, send: Send, failing: Kind | None) -> None:
        simulator = self._simulator
        shape = SHAPES[path](simulator.model, next(self._numbers), int(self._wall()))
        async with simulator.asking(asked.text, asked.most) as ask:
            telling = Telling(ask, asked.stops)
            opening = b""  # goes out with the first token, as vLLM's does: before it nobody knows how long it waits
            if asked.stream:
                await _start(send, 200, STREAM)
                opening = b"".join(shape.first())
            pieces = []
            async for piece in telling.pieces():
                pieces.append(piece)
                if failing is not None and len(pieces) > ask.answer.length // 2:
                    await self._break_off(scope, failing)
                if asked.stream and (opening or piece):
                    await _piece(send, opening + (shape.piece(piece, len(pieces)) if piece else b""))
                    opening = b""
        text, got = "".join(pieces), telling.got
        if not asked.stream:
            await _json(send, shape.whole(ask, text, got, telling.finish))
            return
        tell = asked.stream_options is not None and asked.stream_options.include_usage
        await _piece(send, opening + b"".join(shape.last(ask, text, got, telling.finish, tell=tell)))
        await send({"type": "http.response.body", "body": b""})

    async def _break_off(self, scope: Message, failing: Kind) -> None:
        if failing is Kind.CUT:
            _reset(scope)
        await asyncio.Event().wait()  # until the client has left, or been cut off


def _reset(scope: Message) -> None:
    """Cut a connection off as a host does that has died and come back: by a reset, not by an end."""
    transport = scope[TRANSPORT]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.close()


async def _json(send: Send, value: object) -> None:
    await _whole(send, 200, JSON, msgspec.json.encode(value))


async def _whole(send: Send, status: int, kind: bytes, body: bytes, headers: Headers = ()) -> None:
    await _start(send, status, kind, (*headers, (b"content-length", b"%d" % len(body))))
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, kind: bytes, headers: Headers = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), *headers]})


async def _piece(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
