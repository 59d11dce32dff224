"""What is asked of traffic, and what came of it. Values only; times are seconds, rates bit/s."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from labs.traffic.endpoint.frames import Heard

TRANSFERS = 20_000  # kept one by one
GAPS = 1_000  # of a queue pair, kept one by one
MOST_LOST = 0.05  # share of time that may be lost without a doubt


class Link(Protocol):
    """One NIC's way onto the wire and back."""

    def send(self, frame: bytes) -> bool:
        """Send a frame; False where there was no room, and it was not sent. A dead cable takes it and loses it."""

    def heard(self) -> Sequence[Heard]:
        """Some of what came since the last call, in order."""

    def overrun(self) -> int:
        """How many frames came, in all, and were lost because nobody had listened for too long."""

    def close(self) -> None:
        """Let go of the wire."""


class Wanted(Struct, frozen=True):
    """A workload: a collective over all NICs, again and again. `size` is in bytes, `rate` that of each NIC here.

    `line_rate` is that of the NIC that it stands for: DCQCN runs with its rates divided by `dilation` and its times
    multiplied by it, so that the same packets are marked and answered. The transport's own timers are not dilated, for
    what they wait for, routing, is not either.
    """

    name: str
    collective: str
    size: int
    queue_pairs: int = 1  # between each two NICs that talk
    mtu: int = 1024  # bytes of data in a packet
    rate: float = 50e6
    seed: int = 0
    line_rate: float = 40e9  # what DCQCN's constants are made for

    @property
    def dilation(self) -> float:
        """How many times slower congestion control runs than on the NIC that is meant."""
        return self.line_rate / self.rate


class Iteration(Struct, frozen=True):
    """One run through a collective: when it began and ended, and its bandwidths in NCCL's terms, bytes a second."""

    begun: float
    ended: float
    algbw: float
    busbw: float


class Transfer(Struct, frozen=True):
    """What one NIC had to send to another in one step: `size` bytes, when it began, and how long it was until all of it
    was acknowledged (the flow completion time)."""

    begun: float
    seconds: float
    source: str
    target: str
    size: int


class Counts(Struct, frozen=True, kw_only=True):
    """What queue pairs went through, in the names of Open Traffic Generator's RoCEv2 metrics (Rocev2Flow, per_qp), but
    for `bytes_acked` and `timeouts`, which it does not have.

    The one that sends data counts `data_frames_tx`, `tx_bytes`, `message_tx` and what comes back: `ack_rx`, `nak_rx`,
    `cnp_rx`, and with `message_complete_rx` the messages acknowledged as a whole. The one that receives counts
    `data_frames_rx`, `rx_bytes`, `ecn_ce_rx` and what it answers. Bytes are those of data; frames sent again count each
    time. What was on its way at the end is sent and not received.
    """

    data_frames_tx: int
    data_frames_rx: int
    data_frames_retransmitted: int
    tx_bytes: int
    rx_bytes: int
    bytes_acked: int
    message_tx: int
    message_complete_rx: int
    timeouts: int
    ecn_ce_rx: int
    ack_tx: int
    ack_rx: int
    nak_tx: int
    nak_rx: int
    cnp_tx: int
    cnp_rx: int


class PerQp(Counts, frozen=True, kw_only=True):
    """One connection: the numbers of the queue pair that sends and of the one that receives."""

    src_qp: int
    dest_qp: int


class Flow(Counts, frozen=True, kw_only=True):
    """All connections from one NIC to another, together and one by one."""

    source: str
    target: str
    per_qp: tuple[PerQp, ...] = ()


def together(source: str, target: str, per_qp: Iterable[PerQp]) -> Flow:
    """The flow of these connections."""
    every = tuple(per_qp)
    sums = {name: sum(getattr(each, name) for each in every) for name in Counts.__struct_fields__}
    return Flow(source=source, target=target, per_qp=every, **sums)


class Gap(Struct, frozen=True):
    """A receiver saw a gap in the sequence numbers of a queue pair, and refused what came behind it."""

    at: float
    source: str
    target: str
    dest_qp: int


class Moved(Struct, frozen=True):
    """Bytes that were acknowledged within a short time."""

    begun: float
    count: int


class Fidelity(Struct, frozen=True):
    """Whether the machine kept up with what it was to play. `late` is the longest time in which the loop did not come
    round, `behind` the share of time in which a NIC was to send and the loop was not there, of the NIC that had most of
    it: so much below its rate it was. `refused` counts frames that found no room and were sent later, `overrun` those
    that came and were lost for want of room, `steal` is the share of the processors' time that went to other virtual
    machines.

    `doubts` are reasons not to blame the fabric for what was measured; there are none where the machine kept up.
    """

    late: float
    behind: float
    refused: int
    overrun: int
    steal: float
    doubts: tuple[str, ...] = ()


def judged(found: Fidelity, timeout: float) -> Fidelity:
    """The same with its doubts; `timeout` is how many seconds a queue pair waits for an acknowledge."""
    doubts = []
    if found.overrun:
        doubts.append(f"{found.overrun} frames came and were lost because the loop was not there to hear them")
    if found.late > timeout / 2:
        doubts.append(f"the loop was away for {found.late * 1000:.0f} ms, and queue pairs wait {timeout * 1000:.0f} ms")
    if found.behind > MOST_LOST:
        doubts.append(f"a NIC was {found.behind:.0%} below its rate because the loop came late")
    if found.steal > MOST_LOST:
        doubts.append(f"{found.steal:.0%} of the processors' time went to other virtual machines")
    return replace(found, doubts=tuple(doubts))


class TrafficLog(Struct, frozen=True):
    """What came of one workload. `transfers` are the first TRANSFERS of all that were completed, `unkept` counts those
    beyond; `moved` are bytes in times of `width` seconds, where there were any. `gaps` are the first
    GAPS of each queue pair. `failed` says why it ended before it
    was told to."""

    wanted: Wanted
    begun: float
    ended: float
    iterations: tuple[Iteration, ...]
    transfers: tuple[Transfer, ...]
    unkept: int
    flows: tuple[Flow, ...]
    moved: tuple[Moved, ...]
    width: float
    fidelity: Fidelity
    failed: str = ""
    gaps: tuple[Gap, ...] = ()
