"""The ways of reaching a speaker, chosen by NAPALM's optional arguments.

`lab` names a running lab whose node the host name is, `socket` the path of a unix socket, `recorded` a folder of
answers; else the host name is an address, and `port` where its API listens there. Others are passed over, for
inventories carry those of other drivers too.
"""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from napalm_gobgp import client, stubs
from napalm_gobgp.client import Client
from napalm_gobgp.codec import CODECS
from topologies.errors import Mistake
from topologies.runtime import store
from topologies.runtime.store import Store

OTHERWISE = "address"


class Target(Struct, frozen=True):
    """Which speaker, and what NAPALM was told about it. `timeout` is in seconds, for one answer."""

    hostname: str
    timeout: float
    options: Mapping[str, Any]


@cache
def labs(setting: str | None) -> Store:
    """Where labs are remembered, found once for each CLOSLAB_STATE: joining a lab makes an ordinary user root in it."""
    return store.here({"CLOSLAB_STATE": setting} if setting else None)


def connect(target: Target) -> Client:
    """Open the way that the optional arguments name. Raises Mistake or Fault with the place and a cure."""
    return WAYS[next((name for name in WAYS if target.options.get(name)), OTHERWISE)](target)


def _lab(target: Target) -> Client:
    record = labs(os.environ.get("CLOSLAB_STATE")).read(str(target.options["lab"]))
    return client.open_node(record, target.hostname, timeout=target.timeout)


def _socket(target: Target) -> Client:
    return client.open_socket(str(target.options["socket"]), timeout=target.timeout)


def _address(target: Target) -> Client:
    port = target.options.get("port") or client.PORT
    if not isinstance(port, int) or not 0 < port < 1 << 16:
        raise Mistake(f"{target.hostname}: port {port!r}: it must be a number from 1 to 65535")
    return client.open_address(target.hostname, port, timeout=target.timeout)


def _recorded(target: Target) -> Client:
    from napalm_gobgp.recorded import Recorded, version_of

    folder = Path(str(target.options["recorded"]))
    codec = CODECS[version := version_of(folder)](stubs.load(version))
    return Client(Recorded(folder), codec)


WAYS: dict[str, Callable[[Target], Client]] = {
    "lab": _lab,
    "socket": _socket,
    "recorded": _recorded,
    OTHERWISE: _address,
}
