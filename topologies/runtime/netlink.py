"""The one door for rtnetlink: sockets that live in a network namespace, send batches, list what is there, and hear what
changes."""

import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from topologies.errors import Fault
from topologies.runtime import netlink_decode as decode
from topologies.runtime import netlink_encode as encode
from topologies.runtime.netlink_decode import (
    Counters,
    Hop,
    KernelAddress,
    KernelFilter,
    KernelLink,
    KernelNeighbour,
    KernelQueue,
    KernelRoute,
)
from topologies.runtime.netlink_encode import ANY_TABLE, MAIN_TABLE, FilterSide, Request
from topologies.runtime.sockets import give_room
from topologies.runtime.syscalls import inside_netns

__all__ = [
    "ANY_TABLE",
    "MAIN_TABLE",
    "Counters",
    "FilterSide",
    "Hop",
    "KernelAddress",
    "KernelFilter",
    "KernelLink",
    "KernelNeighbour",
    "KernelQueue",
    "KernelRoute",
]
__all__ += ["Netlink", "Request", "RouteMonitor"]

BATCH = 200  # messages in one send
HELD = 4 << 20  # bytes of changes that may wait to be heard; the kernel counts twice that, each takes about 800
_HEADER = struct.Struct("=IHHII")
_ERROR, _DONE = 2, 3
_DUMP_INTERRUPTED = 0x10
_SOL_NETLINK, _EXT_ACK, _STRICT = 270, 11, 12
_ROUTE_GROUPS = 0x40 | 0x400  # RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE
_TRIES = 3  # how often a list is asked for when it changes under our hands

Value = TypeVar("Value")


