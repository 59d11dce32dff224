"""Sockets, TLS and the web server: what a gateway needs to be asked, and to ask."""

import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn

from gateway.beside import beside
from gateway.config.model import BackendPart, GatewayFile, TimesPart, TlsPart
from gateway.config.settings import address
from gateway.errors import Fault, Mistake
from gateway.http.guard import Guarded
from gateway.upstream import UPSTREAMS
from gateway.upstream.model import Patience, Upstream

KEEP = 75  # seconds for which a connection of a client is kept that asks nothing
BACKLOG = 4096
SHARE = socket.SO_REUSEPORT


@dataclass(frozen=True, slots=True)
class Doors:
    """Where clients come in: a socket that listens, and where gRPC is to be served, if it is. `shared` says that other
    processes listen there too, each at a socket of its own."""

    http: socket.socket
    grpc: str = ""
    shared: bool = False


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


@asynccontextmanager
async def listened(server: Server, sock: socket.socket, ended: Callable[[], None]) -> AsyncGenerator[None]:
    """Serve there, until all that came by it is over. Where it ends by itself, `ended` is called."""
    async with beside(server.serve([sock]), ended, cancel=False):
        try:
            yield
        finally:
            server.should_exit = True


def bound(where: str) -> socket.socket:
    """A socket that listens at HOST:PORT; Fault where that cannot be had."""
    sock = _bound(where)
    sock.listen(BACKLOG)  # from now on nobody is turned away, though it is a moment until they are served
    return sock


def shared(listen: str, grpc: str, workers: int) -> tuple[list[Doors], list[socket.socket]]:
    """The doors of several workers, and what keeps others out of them; Fault where they cannot be had.

    Each worker has a socket of its own, among which the kernel spreads connections by a hash of their addresses. They
    are made here, and kept: what waits at the socket of a worker that dies waits for the next one. gRPC makes its own.
    The first of each address is bound before it is said that it may be shared, or another gateway could have it too.
    """
    first = _bound(listen, share=True)
    sockets = [first, *(_bound(named(first), SHARE) for _ in range(workers - 1))]
    for each in sockets:
        each.listen(BACKLOG)
    guards = [_bound(grpc, share=True)] if grpc else []
    where = named(guards[0]) if guards else ""
    return [Doors(each, where, shared=True) for each in sockets], guards


def named(sock: socket.socket) -> str:
    """Where it is bound, as HOST:PORT."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url(sock: socket.socket, *, tls: bool = False) -> str:
    """Where a socket is, as clients write it."""
    return f"{'https' if tls else 'http'}://{named(sock)}"


def _bound(where: str, option: int = socket.SO_REUSEADDR, *, share: bool = False) -> socket.socket:
    host, port = address(where, "listen")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, name = found[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Fault(f"{where}: cannot listen there: {error}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.bind(name)
        if share:
            sock.setsockopt(socket.SOL_SOCKET, SHARE, 1)
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
