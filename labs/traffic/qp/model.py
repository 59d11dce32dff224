"""What goes into a queue pair and what comes out of it. Values only.

Words and numbers are those of the InfiniBand Architecture Specification, volume 1, chapters 9 (transport) and 11
(verbs). Times are nanoseconds, whole, from whatever moment the caller counts.
"""

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from labs.traffic.qp.bounds import positive, whole
from labs.traffic.roce.fields import RNR_TIMERS, Aeth, Deth, Reth
from topologies.errors import Mistake

LONGEST = 1 << 31  # bytes of a message (9.7.1)
MTUS = (256, 512, 1024, 2048, 4096)
FOR_EVER = 7  # RNR retries, of which this many means any number
SEQUENCE_ERROR, INVALID, NO_ACCESS, UNABLE = range(4)  # codes of a NAK (table 46)
TICK_NS = 4096  # of the transport timer (9.7.6)


class Operation(StrEnum):
    """What a work request asks for."""

    SEND = "send"
    WRITE = "write"
    READ = "read"


class Work(StrEnum):
    """What has been completed: a request by its operation, or a receive and by what it was used."""

    SEND = "send"
    WRITE = "write"
    READ = "read"
    RECEIVE = "receive"
    RECEIVE_WRITE = "receive of a write with immediate"


class Status(StrEnum):
    """How a work request ended (11.6)."""

    SUCCESS = "success"
    LENGTH = "local length error"  # more than the receive has room for
    FLUSHED = "flushed"  # the queue pair was in error before it was its turn
    BAD_RESPONSE = "bad response"  # data of a READ that cannot be
    REMOTE_INVALID = "remote invalid request"
    REMOTE_ACCESS = "remote access error"
    REMOTE_OPERATION = "remote operation error"
    RETRIES = "transport retry counter exceeded"
    RNR_RETRIES = "RNR retry counter exceeded"


class Right(StrEnum):
    """What the peer may do with a region."""

    WRITE = "write"
    READ = "read"


class Region(Struct, frozen=True):
    """Memory that the peer may reach: `size` bytes from `address` on, by the key `rkey`."""

    rkey: int
    address: int
    size: int
    rights: frozenset[Right] = frozenset(Right)

    def allows(self, right: Right, reth: Reth) -> bool:
        """Whether all of what a packet asks for is in here."""
        inside = self.address <= reth.address and reth.address + reth.length <= self.address + self.size
        return inside and right in self.rights


class Request(Struct, frozen=True):
    """A message to be sent, or to be read from the peer's memory; `length` in bytes."""

    id: int
    operation: Operation
    length: int
    address: int = 0
    rkey: int = 0
    immediate: int | None = None


class Receive(Struct, frozen=True):
    """Room for one message of at most `size` bytes."""

    id: int
    size: int


class Completion(Struct, frozen=True):
    """How a request or a receive ended; `length` is bytes of its message, 0 where it failed."""

    id: int
    work: Work
    status: Status
    length: int = 0
    immediate: int | None = None
    source_qp: int | None = None  # of a datagram


class Packet(Struct, frozen=True, gc=False):
    """A packet without its addresses: `qp` is the destination's, `size` bytes of payload.

    `offset` is where in its message the payload begins, for whoever fills it; it is not on the wire.
    """

    opcode: int
    qp: int
    psn: int
    ack_requested: bool = False
    size: int = 0
    offset: int = 0
    reth: Reth | None = None
    aeth: Aeth | None = None
    immediate: int | None = None
    deth: Deth | None = None


class Counts(Struct, frozen=True):
    """What a connected queue pair has been through: packets sent again, timeouts, NAKs of any kind."""

    sent_again: int
    timeouts: int
    naks_heard: int
    naks_said: int


@dataclass(frozen=True, slots=True)
class Settings:
    """What both ends of a connection are told of each other. Raises Mistake for what cannot be."""

    mtu: int = 1024  # bytes of payload in a packet
    window: int = 128  # packets without acknowledge behind which none is sent; a READ counts as all its answers
    reads: int = 16  # READs without an answer, as requester (max_rd_atomic)
    reads_taken: int = 16  # READs not yet answered, as responder (max_dest_rd_atomic)
    ack_every: int = 16  # packets; a message's last one is always acknowledged
    timeout: int = 14  # 4.096 us * 2**timeout without acknowledge; 0 never (9.7.6). 14, 67 ms, is perftest's
    retries: int = 7  # in a row without progress, by timeout and by NAK (9.9.2)
    rnr_retries: int = 7  # in a row; 7 any number
    rnr_timer: int = 12  # code of the wait that an RNR NAK asks for: 0.64 ms (table 45)
    credits: bool = False  # tell the peer how many receives there are; not, and it sends as it likes
    dilation: float = 1.0  # by which both timers are longer

    def __post_init__(self) -> None:
        if self.mtu not in MTUS:
            raise Mistake(f"mtu: {self.mtu!r}; there are {', '.join(map(str, MTUS))}")
        whole("window", self.window, 1, 1 << 22)
        whole("reads", self.reads, 1, 255)
        whole("reads_taken", self.reads_taken, 1, 255)
        whole("ack_every", self.ack_every, 1, 1 << 22)
        whole("timeout", self.timeout, 0, 31)
        whole("retries", self.retries, 0, 7)
        whole("rnr_retries", self.rnr_retries, 0, FOR_EVER)
        whole("rnr_timer", self.rnr_timer, 0, 31)
        positive("dilation", self.dilation)

    @property
    def timeout_ns(self) -> int | None:
        """How long to wait for an acknowledge; None for ever."""
        return round((TICK_NS << self.timeout) * self.dilation) if self.timeout else None

    def rnr_wait_ns(self, code: int) -> int:
        """How long an RNR NAK with a timer code has one wait."""
        return round(RNR_TIMERS[code] * 1e6 * self.dilation)
