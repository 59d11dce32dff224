"""What listens for operators: metrics, whether the gateway is well, and what can be done to it. ASGI 3."""

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from gateway.admin.model import Wrong
from gateway.admin.openapi import document
from gateway.admin.operations import OPERATIONS, Operation
from gateway.errors import Mistake
from gateway.http import incoming
from gateway.http.incoming import Message, Receive, Send
from gateway.process import Gateway
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
    """The face that operators see."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._registry = CollectorRegistry()
        self._registry.register(gateway.tally)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        path, method = scope["path"], scope["method"]
        here = {each.method: each for each in OPERATIONS if each.path == path}
        if method in here:
            answer = await self._operate(here[method], dict(scope["headers"]), receive)
        elif here:
            answer = _wrong(405, f"{method} is not for {path}; {', '.join(here)} is")
        else:
            answer = self._told(path, method, dict(scope["headers"]))
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
            return Answer(200, JSON, msgspec.json.encode(operation.do(self._gateway, asked)))
        except (msgspec.MsgspecError, UnicodeDecodeError, TooLong, ConnectionResetError) as error:
            return _wrong(400, str(error))
        except Mistake as error:
            return _wrong(404, str(error))

    def _told(self, path: str, method: str, headers: dict[bytes, bytes]) -> Answer:
        if method not in ("GET", "HEAD"):
            return _wrong(405, "only GET here")
        match path:
            case "/healthz":
                return Answer(200, PLAIN, b"ok\n")
            case "/readyz":
                return Answer(200, PLAIN, b"ready\n") if self._gateway.ready else Answer(503, PLAIN, b"not ready\n")
            case "/metrics":
                encode, kind = choose_encoder(headers.get(b"accept", b"").decode("latin-1"))
                return Answer(200, kind.encode(), encode(self._registry))
            case "/openapi.json":
                return Answer(200, JSON, msgspec.json.encode(document(OPERATIONS, VERSION)))
        there = ["/healthz", "/readyz", "/metrics", "/openapi.json", *(each.path for each in OPERATIONS)]
        return _wrong(404, f"nothing at {path}; there are {', '.join(there)}")


def _wrong(status: int, what: str) -> Answer:
    return Answer(status, JSON, msgspec.json.encode(Wrong(what)))