class _Held:
    """A context manager that holds a socket, which keeps its namespace alive."""

    _socket: socket.socket

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the socket and its namespace."""
        self._socket.close()


class Netlink(_Held):
    """An rtnetlink socket in some network namespace. A context manager: an open one keeps its namespace alive."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray(1 << 18)
        self._seq = 0

    @classmethod
    def open(cls, netns: int | str | None = None) -> "Netlink":
        """A socket in the namespace named by an fd or a path (None: the one that this thread is in)."""
        if netns is None:
            return cls(_socket())
        with inside_netns(netns):
            return cls(_socket())

    def send(self, batch: Sequence[Request]) -> None:
        """Have the kernel carry out all requests, in order; raises Fault naming those that it refused."""
        refused: list[str] = []
        for start in range(0, len(batch), BATCH):
            refused += self._send(batch[start : start + BATCH])
        if refused:
            more = f" (and {len(refused) - 3} more)" if len(refused) > 3 else ""
            raise Fault("; ".join(refused[:3]) + more)

    def links(self) -> list[KernelLink]:
        """All interfaces."""
        return self._list(encode.dump_links(), decode.link)

    def routes(self, family: int = 0, table: int = MAIN_TABLE) -> list[KernelRoute]:
        """The routes of a table (ANY_TABLE: of all), of one family or of IPv4 and IPv6."""
        families = (family,) if family else (socket.AF_INET, socket.AF_INET6)
        return [found for each in families for found in self._list(encode.dump_routes(each, table), decode.route)]

    def route_of(self, address: str, source: str, ports: tuple[int, int], ifindex: int = 0) -> KernelRoute:
        """The one route that a UDP packet would take, its ECMP choice made; `ifindex`: where it came in (0: sent here).

        Raises Fault in the kernel's words where there is none, or where it leads nowhere.
        """
        request = encode.get_route(address, source, ports, ifindex)
        self._seq += 1
        head = _HEADER.pack(16 + len(request.body), request.type, encode.F_REQUEST, self._seq, 0)
        self._socket.send(head + request.body)
        while True:
            for message in self._read():
                if message.seq == self._seq and message.type == _ERROR:
                    code, words = decode.refusal(message.body, message.flags)
                    raise Fault(f"{request.what}: {words or os.strerror(code)}")
                if message.seq == self._seq:
                    return decode.route(message.body)

    def addresses(self) -> list[KernelAddress]:
        """All addresses."""
        return self._list(encode.dump_addresses(0), decode.address)

    def neighbours(self) -> list[KernelNeighbour]:
        """The neighbour entries of IPv4 and IPv6, permanent ones included."""
        families = (socket.AF_INET, socket.AF_INET6)
        return [found for each in families for found in self._list(encode.dump_neighbours(each), decode.neighbour)]

    def filters(self, index: int, side: FilterSide) -> list[KernelFilter]:
        """The filters that packets meet on one side of an interface."""
        found = self._list(encode.dump_filters(index, side), decode.filter)
        return [each for each in found if each.name]  # the kernel lists each number once more, without its filter

    def queues(self) -> list[KernelQueue]:
        """The queueing disciplines of all interfaces."""
        return self._list(encode.dump_queues(), decode.queue)

    def set_link(self, link: int | str, up: bool) -> None:
        """Raise or lower an interface, by index or name."""
        self.send([encode.set_link(link, f"interface {link} {'up' if up else 'down'}", up=up)])

    def _send(self, batch: Sequence[Request]) -> list[str]:
        first, data = self._seq + 1, bytearray()
        for request in batch:
            self._seq += 1
            ack = encode.F_ACK if self._seq - first == len(batch) - 1 else 0
            flags = request.flags | encode.F_REQUEST | ack
            data += _HEADER.pack(16 + len(request.body), request.type, flags, self._seq, 0)
            data += request.body + bytes(-len(request.body) % 4)
        self._socket.send(data)
        refused: list[str] = []
        while True:
            for message in self._read():
                if message.type != _ERROR or message.seq < first:
                    continue
                code, words = decode.refusal(message.body, message.flags)
                if code:
                    refused.append(f"{batch[message.seq - first].what}: {words or os.strerror(code)}")
                if message.seq == self._seq:
                    return refused

    def _list(self, request: Request, read: Callable[[memoryview], Value]) -> list[Value]:
        for _ in range(_TRIES):
            found, whole = self._dump(request, read)
            if whole:
                break
        return found

    def _dump(self, request: Request, read: Callable[[memoryview], Value]) -> tuple[list[Value], bool]:
        self._seq += 1
        head = _HEADER.pack(16 + len(request.body), request.type, request.flags | encode.F_REQUEST, self._seq, 0)
        self._socket.send(head + request.body)
        found: list[Value] = []
        whole = True
        while True:
            for message in self._read():
                if message.seq != self._seq:
                    continue
                if message.type == _ERROR:
                    code, words = decode.refusal(message.body, message.flags)
                    raise Fault(f"{request.what}: {words or os.strerror(code)}")
                whole = whole and not message.flags & _DUMP_INTERRUPTED
                if message.type == _DONE:
                    return found, whole
                found.append(read(message.body))

    def _read(self) -> list[decode.Message]:
        size = self._socket.recv_into(self._buffer)
        return list(decode.messages(memoryview(self._buffer)[:size]))


class RouteMonitor(_Held):
    """Hears every change of a kernel's routes as it is made. A context manager; it keeps its namespace alive."""

    def __init__(self, netns: int | str) -> None:
        with inside_netns(netns):
            self._socket = _socket(_ROUTE_GROUPS)
        self._socket.setblocking(False)
        give_room(self._socket, HELD)

    def changes(self) -> Iterator[decode.RouteChange]:
        """What has changed since the last call. Raises Fault where the kernel had more to say than could be held."""
        while True:
            try:
                data = self._socket.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError as error:
                raise Fault(f"changes of routes were lost: {error.strerror}") from error
            yield from decode.route_changes(memoryview(data))


def _socket(groups: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    made.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
    made.setsockopt(_SOL_NETLINK, _STRICT, 1)
    made.bind((0, groups))
    return made
