"""A receiver that cannot keep up, and pauses its switch.

The receiver's NIC sends real frames of priority flow control over its cable. No kernel heeds them, so the switch's port
is modelled: a process hears the frames at the port, and has the port's shaper be as slow as they ask for on average,
holding as many bytes as before. What waits there is marked and dropped as ever. When no more frames come, and their
time has run out, the port has its rate again.

What is not modelled: single classes (the port is paused as a whole), and a switch that pauses those before it when it
fills up; so there is no head-of-line blocking beyond the port.
"""

import errno
import select
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

from msgspec import Struct
from msgspec.structs import replace

from labs.chaos.faults.model import SlowReceiver
from labs.chaos.live import Injected, Live, endpoint
from labs.chaos.places import receiver
from labs.traffic import pfc
from topologies.aside import lasting
from topologies.errors import Fault
from topologies.impairments.shaper import Shaper, reshape, shaper
from topologies.runtime.door import Door
from topologies.runtime.netlink import Netlink

EVERY = 0.02  # seconds from one frame to the next
SOON = 5  # frames after which the port knows what it is asked for
STEP = 0.01  # share of the rate below which a change is none
OVER = 5 * EVERY  # seconds without frames after which there are no more
NEAR = 0.05  # share by which the port's rate may be another than asked for
LARGEST = 2048


def slow_receiver(live: Live, step: SlowReceiver) -> Injected:
    """Have a host's NIC take a share of its cable's rate, and pause its switch for the rest of the time."""
    host = endpoint(receiver(step, live.fabric))
    port = live.far(host)
    door, there = live.door(host.node), live.door(port.node)
    before = shaper(there.netns, port.interface)
    wanted = before.rate * step.takes / 100
    stack = ExitStack()
    work = _prepared(door, host.interface, there, port.interface, 1 - step.takes / 100, before)
    held = stack.enter_context(lasting("slow receiver", work))
    try:
        held.ready()
        held.begin()
    except BaseException:
        stack.close()
        raise

    def heal() -> None:
        with stack:
            held.end()
            held.result()

    def lacks(rate: float) -> str:
        found = shaper(live.door(port.node).netns, port.interface).rate
        return "" if abs(found - rate) <= NEAR * rate else f"{port} sends at {found / 1e6:g} Mbit/s"

    return Injected(str(host), lambda: lacks(wanted), heal, lambda: lacks(before.rate))


class Asked(Struct, frozen=True):
    """What frames have asked for: when the first and the last came, how many there were, and for how many seconds of
    pause all but the last one asked. Pure."""

    first: float = 0.0
    last: float = 0.0
    frames: int = 0
    paused: float = 0.0
    latest: float = 0.0

    def heard(self, pause: float, at: float) -> "Asked":
        """One more frame, which asks for so many seconds."""
        first = at if not self.frames else self.first
        return Asked(first, at, self.frames + 1, self.paused + self.latest, pause)

    @property
    def share(self) -> float | None:
        """Of the time, how much is to be paused; None where nobody knows yet."""
        if self.frames < SOON or self.last <= self.first:
            return None
        return min(self.paused / (self.last - self.first), 1.0)


def _prepared(
    host: Door, nic: str, switch: Door, port: str, share: float, before: Shaper
) -> Callable[[], Callable[[Callable[[], bool]], None]]:
    def ready() -> Callable[[Callable[[], bool]], None]:
        return _Both(host, nic, switch, port, share, before).run

    return ready


class _Both:
    """The NIC that pauses, and the port that heeds it."""

    def __init__(self, host: Door, nic: str, switch: Door, port: str, share: float, before: Shaper) -> None:
        self._mouth, self._ear = _bound(host, nic, 0), _bound(switch, port, pfc.ETHERTYPE)
        self._netns, self._port, self._before = switch.netns, port, before
        self._rate = before.rate / 1e6
        with host.netlink() as kernel:
            mac = bytes.fromhex(_mac(kernel, nic).replace(":", ""))
        self._frame = pfc.frame(mac, pfc.Pause((pfc.quanta(share * EVERY, self._rate),) * pfc.CLASSES))
        self._asked, self._share = Asked(), 0.0

    def run(self, ended: Callable[[], bool]) -> None:
        """Pause until let end, and heed until the last pause is over."""
        due = time.monotonic()
        while not ended():
            self._say()
            due += EVERY
            while (left := due - time.monotonic()) > 0:
                self._heed(left)
        until = time.monotonic() + OVER
        while (left := until - time.monotonic()) > 0:
            self._heed(left)
        reshape(self._netns, self._port, self._before)

    def _say(self) -> None:
        try:
            self._mouth.send(self._frame)
        except OSError as error:
            if error.errno not in (errno.ENETDOWN, errno.ENOBUFS, errno.ENXIO):  # its cable is down, as it may be
                raise

    def _heed(self, within: float) -> None:
        """Hear what comes within so many seconds, and be as slow as it asks for."""
        if not select.select([self._ear], [], [], within)[0]:
            return
        pause = pfc.pause_of(self._ear.recv(LARGEST))
        if pause is None:
            return
        longest = max((each for each in pause.quanta if each is not None), default=0)
        self._asked = self._asked.heard(pfc.seconds(longest, self._rate), time.monotonic())
        share = self._asked.share
        if share is not None and abs(share - self._share) > STEP:
            self._share = share
            reshape(self._netns, self._port, replace(self._before, rate=round(self._before.rate * (1 - share))))


def _bound(door: Door, interface: str, protocol: int) -> socket.socket:
    sock = door.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, protocol))
    return sock


def _mac(kernel: Netlink, interface: str) -> str:
    for link in kernel.links():
        if link.name == interface:
            return link.mac
    raise Fault(f"{interface} is gone")
