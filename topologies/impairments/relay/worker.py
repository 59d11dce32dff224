"""The process of a relay. It goes on until the process that holds the network, or the interface, is gone; SIGTERM lets
it end once nothing waits any more."""

import fcntl
import os
import random
import select
import signal
import socket
import time
from contextlib import suppress
from typing import NoReturn

from topologies.errors import ClosError
from topologies.impairments.model import Impairment
from topologies.impairments.relay.line import Line
from topologies.impairments.relay.model import MARK, Relay
from topologies.impairments.relay.tap import LARGEST, MTU, QUEUE, open_mouth, open_tap
from topologies.runtime import identity, syscalls
from topologies.runtime.netlink import Netlink
from topologies.runtime.netlink_encode import set_link, shape_link

FINE, FAILED = "+", "-"  # what is said first: the name of the tap follows, or what kept it from beginning
NAME = "closlab-relay"
AT_ONCE = 64  # packets read before those that are due have their turn
URGENT = -15  # as `nice` counts


def live(netns: str, holder: int, interface: str, wanted: Impairment, writer: int) -> NoReturn:
    """Be the process, and never come back to what this one was a copy of. What came of the beginning goes to `writer`,
    which is closed then."""
    try:
        writer = fcntl.fcntl(writer, fcntl.F_DUPFD, 3)  # it may be one of the three, where the caller had closed those
        _detach(writer)
        try:
            held = os.pidfd_open(holder)
            tap, mouth, name = _opened(netns, interface, wanted)
        except (ClosError, OSError) as error:
            os.write(writer, f"{FAILED}{error}".encode())
            os._exit(1)
        ended = _asked_to_end()
        os.write(writer, f"{FINE}{name}".encode())
        os.close(writer)
        _Loop(tap, mouth, Line(wanted, random.Random().random)).run(held, ended)
    finally:
        os._exit(0)


def _detach(writer: int) -> None:
    """Have nothing of the process that this one was a copy of; be on time as far as that is allowed, yet not before
    all others: a relay that is busy must not starve routers."""
    os.setsid()
    os.chdir("/")
    os.closerange(0, writer)
    os.closerange(writer + 1, os.sysconf("SC_OPEN_MAX"))
    os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(0, stream)
    syscalls.call_oneself(NAME)
    syscalls.be_exact()
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, URGENT)


def _opened(netns: str, interface: str, wanted: Impairment) -> tuple[int, socket.socket, str]:
    """A tap that is up and says whose it is, with its name, and the socket behind it. Raises Fault and OSError."""
    with syscalls.inside_netns(netns):
        tap, name = open_tap()
        mouth = open_mouth(interface, MARK)
        relay = Relay(name, interface, identity.identify(os.getpid()), wanted)
        with Netlink.open() as kernel:
            what = f"tap {name}"
            shape = shape_link(name, what, mtu=MTU, queue=QUEUE, alias=relay.alias())
            kernel.send([shape, set_link(name, what, up=True)])
    return tap, mouth, name


def _asked_to_end() -> socket.socket:
    """A socket that is readable once SIGTERM has come; other signals do what they do by themselves."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    ended, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.detach())
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    return ended


class _Loop:
    """Reads, waits, sends."""

    def __init__(self, tap: int, mouth: socket.socket, line: Line) -> None:
        self._tap, self._mouth, self._line = tap, mouth, line
        self._buffer = bytearray(LARGEST)

    def run(self, held: int, ended: socket.socket) -> None:
        """Until the holder is gone, or the interface; or nothing waits and it was asked to end."""
        ending = False
        while not ending or self._line.next_moment() is not None:
            watched = [held, ended.fileno(), self._mouth.fileno(), *([] if self._line.full else [self._tap])]
            ready, _, _ = select.select(watched, [], [], self._patience())
            if held in ready or (self._mouth.fileno() in ready and self._gone()):
                return
            if ended.fileno() in ready and ended.recv(64):
                ending = True
            self._read()
            for frame in self._line.due(time.monotonic_ns()):
                self._send(frame)

    def _patience(self) -> float | None:
        """Seconds until something is due; None for as long as it takes."""
        moment = self._line.next_moment()
        return None if moment is None else max(moment - time.monotonic_ns(), 0) / 1e9

    def _read(self) -> None:
        """Take in some of what has come."""
        for _ in range(AT_ONCE):
            if self._line.full:
                return
            try:
                size = os.readv(self._tap, [self._buffer])
            except BlockingIOError:
                return
            self._line.take(bytes(memoryview(self._buffer)[:size]), time.monotonic_ns())

    def _send(self, frame: bytes) -> None:
        """Send a packet; one that the interface does not take, down or full, is lost as on any other way."""
        with suppress(OSError):
            self._mouth.send(frame)

    def _gone(self) -> bool:
        """Whether the interface is no more; one that is only down comes back."""
        self._mouth.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # takes the error off the socket
        return not self._mouth.getsockname()[0]
