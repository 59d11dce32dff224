"""Workloads on a lab, as a process of their own that works until it is let end."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from labs.traffic.endpoint.engine import Engine
from labs.traffic.endpoint.model import Link, TrafficLog, Wanted
from labs.traffic.endpoint.nic import Nic
from labs.traffic.endpoint.placing import FIRST, Seat, engine, seats
from labs.traffic.endpoint.workload import Job
from topologies.aside import Held, lasting
from topologies.plan import Plan
from topologies.runtime.door import enter, open_door
from topologies.runtime.model import LabRecord

IDLE = 0.0002  # seconds that the loop rests when nothing happens
STAT = Path("/proc/stat")
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

    return lambda ended: _work(ended, made)


def _work(ended: Callable[[], bool], made: Sequence[tuple[Engine, Job]]) -> tuple[TrafficLog, ...]:
    """Drive all engines until it is time to end."""
    late, before = 0, STAT.read_text()
    last = begun = time.monotonic_ns()
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
    steal, now = stolen(before, STAT.read_text()), time.monotonic_ns()
    return tuple(job.log(machine.fidelity(late / 1e9, steal, (now - begun) / 1e9), now) for machine, job in made)


def stolen(before: str, after: str) -> float:
    """The share of all processors' time between two readings of /proc/stat that went to other virtual machines
    (proc(5): the eighth number of the line `cpu`, of ten, of which the last two are counted among the first)."""
    ticks = [[int(each) for each in text.split("\n", 1)[0].split()[1:9]] for text in (before, after)]
    passed = [late - early for early, late in zip(*ticks, strict=True)]
    return passed[7] / sum(passed) if sum(passed) > 0 else 0.0
