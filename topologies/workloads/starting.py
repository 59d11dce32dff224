"""The workloads of a whole lab: started round by round, each round ready before the next begins."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from topologies.errors import Fault, Mistake
from topologies.runtime.door import Door, enter, open_door
from topologies.runtime.model import LabRecord, Say
from topologies.waiting import until
from topologies.workloads import running
from topologies.workloads.model import Task
from topologies.workloads.running import Seen, State

Place = tuple[str, Task]
"""A program and the node that it runs on."""


def placed(record: LabRecord, nodes: Iterable[str] | None = None) -> tuple[Place, ...]:
    """Every program of a lab's workloads, or of those nodes', as it is started: round by round."""
    wanted = None if nodes is None else set(nodes)
    found = [(node.name, task) for node in record.lab.nodes for task in node.tasks]
    return tuple(
        sorted((each for each in found if wanted is None or each[0] in wanted), key=lambda place: place[1].order)
    )


def start(record: LabRecord, *, say: Say) -> float:
    """Start everything and wait until it is ready; returns the seconds that it took, 0 where there is nothing.

    Raises Fault for a program that ends instead, with its last words, or is not ready in its time.
    """
    places = placed(record)
    if not places:
        return 0.0
    begun, told = time.monotonic(), _Told(say, len(places))
    enter(record)
    for _, together in groupby(places, key=lambda place: place[1].order):
        doors = [(open_door(record, node), task) for node, task in together]
        for door, task in doors:
            running.begin(door, task)
        wait_until_ready(doors, told.ready)
        told.round_ended(len(doors))
    return time.monotonic() - begun


class _Told:
    """How many are ready, over all rounds."""

    def __init__(self, say: Say, count: int) -> None:
        self._say, self._count, self._before = say, count, 0
        self.ready(0)

    def ready(self, count: int) -> None:
        """So many of this round are."""
        self._say("workloads", self._before + count, self._count)

    def round_ended(self, count: int) -> None:
        """All of this round are."""
        self._before += count


def begin(record: LabRecord, node: str) -> None:
    """Start what runs on a node that was powered on again, and leave it to itself: what it needs may come later."""
    if places := placed(record, [node]):
        enter(record)
        door = open_door(record, node)
        for _, task in places:
            running.begin(door, task)


def wait_until_ready(doors: list[tuple[Door, Task]], tell: Callable[[int], None]) -> None:
    """Wait until programs that were begun are ready. Raises Fault for the first that ends, or is late."""
    begun, waiting, count = time.monotonic(), list(doors), len(doors)

    def missing() -> str:
        nonlocal waiting
        found = [(door, running.look(door, task)) for door, task in waiting]
        for door, seen in found:
            _refuse_failed(door, seen, time.monotonic() - begun)
        waiting = [(door, seen.task) for door, seen in found if seen.state is not State.READY]
        tell(count - len(waiting))
        return "; ".join(f"{seen.task.name} on {door.node}: {seen.why}" for door, seen in found if seen.why)

    until("workloads ready", missing, within=max((task.within for _, task in doors), default=0.0))


def standing(record: LabRecord) -> Iterator[tuple[str, Seen]]:
    """How each program of a lab stands; what is on a node that does not run is absent."""
    enter(record)
    for node, task in placed(record):
        try:
            yield node, running.look(open_door(record, node), task)
        except Fault as error:
            yield node, Seen(task, State.ABSENT, str(error))


def found(record: LabRecord, name: str, node: str = "") -> tuple[Place, ...]:
    """The programs of that name on all nodes or one. Raises Mistake where there is none."""
    places = placed(record)
    chosen = tuple(each for each in places if each[1].name == name and node in ("", each[0]))
    if not chosen:
        there = sorted({f"{task.name} on {place}" for place, task in places})
        where = f" on {node}" if node else ""
        raise Mistake(f"lab {record.name}: no workload {name!r}{where}; there are {', '.join(there) or 'none'}")
    return chosen


def _refuse_failed(door: Door, seen: Seen, waited: float) -> None:
    task = seen.task
    if seen.state is State.ENDED:
        words = running.last_words(door, task)
        raise Fault(f"node {door.node}: {task.name} ended before it was ready, {seen.why}: {words}")
    if seen.state is not State.READY and waited > task.within:
        log = f"`closlab logs {door.node} {task.name}` shows more"
        raise Fault(f"node {door.node}: {task.name} is not ready after {task.within:g} s: {seen.why}; {log}")
