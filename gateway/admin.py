"""What listens for operators, on an address of its own: metrics, and whether the gateway is well."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from gateway.http.incoming import Message, Receive, Send
from gateway.process import Gateway


class Admin:
    """The face that operators see, as ASGI 3."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._registry = CollectorRegistry()
        self._registry.register(gateway.tally)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        status, kind, body = self._told(scope)
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _told(self, scope: Message) -> tuple[int, bytes, bytes]:
        plain = b"text/plain; charset=utf-8"
        if scope["method"] not in ("GET", "HEAD"):
            return 405, plain, b"only GET here\n"
        match scope["path"]:
            case "/healthz":
                return 200, plain, b"ok\n"
            case "/readyz":
                return (200, plain, b"ready\n") if self._gateway.ready else (503, plain, b"not ready\n")
            case "/metrics":
                accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
                encode, kind = choose_encoder(accept)
                return 200, kind.encode(), encode(self._registry)
        return 404, plain, b"there are /healthz, /readyz and /metrics\n"
