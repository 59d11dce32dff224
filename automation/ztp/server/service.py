"""The server's two doors: HTTPS for switches, and one for whoever runs the lab, on the node's loopback only.

POST /v1/bootstrap   {"nonce": …}                  200 the bundle · 403 {"reason": …}
POST /v1/progress    {"moves": […]}                200 {"absent": […]}
POST /v1/ruling      {"life", "number"}            200 {"keep": true, false or null, "why": …}
GET  /v1/ztp.json                                  200 the same in SONiC's shape · 403
GET  /v1/provision.sh, /v1/agent.pyz               200 a script for SONiC's option 239, and the agent, as its plugin
GET  /status?seen=N&within=S      (loopback)       200 all switches and moves, once there is more than N; &watch=1 says
                                                   that whoever asks has changes compared, and then rules
POST /rule           {"serial", "mac", "life", "number", "why"}    (loopback)
POST /leave          {}                            (loopback)  that it does no longer
POST /approve        {"serial", "node", "mac"}     (loopback)
"""

import json
import ssl
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from automation.ztp.server.desk import Desk
from automation.ztp.server.model import Caller
from automation.ztp.server.sonic import script, ztp_json
from automation.ztp.trouble import Refusal, Trouble

MOST_BYTES = 1 << 20  # of a request
SILENCE = 60  # seconds that a connection may say nothing
LONGEST_WAIT = 30.0  # seconds that /status holds an answer back
RULED_WITHIN = 2.0  # seconds that /v1/ruling does

Answer = tuple[int, bytes]
JSON = "application/json"


