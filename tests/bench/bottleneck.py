"""RDMA flows with DCQCN through one bottleneck of a live fabric: what each gets, and how long the queue is.

hosts 2 to N + 1 -- leaf1 -- host 1      the leaf's port to host 1 is as fast as a NIC, and marks by its real backlog

Everything is slowed down alike: rates are divided and times multiplied by the dilation, bytes stay as they are.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from labs.impairing import impair
from labs.traffic.endpoint.engine import End, Engine
from labs.traffic.endpoint.model import Fidelity, Wanted
from labs.traffic.endpoint.nic import Nic
from labs.traffic.endpoint.placing import Seat, engine, seats
from labs.traffic.endpoint.running import IDLE, STAT, stolen
from labs.traffic.endpoint.workload import RKEY
from labs.traffic.flows.model import MBPS
from labs.traffic.qp.model import Operation, Request, Status
from tests.modelled import Modelled
from topologies.aside import lasting
from topologies.errors import Fault
from topologies.impairments import backends
from topologies.impairments.model import Impairment, Marking, Queue
from topologies.runtime.door import Door, open_door
from topologies.runtime.netlink import Netlink

DATA = 4096  # bytes in each packet
DSCP, SHARE, ROOM = 26, 99, 4_000_000  # the queue of RoCE: once rates have settled it drops nothing
ENDLESS = 1 << 31  # bytes of a flow's only message, the most that there may be
APART = 0.004  # seconds between two looks at the queue


@dataclass(frozen=True, slots=True)
class Ended:
    """Whether the machine kept up, and packets that were sent again once rates had settled."""

    fidelity: Fidelity
    again: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen once rates had settled: bytes of each flow and in how many seconds, the queue in bytes whenever it
    was looked at, packets that were marked and that were not, and what the flows themselves tell."""

    moved: tuple[int, ...]
    seconds: float
    queue: tuple[int, ...]
    marked: int
    unmarked: int
    ended: Ended


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The port that all flows leave by, in a lab that runs."""

    lab: Modelled
    law: Marking
    line_rate: float  # bit/s of the NIC that is meant

    @property
    def places(self) -> list[Seat]:
        """The NICs; the first receives."""
        return seats(self.lab.plan)

    @property
    def end(self) -> str:
        """The leaf's end of the first NIC's cable."""
        return str(self.lab.plan.nodes[self.places[0].node].interfaces[0].peer)

    def run(self, warm: float, seconds: float) -> Seen:
        """Have all others send to the first NIC for so long, and look on once `warm` seconds have passed."""
        queues = (Queue(DSCP, SHARE, ROOM),)
        impair(self.lab.record, [self.end], Impairment(rate_mbps=self.lab.mbps, ecn=self.law, queues=queues))
        receiver = open_door(self.lab.record, self.places[0].node)
        receiver.run(["nft", "--file", "-"], input=counters([each.address for each in self.places[1:]]))
        with lasting("flows", lambda: self._flows(warm)) as flows:
            flows.ready()
            flows.begin()
            self._looked(warm)
            before, begun = self._marks(), time.monotonic()
            counted(receiver)
            queue = self._looked(seconds)
            moved, passed, after = counted(receiver), time.monotonic() - begun, self._marks()
            flows.end()
            return Seen(moved, passed, queue, after[0] - before[0], after[1] - before[1], flows.result())

    def _flows(self, warm: float) -> Callable[[Callable[[], bool]], Ended]:
        """A queue pair of each other NIC with more to write than there is time for."""
        wanted = Wanted("incast", "incast", DATA, mtu=DATA, rate=self.lab.mbps * MBPS, line_rate=self.line_rate)
        machine, _ = engine(
            wanted, self.places, lambda seat: Nic(open_door(self.lab.record, seat.node), seat.interface, seat.address)
        )
        ends = [end for seat in self.places[1:] for end in machine.ports[seat.name].ends.values()]
        for end in ends:
            end.post(Request(1, Operation.WRITE, ENDLESS, rkey=RKEY))
        return lambda ended: _driven(machine, ends, warm, ended)

    def _looked(self, seconds: float) -> tuple[int, ...]:
        """The queue for a while."""
        node, _, interface = self.end.partition(":")
        found, door = [], open_door(self.lab.record, node)
        with door.netlink() as kernel:
            index = next(link.index for link in kernel.links() if link.name == interface)
            ended = time.monotonic() + seconds
            while time.monotonic() < ended:
                found.append(backlog(kernel, index))
                time.sleep(APART)
        return tuple(found)

    def _marks(self) -> tuple[int, int]:
        """Packets marked, and not."""
        node, _, interface = self.end.partition(":")
        netns = open_door(self.lab.record, node).netns
        count = backends.chosen().read(netns, {interface: 0})[interface].count
        return count.marked, count.unmarked


def _driven(machine: Engine, ends: list[End], warm: float, ended: Callable[[], bool]) -> Ended:
    """Drive all queue pairs until it is time to end."""
    begun = last = time.monotonic_ns()
    late, again, before, settled = 0, 0, STAT.read_text(), begun + int(warm * 1e9)
    while not ended():
        now = time.monotonic_ns()
        if now < settled:
            late, again = 0, sum(end.pair.counts.sent_again for end in ends)
        late, last = max(late, now - last), now
        busy = machine.turn(now)
        if failed := [done for _, done in machine.completions() if done.status is not Status.SUCCESS]:
            raise Fault(f"a flow ended: {failed[0].status}")
        if not busy:
            time.sleep(IDLE)
    steal = stolen(before, STAT.read_text())
    fidelity = machine.fidelity(late / 1e9, steal, (time.monotonic_ns() - begun) / 1e9)
    return Ended(fidelity, sum(end.pair.counts.sent_again for end in ends) - again)


def backlog(kernel: Netlink, index: int) -> int:
    """The bytes that wait at an interface; Fault where the kernel has no root queue there."""
    for queue in kernel.queues():
        if queue.root and queue.index == index:
            return queue.backlog
    raise Fault(f"no queue at interface {index}")


def counters(sources: list[str]) -> str:
    """Count the bytes of RoCE by who sent them, where they come in. Pure."""
    names = [f"flow{number}" for number in range(len(sources))]
    made = "".join(f"counter {name} {{ }}\n" for name in names)
    rules = "".join(
        f"ip saddr {each} udp dport 4791 counter name {name}\n" for each, name in zip(sources, names, strict=True)
    )
    hook = "type filter hook prerouting priority -300\n"
    return f"table inet flows {{\n{made}chain coming {{\n{hook}{rules}}}\n}}\n"


def counted(door: Door) -> tuple[int, ...]:
    """The bytes of each flow since this was last asked."""
    told = json.loads(door.run(["nft", "--json", "reset", "counters", "table", "inet", "flows"]).stdout)["nftables"]
    by_name = {each["counter"]["name"]: int(each["counter"]["bytes"]) for each in told if "counter" in each}
    return tuple(by_name[f"flow{number}"] for number in range(len(by_name)))
