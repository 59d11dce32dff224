"""Sockets, TLS and the web server: what a gateway needs to be asked, and to ask."""

import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn

from gateway.config.model import BackendPart, GatewayFile, TimesPart, TlsPart
from gateway.config.settings import address
from gateway.errors import Fault, Mistake
from gateway.http.guard import Guarded
from gateway.upstream import UPSTREAMS
from gateway.upstream.model import Patience, Upstream

KEEP = 75  # seconds for which a connection of a client is kept that asks nothing
BACKLOG = 4096


class Server(uvicorn.Server):
    """A listener. Signals are heeded by the process, which may have several."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave them alone."""
        yield


def listener(app: Any, told: Callable[[], GatewayFile], tls: TlsPart, protocol: type[Guarded] = Guarded) -> Server:
    """A server for an ASGI app; `told` gives the gateway's file as it is now."""
    _tried(lambda: _server_side(tls), tls)
    config = uvicorn.Config(
        app,
        http=partial(protocol, told),  # type: ignore[arg-type]  # it is called, as the class would be
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP,
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(round(told().times.drain), 1),
        ssl_certfile=tls.certificate or None,
        ssl_keyfile=tls.key or None,
        ssl_ca_certs=tls.ca or None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls.ca else ssl.CERT_NONE,
    )
    return Server(config)


def bound(where: str) -> socket.socket:
    """A socket that is bound to HOST:PORT; Fault where that cannot be had."""
    host, port = address(where, "listen")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, name = found[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Fault(f"{where}: cannot listen there: {error}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(name)
        sock.listen(BACKLOG)  # from now on nobody is turned away, though it is a moment until they are served
    except OSError as error:
        sock.close()
        raise Fault(f"{where}: cannot listen there: {error.strerror}") from None
    return sock


def opened(part: BackendPart, times: TimesPart) -> Upstream:
    """A client for a backend; Mistake where its TLS files are none."""
    patience = Patience(connect=times.connect, begin=times.begin, idle=times.idle)
    tls = _tried(lambda: _client_side(part.tls), part.tls) if part.url.startswith("https") else None
    return UPSTREAMS[part.client](part.url, tls=tls, patience=patience)


def _client_side(tls: TlsPart) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca or None)
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key or None)
    return context


def _server_side(tls: TlsPart) -> ssl.SSLContext | None:
    if not tls.certificate:
        if tls.key or tls.ca:
            raise Mistake("tls: a key or a ca without a certificate")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key or None)
    if tls.ca:
        context.load_verify_locations(tls.ca)
    return context


def _tried(make: Callable[[], ssl.SSLContext | None], tls: TlsPart) -> ssl.SSLContext | None:
    try:
        return make()
    except OSError as error:  # SSLError is one
        files = ", ".join(each for each in (tls.certificate, tls.key, tls.ca) if each)
        raise Mistake(f"tls: {files}: {error}") from None
