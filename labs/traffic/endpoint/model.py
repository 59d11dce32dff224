"""What is asked of traffic, and what came of it. Values only; times are seconds, rates bit/s."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from labs.traffic.endpoint.frames import Heard


class Link(Protocol):
    """One NIC's way onto the wire and back."""

    def send(self, frame: bytes) -> bool:
        """Send a frame; False where there was no room for it, and it was not sent."""

    def heard(self) -> Sequence[Heard]:
        """What came since the last call."""

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


class Flow(Struct, frozen=True):
    """What all queue pairs from one NIC to another went through, in Open Traffic Generator's names where it has any.
    `ecn_marked_rx` is counted by the one that receives, all else by the one that sends."""

    source: str
    target: str
    frames_tx: int
    bytes_acked: int
    frames_retransmitted: int
    timeouts: int
    naks_rx: int
    cnps_rx: int
    ecn_marked_rx: int


class Moved(Struct, frozen=True):
    """Bytes that were acknowledged within a short time."""

    begun: float
    count: int


class TrafficLog(Struct, frozen=True):
    """What came of one workload. `failed` says why it ended before it was told to; `refused` counts frames that found
    no room and were not sent, `late` is the longest time in which the loop did not come round."""

    wanted: Wanted
    iterations: tuple[Iteration, ...]
    flows: tuple[Flow, ...]
    moved: tuple[Moved, ...]
    width: float
    refused: int
    late: float
    failed: str = ""
