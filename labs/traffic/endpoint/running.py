"""Workloads on a lab, as a process of their own that works until it is let end."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from labs.traffic.endpoint.model import Link, TrafficLog, Wanted
from labs.traffic.endpoint.nic import Nic
from labs.traffic.endpoint.placing import FIRST, Seat, engine, seats
from topologies.aside import Held, lasting
from topologies.plan import Plan
from topologies.runtime.door import enter, open_door
from topologies.runtime.model import LabRecord

IDLE = 0.0002  # seconds that the loop rests when nothing happens
NUMBERS = 1 << 24  # of queue pairs


@contextmanager
def running(record: LabRecord, plan: Plan, wanted: Sequence[Wanted]) -> Iterator[Held[tuple[TrafficLog, ...]]]:
    """Workloads that wait for `begin`; `result` ends them and returns what came of each. Times are CLOCK_MONOTONIC's.

    Call it while the process has one thread. Raises Mistake for a workload that cannot be on this fabric.
    """
    enter(record)
    with lasting("traffic", lambda: _ready(record, seats(plan), wanted)) as held:
        yield held


def _ready(
    record: LabRecord, places: list[Seat], wanted: Sequence[Wanted]
) -> Callable[[Callable[[], bool]], tuple[TrafficLog, ...]]:
    """One engine a workload, each with sockets of its own on the same NICs.

    The numbers of queue pairs begin anywhere, for another process may have some on the same NICs.
    """

    def open_link(seat: Seat) -> Link:
        return Nic(open_door(record, seat.node), seat.interface, seat.address)

    begin = FIRST + int.from_bytes(os.urandom(3), "big") % (NUMBERS // 2)
    made = []
    for each in wanted:
        made.append(engine(each, places, open_link, begin))
        begin += sum(len(port.ends) for port in made[-1][0].ports.values())

    def work(ended: Callable[[], bool]) -> tuple[TrafficLog, ...]:
        late, last = 0, time.monotonic_ns()
        while not ended():
            now = time.monotonic_ns()
            late, last = max(late, now - last), now
            busy = False
            for machine, job in made:
                job.advance(now)
                busy = machine.turn(now) or busy
                for end, done in machine.completions():
                    job.completed(end, done, now)
            if not busy:
                time.sleep(IDLE)
        refused = [sum(port.refused for port in machine.ports.values()) for machine, _ in made]
        return tuple(job.log(count, late / 1e9) for (_, job), count in zip(made, refused, strict=True))

    return work
