"""What listens for operators: metrics, whether the gateway is well, and what can be done to it. ASGI 3."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct
from prometheus_client.exposition import choose_encoder

from gateway.admin.desk import Desk, states
from gateway.admin.model import Wrong
from gateway.admin.openapi import document
from gateway.admin.operations import OPERATIONS, Operation
from gateway.counts import total
from gateway.crew import Look
from gateway.errors import Fault, Mistake
from gateway.http import incoming
from gateway.http.incoming import Message, Receive, Send
from gateway.metrics import Figures
from gateway.wrong import Wrong as TooLong

MOST = 65_536
"""Bytes of what an operation takes."""
VERSION = "1"
PLAIN, JSON = b"text/plain; charset=utf-8", b"application/json"


class Answer(Struct, frozen=True):
    """What is said to an operator."""

    status: int
    kind: bytes
    body: bytes


class Admin:
    """The face that operators see. `reloads` are files read anew, by whether they were taken."""

    def __init__(self, desk: Desk, reloads: Mapping[str, int]) -> None:
        self._desk, self._reloads = desk, reloads

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        path, method = scope["path"], scope["method"]
        here = {each.method: each for each in OPERATIONS if each.path == path}
        if method in here:
            answer = await self._operate(here[method], dict(scope["headers"]), receive)
        elif here:
            answer = _wrong(405, f"{method} is not for {path}; {', '.join(here)} is")
        else:
            answer = await self._told(path, method, dict(scope["headers"]))
        headers = [(b"content-type", answer.kind), (b"content-length", b"%d" % len(answer.body))]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})

    async def _operate(self, operation: Operation, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        asked: object = None
        if operation.takes is not None and headers.get(b"content-type", b"").partition(b";")[0].strip() != JSON:
            return _wrong(415, "only application/json, which no page of another site can send by itself")
        try:
            if operation.takes is not None:
                sent = await incoming.body(receive, 0, most=MOST)
                asked = msgspec.json.decode(sent, type=operation.takes)
            return Answer(200, JSON, msgspec.json.encode(await operation.do(self._desk, asked)))
        except (msgspec.MsgspecError, UnicodeDecodeError, TooLong, ConnectionResetError) as error:
            return _wrong(400, str(error))
        except Mistake as error:
            return _wrong(404, str(error))
        except Fault as error:
            return _wrong(503, str(error))

    async def _told(self, path: str, method: str, headers: dict[bytes, bytes]) -> Answer:
        if method not in ("GET", "HEAD"):
            return _wrong(405, "only GET here")
        match path:
            case "/healthz":
                return Answer(200, PLAIN, b"ok\n")
            case "/readyz":
                ready = (await self._desk.state()).ready
                return Answer(200, PLAIN, b"ready\n") if ready else Answer(503, PLAIN, b"not ready\n")
            case "/metrics":
                encode, kind = choose_encoder(headers.get(b"accept", b"").decode("latin-1"))
                return Answer(200, kind.encode(), encode(await self._figures()))
            case "/openapi.json":
                return Answer(200, JSON, msgspec.json.encode(document(OPERATIONS, VERSION)))
        there = ["/healthz", "/readyz", "/metrics", "/openapi.json", *(each.path for each in OPERATIONS)]
        return _wrong(404, f"nothing at {path}; there are {', '.join(there)}")

    async def _figures(self) -> Figures:
        crew = self._desk.crew
        reports = await crew.ask(Look())
        counts = total([*(each.counts for each in reports), self._desk.counts])
        return Figures(counts, states(reports), self._reloads, crew.restarts, self._desk.away)


def _wrong(status: int, what: str) -> Answer:
    return Answer(status, JSON, msgspec.json.encode(Wrong(what)))