class Doors(ThreadingHTTPServer):
    """A listening socket whose connections are threads; each does its TLS handshake in its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], desk: Desk, tls: ssl.SSLContext | None) -> None:
        self.desk = desk
        self.tls = tls
        super().__init__(address, Inner if tls is None else Outer)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, in its thread."""
        request.settimeout(SILENCE)
        try:
            sock = request if self.tls is None else self.tls.wrap_socket(request, server_side=True)
        except OSError:  # no TLS, or nobody that trusts us: its own side says so
            return
        with sock:
            super().finish_request(sock, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks off is its own affair; anything else goes to the log."""
        import sys

        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """What both doors share: a body of JSON, an answer of JSON, and errors with their reason."""

    protocol_version = "HTTP/1.1"
    server: Doors
    routes: ClassVar[Mapping[tuple[str, str], Callable[[Any, Any], Answer]]] = {}
    kinds: ClassVar[Mapping[str, str]] = {}  # path -> media type, of answers that are no JSON

    def do_GET(self) -> None:
        """Answer a question."""
        self._serve("GET", None)

    def do_POST(self) -> None:
        """Answer a request with a body."""
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= MOST_BYTES:
            self._send(*failed(400, f"a body of 1 to {MOST_BYTES} bytes"))
            self.close_connection = True
            return
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError as error:
            self._send(*failed(400, f"no JSON: {error}"))
            return
        self._serve("POST", body if isinstance(body, dict) else {})

    def log_message(self, format: str, *words: object) -> None:
        """Nothing: what matters is in the registry."""

    def _serve(self, method: str, body: Any) -> None:
        route = self.routes.get((method, urlsplit(self.path).path))
        if route is None:
            self._send(*failed(404, f"no {method} {self.path}"))
            return
        try:
            self._send(*route(self, body))
        except Refusal as error:
            self._send(*failed(403, str(error)))
        except Trouble as error:
            self._send(*failed(400, str(error)))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        kind = self.kinds.get(urlsplit(self.path).path, JSON) if status == 200 else JSON
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Outer(Handler):
    """The door for switches."""

    def caller(self) -> Caller:
        """Who asks."""
        told = {
            name: next((found for header in headers if (found := self.headers.get(header))), "")[:200]
            for name, headers in HEADERS.items()
        }
        return Caller(**told, address=self.client_address[0])

    def bootstrap(self, body: Any) -> Answer:
        """A bundle."""
        return 200, self.server.desk.bootstrap(self.caller(), body.get("nonce"))

    def progress(self, body: Any) -> Answer:
        """A report."""
        return 200, written({"absent": self.server.desk.progress(self.caller(), body.get("moves"))})

    def ruling(self, body: Any) -> Answer:
        """What is to become of a change, once that is known; null after a while."""
        desk, until = self.server.desk, time.monotonic() + RULED_WITHIN
        while True:
            seen = desk.registry.changes
            keep, why = desk.ruling(self.caller(), body.get("life"), body.get("number"))
            if keep is not None or (left := until - time.monotonic()) <= 0:
                return 200, written({"keep": keep, "why": why})
            desk.registry.wait(seen, left)

    def ztp_json(self, body: Any) -> Answer:
        """SONiC's ztp.json, for a switch that may have its bundle."""
        if not (verdict := self.server.desk.verdict(self.caller())).node:
            raise Refusal(verdict.why)
        return 200, written(ztp_json(self.here(), urlsplit(self.here()).hostname or ""))

    def script(self, body: Any) -> Answer:
        """The way round SONiC's service."""
        return 200, script(self.here()).encode()

    def agent(self, body: Any) -> Answer:
        """The agent: whoever has it can do nothing with it that he could not do without."""
        return 200, self.server.desk.agent()

    def here(self) -> str:
        """Our own address, as whoever asks has it."""
        return f"https://{self.headers.get('Host', '')}/v1"

    kinds: ClassVar[Mapping[str, str]] = {"/v1/provision.sh": "text/x-shellscript", "/v1/agent.pyz": "application/zip"}
    routes: ClassVar[Mapping[tuple[str, str], Callable[[Any, Any], Answer]]] = {
        ("GET", "/v1/ztp.json"): ztp_json,
        ("GET", "/v1/provision.sh"): script,
        ("GET", "/v1/agent.pyz"): agent,
        ("POST", "/v1/bootstrap"): bootstrap,
        ("POST", "/v1/progress"): progress,
        ("POST", "/v1/ruling"): ruling,
    }


class Inner(Handler):
    """The door for whoever runs the lab."""

    def status(self, body: Any) -> Answer:
        """All that is known, once there is more than the asker has seen."""
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        try:
            seen, within = int(asked.get("seen", -1)), min(float(asked.get("within", 0)), LONGEST_WAIT)
        except ValueError as error:
            raise Trouble(str(error)) from error
        desk = self.server.desk
        if asked.get("watch"):
            desk.watch()
        changes = desk.registry.wait(seen, within)
        known = {"switches": desk.registry.switches(), "moves": desk.registry.moves(), "holders": desk.holders()}
        return 200, written({"changes": changes, **known})

    def rule(self, body: Any) -> Answer:
        """A ruling."""
        self.server.desk.rule(*(body.get(name) for name in ("serial", "mac", "life", "number", "why")))
        return 200, written({})

    def leave(self, body: Any) -> Answer:
        """Nobody watches any more."""
        self.server.desk.leave()
        return 200, written({})

    def approve(self, body: Any) -> Answer:
        """An approval."""
        self.server.desk.approve(body.get("serial"), body.get("node"), body.get("mac", ""))
        return 200, written({})

    routes: ClassVar[Mapping[tuple[str, str], Callable[[Any, Any], Answer]]] = {
        ("GET", "/status"): status,
        ("POST", "/approve"): approve,
        ("POST", "/rule"): rule,
        ("POST", "/leave"): leave,
    }


HEADERS = {
    "serial": ("SERIAL-NUMBER",),
    "mac": ("BASE-MAC-ADDRESS",),
    "model": ("PRODUCT-NAME",),
    "version": ("SOFTWARE-VERSION", "SONiC-VERSION"),
}


def written(content: Mapping[str, object]) -> bytes:
    """JSON."""
    return json.dumps(content).encode()


def failed(status: int, reason: str) -> Answer:
    """An answer that says why not."""
    return status, written({"reason": reason})
