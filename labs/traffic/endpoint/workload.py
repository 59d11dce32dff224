"""A collective over queue pairs, step by step: everybody waits for everybody before the next step. Pure; time is an
argument, in nanoseconds."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
from msgspec import Struct

from labs.traffic.collectives import Schedule
from labs.traffic.collectives.nccl import algbw, busbw
from labs.traffic.collectives.placement import carried, scheduled
from labs.traffic.endpoint.engine import End
from labs.traffic.endpoint.model import (
    TRANSFERS,
    Fidelity,
    Flow,
    Gap,
    Iteration,
    Moved,
    PerQp,
    TrafficLog,
    Transfer,
    Wanted,
    together,
)
from labs.traffic.qp.model import Completion, Operation, Region, Request, Status

LONGEST = 16 << 10  # bytes of a message at most
GRAIN = 0.002  # seconds of a NIC's rate in a message at most: goodput is told by whole messages
WIDTH = 0.05  # seconds of what `moved` counts
RKEY = 1
REGION = Region(RKEY, 0, 1 << 40)  # what every queue pair lets its peer write to
_NS = 1e9

Pair = tuple[int, int]  # source and target, as numbers of NICs


class Ranks(Struct, frozen=True):
    """One a NIC, host by host: rank = host * gpus + k, and k is the rail that it stands on."""

    hosts: int
    gpus: int = 1


def transfers(schedule: Schedule, gpus: int = 1) -> Iterator[dict[Pair, int]]:
    """The bytes from NIC to NIC in each round of a schedule. What stays within a host is NVLink's, which takes no time,
    and so is the way to the NIC of the receiver's rail."""
    for step in schedule.steps:
        size = round(step.count * schedule.block_bytes)
        way = carried(step.source, step.destination, gpus)
        moved = Counter[Pair]()
        for source, target in zip(way.source[~way.inside].tolist(), way.destination[~way.inside].tolist(), strict=True):
            moved[source, target] += size
        for _ in range(step.rounds):
            yield {pair: count for pair, count in moved.items() if count}


def rounds(wanted: Wanted, ranks: Ranks) -> list[dict[Pair, int]]:
    """One iteration of a workload, round by round. Raises Mistake for an unknown collective."""
    made = scheduled(wanted.collective, wanted.size, np.arange(ranks.hosts), ranks.gpus, wanted.seed)
    return [each for each in transfers(made, ranks.gpus) if each]


