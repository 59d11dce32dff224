"""How the gateway asks a server of models: one call out, one answer in, in pieces."""

import ssl
from collections.abc import Mapping
from typing import Protocol

from gateway.upstream.model import Bounds, Patience, Upstream


class Open(Protocol):
    """Makes a client for a server. Raises ValueError for a URL that is none."""

    def __call__(self, url: str, *, tls: ssl.SSLContext | None, patience: Patience, bounds: Bounds = ...) -> Upstream:
        """A client that has no connections yet."""
        ...


def http1(url: str, *, tls: ssl.SSLContext | None, patience: Patience, bounds: Bounds | None = None) -> Upstream:
    """Our own."""
    from gateway.upstream.http1 import Http1

    return Http1(url, tls=tls, patience=patience, bounds=bounds)


def aiohttp(url: str, *, tls: ssl.SSLContext | None, patience: Patience, bounds: Bounds | None = None) -> Upstream:
    """By aiohttp, which is loaded here."""
    from gateway.upstream.aio import Aio

    return Aio(url, tls=tls, patience=patience, bounds=bounds)


UPSTREAMS: Mapping[str, Open] = {"aiohttp": aiohttp, "http1": http1}
