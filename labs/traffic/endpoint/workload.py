"""A collective over queue pairs, step by step: everybody waits for everybody before the next step. Pure; time is an
argument, in nanoseconds."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from labs.traffic.collectives.nccl import algbw, busbw
from labs.traffic.collectives.placement import carried
from labs.traffic.endpoint.engine import End
from labs.traffic.endpoint.model import Flow, Iteration, Moved, TrafficLog, Wanted
from labs.traffic.flows.what_if import scheduled
from labs.traffic.qp.model import Completion, Operation, Region, Request, Status

CHUNK = 16 << 10  # bytes of a message; a transfer is as many as it takes, so that its progress is seen
WIDTH = 0.05  # seconds of what `moved` counts
RKEY = 1
REGION = Region(RKEY, 0, 1 << 40)  # what every queue pair lets its peer write to
_NS = 1e9


def transfers(wanted: Wanted, hosts: int, gpus: int) -> Iterator[list[tuple[int, int, int]]]:
    """Each round of a workload as (source, destination, bytes), by the numbers of NICs, of which a host has `gpus`.

    Rails are kept: what goes to a GPU of another rail leaves by its host's NIC of that rail, where NVLink brings it;
    what stays within a host is not on the fabric.
    """
    schedule = scheduled(wanted.collective, wanted.size, np.arange(hosts), gpus, wanted.seed)
    for step in schedule.steps:
        way, size = carried(step.source, step.destination, gpus), round(step.count * schedule.block_bytes)
        inside = way.inside.tolist()
        pairs = list(zip(way.source.tolist(), way.destination.tolist(), inside, strict=True))
        for _ in range(step.rounds):
            yield [(source, target, size) for source, target, within in pairs if size and not within]


def talking(wanted: Wanted, hosts: int, gpus: int) -> list[tuple[int, int]]:
    """Which NICs send to which in a workload."""
    return sorted({(source, target) for step in transfers(wanted, hosts, gpus) for source, target, _ in step})


class Job:
    """A workload as it runs, over the NICs of these names, `gpus` a host. `ends` are the queue pairs from one NIC to
    another: of each the end that sends, and the one that receives."""

    def __init__(
        self, wanted: Wanted, names: list[str], gpus: int, ends: Mapping[tuple[int, int], list[tuple[End, End]]]
    ) -> None:
        self.failed = ""
        self._wanted, self._names, self._ends = wanted, names, ends
        self._steps = list(transfers(wanted, len(names) // gpus, gpus))
        self._pair_of = {end.pair.number: pair for pair, each in ends.items() for end, _ in each}
        self._next, self._waiting, self._ids = 0, 0, 0
        self._begun: int | None = None
        self._iterations: list[Iteration] = []
        self._moved: Counter[int] = Counter()
        self._acked: Counter[tuple[int, int]] = Counter()

    def advance(self, now: int) -> None:
        """Begin the next step where nothing of the last one is on its way; after the last, begin anew."""
        if self._waiting or self.failed or not self._steps:
            return
        if self._next == len(self._steps):
            self._next = 0
            self._end(now)
        if self._next == 0:
            self._begun = now
        for source, target, size in self._steps[self._next]:
            self._post(source, target, size)
        self._next += 1

    def completed(self, end: End, done: Completion, now: int) -> None:
        """Take down what a queue pair has completed."""
        pair = self._pair_of.get(end.pair.number)
        if pair is None or self.failed:
            return
        if done.status is not Status.SUCCESS:
            source, target = (self._names[rank] for rank in pair)
            self.failed = f"{source} to {target}: {done.status}"
            return
        self._waiting -= 1
        self._acked[pair] += done.length
        self._moved[int(now / _NS / WIDTH)] += done.length

    def log(self, refused: int, late: float) -> TrafficLog:
        """What came of it so far."""
        moved = tuple(Moved(at * WIDTH, count) for at, count in sorted(self._moved.items()))
        flows = tuple(self._flow(pair, ends) for pair, ends in self._ends.items())
        return TrafficLog(self._wanted, tuple(self._iterations), flows, moved, WIDTH, refused, late, self.failed)

    def _post(self, source: int, target: int, size: int) -> None:
        ends = self._ends[source, target]
        chunks = [min(CHUNK, size - at) for at in range(0, size, CHUNK)]
        for number, chunk in enumerate(chunks):
            self._ids += 1
            self._waiting += 1
            ends[number % len(ends)][0].pair.post(Request(self._ids, Operation.WRITE, chunk, rkey=RKEY))

    def _end(self, now: int) -> None:
        if self._begun is None:
            return
        begun, ended = self._begun / _NS, now / _NS
        speeds = (algbw(self._wanted.size, ended - begun), self._bus(ended - begun)) if ended > begun else (0.0, 0.0)
        self._iterations.append(Iteration(begun, ended, *speeds))

    def _bus(self, seconds: float) -> float:
        return busbw(self._wanted.collective, len(self._names), self._wanted.size, seconds)

    def _flow(self, pair: tuple[int, int], ends: list[tuple[End, End]]) -> Flow:
        counts = [end.pair.counts for end, _ in ends]
        return Flow(
            source=self._names[pair[0]],
            target=self._names[pair[1]],
            frames_tx=sum(end.frames for end, _ in ends),
            bytes_acked=self._acked[pair],
            frames_retransmitted=sum(each.sent_again for each in counts),
            timeouts=sum(each.timeouts for each in counts),
            naks_rx=sum(each.naks_heard for each in counts),
            cnps_rx=sum(end.notified for end, _ in ends),
            ecn_marked_rx=sum(far.marked for _, far in ends),
        )
