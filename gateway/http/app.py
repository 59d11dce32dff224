"""What listens for clients: requests for models, which models there are, and whether the gateway is well."""

import msgspec

from gateway import asking
from gateway.http import fields, incoming
from gateway.http.edge import Edge
from gateway.http.exchange import JSON
from gateway.http.incoming import Message, Receive, Send
from gateway.process import Gateway
from gateway.upstream.model import Headers
from gateway.wrong import Wrong

MODELS = "/v1/models"


class App:
    """The public face, as ASGI 3."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._edge = gateway, Edge(gateway)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        path, method = scope["path"], scope["method"]
        if method == "POST" and path in fields.KINDS:
            await self._edge.ask(path, scope, receive, send)
            return
        try:
            status, body = self._told(path, method, scope)
            headers: Headers = ()
        except Wrong as wrong:
            status, body, headers = wrong.status, wrong.body, wrong.headers
        start = [JSON, (b"content-length", b"%d" % len(body)), *headers]
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})

    def _told(self, path: str, method: str, scope: Message) -> tuple[int, bytes]:
        there = path in ("/healthz", "/readyz") or path == MODELS or path.startswith(MODELS + "/")
        if not there and path not in fields.KINDS:
            raise Wrong(404, "invalid_request_error", f"Unknown request URL: {method} {path}", code="unknown_url")
        if not there or method not in ("GET", "HEAD"):
            allowed = b"POST" if path in fields.KINDS else b"GET, HEAD"
            raise Wrong(405, "invalid_request_error", f"{method} is not for {path}", headers=((b"allow", allowed),))
        if path == "/healthz":
            return 200, b'{"status": "ok"}'
        if path == "/readyz":
            return (200, b'{"status": "ready"}') if self._gateway.ready else (503, b'{"status": "not ready"}')
        return 200, msgspec.json.encode(self._models(path.removeprefix(MODELS).removeprefix("/"), scope))

    def _models(self, name: str, scope: Message) -> object:
        head = incoming.head(scope["headers"], self._edge.new_id)
        found = asking.models(self._gateway, asking.key(self._gateway, head.authorization))
        data = [{"id": each, "object": "model", "created": 0, "owned_by": "gateway"} for each in found]
        if not name:
            return {"object": "list", "data": data}
        for each in data:
            if each["id"] == name:
                return each
        raise Wrong(
            404, "invalid_request_error", f"The model '{name}' does not exist", code="model_not_found", param="model"
        )
