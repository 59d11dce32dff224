"""A receiver that cannot keep up, and pauses its switch.

The receiver's NIC sends real frames of priority flow control over its cable. No kernel heeds them, so the switch's port
is modelled: a process hears the frames at the port, and has the port's shaper be as slow as they asked for over the
last WINDOW, holding as many bytes as before. What waits there is marked and dropped as ever. When no more frames come,
for whatever reason, and their time has run out, the port has its rate again.

What is not modelled: single classes (the port is paused as a whole), and a switch that pauses those before it when it
fills up; so there is no head-of-line blocking beyond the port.
"""

import errno
import select
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise

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
WINDOW = 0.2  # seconds over which pauses are averaged; ten of them
STEP = 0.02  # share of the rate below which a change is none
MOST = 0.99  # of the time: a queue cannot be given no rate at all
NEAR = 0.05  # share of its whole rate by which the port's may be another than asked for
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
        return "" if abs(found - rate) <= NEAR * before.rate else f"{port} sends at {found / 1e6:g} Mbit/s"

    return Injected(str(host), lambda: lacks(wanted), heal, lambda: lacks(before.rate))


class Asked(Struct, frozen=True):
    """What frames have asked for that still counts: when each came, and for how many seconds of pause. Pure."""

    pauses: tuple[tuple[float, float], ...] = ()

    def heard(self, pause: float, at: float) -> "Asked":
        """One more frame, which asks for so many seconds."""
        kept = (each for each in self.pauses if sum(each) > at - WINDOW)
        return Asked((*kept, (at, pause)))

    def share(self, now: float) -> float:
        """How much of the last WINDOW was paused. A frame overrides the one before it, so it ends that one's time."""
        begins = [max(at, now - WINDOW) for at, _ in self.pauses]
        limits = [*(later for _, (later, _) in pairwise(self.pauses)), now]
        ends = [min(at + pause, limit) for (at, pause), limit in zip(self.pauses, limits, strict=False)]
        return sum(max(end - begin, 0.0) for begin, end in zip(begins, ends, strict=True)) / WINDOW


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
        while self._share:
            self._heed(EVERY)
        reshape(self._netns, self._port, self._before)

    def _say(self) -> None:
        try:
            self._mouth.send(self._frame)
        except OSError as error:
            if error.errno not in (errno.ENETDOWN, errno.ENOBUFS, errno.ENXIO):  # its cable is down, as it may be
                raise

    def _heed(self, within: float) -> None:
        """Hear what comes within so many seconds, and be as slow as is asked for; unasked, as fast as before."""
        if select.select([self._ear], [], [], within)[0]:
            pause = pfc.pause_of(self._ear.recv(LARGEST))
            if pause is not None:
                longest = max((each for each in pause.quanta if each is not None), default=0)
                self._asked = self._asked.heard(pfc.seconds(longest, self._rate), time.monotonic())
        share = self._asked.share(time.monotonic())
        if abs(share - self._share) > STEP or (share == 0.0) != (self._share == 0.0):
            self._share = share
            rate = round(self._before.rate * (1 - min(share, MOST)))
            reshape(self._netns, self._port, replace(self._before, rate=rate))


def _bound(door: Door, interface: str, protocol: int) -> socket.socket:
    sock = door.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, protocol))
    return sock


def _mac(kernel: Netlink, interface: str) -> str:
    for link in kernel.links():
        if link.name == interface:
            return link.mac
    raise Fault(f"{interface} is gone")