def messages(size: int, wanted: Wanted) -> list[int]:
    """The bytes of each message of a transfer: equal shares for all queue pairs, as far as whole packets go, and none
    so long that its progress cannot be seen."""
    share = -(-size // (wanted.mtu * wanted.queue_pairs))
    grain = int(wanted.rate * GRAIN / 8 / wanted.mtu)
    longest = max(min(share, grain, LONGEST // wanted.mtu), 1) * wanted.mtu
    return [min(longest, size - at) for at in range(0, size, longest)]


class _Open(Struct):
    """A transfer under way: when it began, and how many messages of it are not acknowledged."""

    begun: int
    size: int
    left: int


class _Acked(Struct):
    """What of a queue pair was acknowledged: whole messages, and their bytes."""

    messages: int = 0
    octets: int = 0


class Job:
    """A workload as it runs. `ends` are the queue pairs from one rank to another: of each the end that sends, and the
    one that receives."""

    def __init__(
        self, wanted: Wanted, names: list[str], steps: list[dict[Pair, int]], ends: Mapping[Pair, list[tuple[End, End]]]
    ) -> None:
        self.failed = ""
        self._wanted, self._names, self._steps, self._ends = wanted, names, steps, ends
        self._pair_of = {end.pair.number: pair for pair, each in ends.items() for end, _ in each}
        self._next = 0
        self._posted = Counter[Pair]()
        self._open: dict[Pair, _Open] = {}
        self._first: int | None = None  # when all of it began
        self._begun = 0  # when this iteration did
        self._iterations: list[Iteration] = []
        self._transfers: list[Transfer] = []
        self._unkept = 0
        self._moved = Counter[int]()
        self._asked = Counter[int]()  # messages by the number of the queue pair that was to send them
        self._done: defaultdict[int, _Acked] = defaultdict(_Acked)

    def advance(self, now: int) -> None:
        """Begin the next step where nothing of the last one is on its way; after the last, begin anew."""
        if self._first is None:
            self._first = self._begun = now
        if self._open or self.failed or not self._steps:
            return
        if self._next == len(self._steps):
            self._next = 0
            self._end(now)
            self._begun = now
        for pair, size in self._steps[self._next].items():
            self._post(pair, size, now)
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
        acked = self._done[end.pair.number]
        acked.messages, acked.octets = acked.messages + 1, acked.octets + done.length
        self._moved[int(now / _NS / WIDTH)] += done.length
        self._open[pair].left -= 1
        if not self._open[pair].left:
            self._keep(pair, self._open.pop(pair), now)

    def log(self, fidelity: Fidelity, now: int) -> TrafficLog:
        """What came of it so far."""
        return TrafficLog(
            wanted=self._wanted,
            begun=(now if self._first is None else self._first) / _NS,
            ended=now / _NS,
            iterations=tuple(self._iterations),
            transfers=tuple(self._transfers),
            unkept=self._unkept,
            flows=tuple(self._flow(pair, ends) for pair, ends in self._ends.items()),
            moved=tuple(Moved(at * WIDTH, count) for at, count in sorted(self._moved.items())),
            width=WIDTH,
            fidelity=fidelity,
            failed=self.failed,
            gaps=tuple(sorted(self._gaps(), key=lambda each: each.at)),
        )

    def _gaps(self) -> Iterator[Gap]:
        for (one, other), ends in self._ends.items():
            for _, far in ends:
                for at in far.gaps:
                    yield Gap(at / _NS, self._names[one], self._names[other], far.pair.number)

    def _post(self, pair: Pair, size: int, now: int) -> None:
        ends = self._ends[pair]
        sizes = messages(size, self._wanted)
        self._open[pair] = _Open(now, size, len(sizes))
        for each in sizes:
            number = self._posted[pair]
            self._posted[pair] += 1  # goes on where the last transfer ended, or the first queue pairs had most
            end = ends[number % len(ends)][0]
            end.post(Request(number, Operation.WRITE, each, rkey=RKEY))
            self._asked[end.pair.number] += 1

    def _keep(self, pair: Pair, each: _Open, now: int) -> None:
        """Take down a transfer that is complete, as long as there is room."""
        if len(self._transfers) == TRANSFERS:
            self._unkept += 1
            return
        source, target = (self._names[rank] for rank in pair)
        self._transfers.append(Transfer(each.begun / _NS, (now - each.begun) / _NS, source, target, each.size))

    def _end(self, now: int) -> None:
        begun, ended = self._begun / _NS, now / _NS
        speeds = (algbw(self._wanted.size, ended - begun), self._bus(ended - begun)) if ended > begun else (0.0, 0.0)
        self._iterations.append(Iteration(begun, ended, *speeds))

    def _bus(self, seconds: float) -> float:
        return busbw(self._wanted.collective, len(self._names), self._wanted.size, seconds)

    def _flow(self, pair: Pair, ends: list[tuple[End, End]]) -> Flow:
        source, target = (self._names[rank] for rank in pair)
        return together(source, target, (self._connection(end, far) for end, far in ends))

    def _connection(self, end: End, far: End) -> PerQp:
        number, counts = end.pair.number, end.pair.counts
        done = self._done[number]
        return PerQp(
            src_qp=number,
            dest_qp=far.pair.number,
            data_frames_tx=end.said.packets,
            data_frames_rx=far.heard.packets,
            data_frames_retransmitted=counts.sent_again,
            tx_bytes=end.said.data,
            rx_bytes=far.heard.data,
            bytes_acked=done.octets,
            message_tx=self._asked[number],
            message_complete_rx=done.messages,
            timeouts=counts.timeouts,
            ecn_ce_rx=far.marked,
            ack_tx=far.said.acks,
            ack_rx=end.heard.acks,
            nak_tx=far.said.naks,
            nak_rx=end.heard.naks,
            cnp_tx=far.said.cnps,
            cnp_rx=end.heard.cnps,
        )
