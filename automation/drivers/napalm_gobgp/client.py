"""A typed client of a GoBGP speaker: what it is, its sessions, its paths; announce, withdraw, watch.

Both versions of the API are spoken; which one, the speaker is asked when the client is opened.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from types import TracebackType
from typing import Any

from napalm_gobgp import reading, stubs
from napalm_gobgp.channel import Channel, Unimplemented, Wire
from napalm_gobgp.codec import CODECS, Codec
from napalm_gobgp.model import Event, Neighbor, Path, PeerEvent, Speaker
from topologies.errors import Fault, Mistake
from topologies.render.gobgp import API
from topologies.runtime.door import Door, enter, open_door
from topologies.runtime.model import LabRecord

PORT = 50051  # gobgpd's API, where it is told nothing
TIMEOUT = 10.0  # seconds for one answer


class Client:
    """An open speaker. Raises Fault where it does not do as told, Mistake for what is no prefix or community."""

    def __init__(self, wire: Wire, codec: Codec, *, timeout: float = TIMEOUT) -> None:
        self._wire = wire
        self._codec = codec
        self._timeout = timeout

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the speaker; whoever watches hears nothing more."""
        self._wire.close()

    def speaker(self) -> Speaker:
        """The daemon itself."""
        (answer,) = self._call("GetBgp", self._message("GetBgpRequest"))
        return reading.speaker(self._codec, answer)

    def neighbors(self) -> tuple[Neighbor, ...]:
        """Its sessions, in its own order, with how many prefixes it told each."""
        request = self._message("ListPeerRequest")
        setattr(request, "enable_advertised" if hasattr(request, "enable_advertised") else "enableAdvertised", True)
        return tuple(reading.neighbor(self._codec, each.peer) for each in self._call("ListPeer", request))

    def paths(self, prefix: str, *, longer: bool = False) -> tuple[Path, ...]:
        """The paths to a prefix; with `longer`, to all that lies in it."""
        request = reading.question(self._codec, reading.canonical(prefix), longer=longer)
        answers = self._call("ListPath", request)
        found = (reading.path(self._codec, path) for each in answers for path in each.destination.paths)
        return tuple(path for path in found if path is not None)

    def advertise(
        self, prefix: str, *, next_hop: str = "", communities: Sequence[str] = (), med: int | None = None
    ) -> None:
        """Announce a prefix; without a next hop, each peer is told the address that the speaker has towards it.

        What the speaker's own policy refuses, it takes without a word: `paths` shows what became of it.
        """
        wanted = Path(reading.canonical(prefix), next_hop, communities=tuple(communities), med=med)
        self._change("AddPath", wanted)

    def withdraw(self, prefix: str) -> None:
        """Take back what was announced from here; fine where nothing was."""
        self._change("DeletePath", Path(reading.canonical(prefix), ""))

    def watch(self) -> Iterator[Event]:
        """Sessions that come up and go down and best paths that change, as it happens; those that there are first.

        It ends when the client is closed. Raises Fault where the speaker goes away.
        """
        up: set[str] = set()
        for answer in self._wire.call(self._codec.stubs, "WatchEvent", reading.watching(self._codec), timeout=None):
            for event in reading.events(self._codec, answer):
                if not isinstance(event, PeerEvent):
                    yield event
                elif event.neighbor.up != (event.neighbor.address in up):  # a session has more states than these two
                    (up.add if event.neighbor.up else up.discard)(event.neighbor.address)
                    yield event

    def _change(self, method: str, wanted: Path) -> None:
        message = reading.announcement(self._codec, wanted)
        table = self._codec.number("TableType", "GLOBAL")
        request = self._message(f"{method}Request", table_type=table, path=message)
        if method == "DeletePath":
            request.family.CopyFrom(message.family)
        for _ in self._call(method, request):
            pass

    def _call(self, method: str, request: Any) -> Iterator[Any]:
        return self._wire.call(self._codec.stubs, method, request, timeout=self._timeout)

    def _message(self, name: str, **values: Any) -> Any:
        return self._codec.stubs.message(name, **values)


def open_node(record: LabRecord, node: str, *, timeout: float = TIMEOUT) -> Client:
    """The speaker of a lab's node, by its socket in there. Raises Fault where none answers."""
    enter(record)
    return open_through(open_door(record, node), timeout=timeout)


def open_through(door: Door, *, timeout: float = TIMEOUT) -> Client:
    """The speaker of a node whose door is open, by its socket in there. Raises Fault where none answers."""
    with ExitStack() as undo:
        place = undo.enter_context(door.reachable(str(API)))
        return _opened(f"unix:{place}", f"{door.node}: gobgpd", undo.pop_all(), timeout)


def open_socket(path: str, *, timeout: float = TIMEOUT) -> Client:
    """The speaker whose API listens at a unix socket of this machine. Raises Fault where none answers."""
    return _opened(f"unix:{path}", path, ExitStack(), timeout)


def open_address(host: str, port: int = PORT, *, timeout: float = TIMEOUT) -> Client:
    """The speaker whose API listens at an address or name. Raises Fault where none answers."""
    bare = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return _opened(f"dns:///{bare}:{port}", f"{host}:{port}", ExitStack(), timeout)


def _opened(target: str, place: str, undo: ExitStack, timeout: float) -> Client:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its library else writes of failed connections to stderr
    wire = Channel(target, place, undo)
    with ExitStack() as failed:
        failed.callback(wire.close)
        client = Client(wire, spoken(wire, place, timeout), timeout=timeout)
        failed.pop_all()
    return client


def spoken(wire: Wire, place: str, timeout: float) -> Codec:
    """The version that a speaker speaks. Raises Mistake where its modules are missing, Fault where it speaks none."""
    there = [version for version in CODECS if version in stubs.made()]
    if not there:
        stubs.load("v3")  # which says what makes them
    for version in there:
        codec = CODECS[version](stubs.load(version))
        try:
            with closing(
                wire.call(codec.stubs, "GetBgp", codec.stubs.message("GetBgpRequest"), timeout=timeout)
            ) as answer:  # type: ignore[type-var]
                next(iter(answer))
        except Unimplemented:
            continue
        return codec
    if lacking := [version for version in CODECS if version not in there]:
        cure = ", ".join(f"`{stubs.CURES[version]}` makes those of {version}" for version in lacking)
        raise Mistake(f"{place}: it speaks another version of the API than {', '.join(there)}; {cure}")
    raise Fault(f"{place}: it speaks neither version {' nor '.join(CODECS)} of GoBGP's API")
