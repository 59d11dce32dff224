"""The lab's relay: one process that carries what comes in at published ports to nodes, and what they answer back.

It lives among the lab's processes and ends with them. Its listening sockets belong to the machine's network, its
connections are made in the lab's own, where the management bridge is; so nothing else of either is joined.
"""

import asyncio
import os
from contextlib import suppress
from functools import partial
from typing import NoReturn, cast

from topologies.runtime.netns.channel import Channel
from topologies.runtime.netns.ports import Published

CHUNK = 1 << 16
FORGET = 60.0  # seconds after which a silent UDP client is a new one

Target = tuple[str, int]


def start(published: list[Published], channel: Channel) -> None:
    """Start the relay as a child of this process; it keeps no hold of the channel."""
    if os.fork() == 0:
        channel.close()
        _live(published)


def _live(published: list[Published]) -> NoReturn:
    try:
        asyncio.run(_serve(published))
    finally:
        os._exit(1)


async def _serve(published: list[Published]) -> None:
    loop = asyncio.get_running_loop()
    for each in published:
        if each.port.protocol == "tcp":
            await asyncio.start_server(partial(_carry, each.target), sock=each.socket)
        else:
            await loop.create_datagram_endpoint(partial(_Clients, each.target), sock=each.socket)
    await asyncio.Event().wait()


async def _carry(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Join one client to a port of a node, until both have said all."""
    try:
        far_reader, far_writer = await asyncio.open_connection(*target)
    except OSError:
        writer.close()  # as the kernel would refuse it, had it been asked
        return
    await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
    for each in (writer, far_writer):
        each.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


class _Clients(asyncio.DatagramProtocol):
    """The clients of one UDP port; each gets a socket of its own towards the node, so that answers find back."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._clients: dict[Target, _Answers] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # no subclass of it in asyncio's own loop

    def datagram_received(self, data: bytes, addr: Target) -> None:
        client = self._clients.get(addr)
        if client is None:
            client = self._clients[addr] = _Answers(self._transport, addr, partial(self._clients.pop, addr, None))
            loop = asyncio.get_running_loop()
            client.task = loop.create_task(loop.create_datagram_endpoint(lambda: client, remote_addr=self._target))
        client.send(data)


class _Answers(asyncio.DatagramProtocol):
    """One client's socket towards the node."""

    def __init__(self, back: asyncio.DatagramTransport, client: Target, forget: partial[object]) -> None:
        self.task: asyncio.Task[object] | None = None  # held so that it is not collected before it is done
        self._back, self._client, self._forget = back, client, forget
        self._there: asyncio.DatagramTransport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._there = cast(asyncio.DatagramTransport, transport)
        self._timer = asyncio.get_running_loop().call_later(FORGET, transport.close)
        for data in self._early:
            self._there.sendto(data)

    def send(self, data: bytes) -> None:
        if self._there is None:
            self._early.append(data)
            return
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(FORGET, self._there.close)
        self._there.sendto(data)

    def datagram_received(self, data: bytes, addr: Target) -> None:
        self._back.sendto(data, self._client)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
