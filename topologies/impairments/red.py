"""ECN marking: the law of RED (Floyd and Jacobson, 1993) as DCQCN has it (Zhu et al., SIGCOMM 2015), and its program.

The program sees a packet as it leaves an interface, before it is queued, so the backlog is what waits in front of it.
Only packets that say they are ECN-capable (RFC 3168) are marked; the others queue and are counted. Where the backlog
comes from is one of two:

- real: what the interface's own queue says. The kernel hands its own packet out by a function (bpf_cast_to_kern_ctx,
  Linux 6.2), and its type information says where in it to look.
- virtual: a leaky bucket with the queue's rate and burst, kept in a map as the time at which the queue would be empty.
  Two processors that send at the same moment may lose one of their packets for it.
"""

from typing import TypeAlias

from msgspec import Struct

from topologies.bpf import helpers as bpf
from topologies.bpf.assembler import (
    R0,
    R1,
    R2,
    R3,
    R4,
    R6,
    R7,
    R8,
    R9,
    R10,
    Code,
    Label,
    alu,
    alu32,
    call,
    call_kernel,
    count,
    jump_if,
    leave,
    load,
    load_value,
    mov,
    store,
    wide,
)
from topologies.bpf.byteorder import network
from topologies.impairments.model import Marking

MARKED, UNMARKED, INCAPABLE, EMPTY_AT = 0, 8, 16, 24  # where in the map's only value what is kept, eight bytes each
KEPT = 32
_FIELD = -8  # the stack: two bytes of the IP header, in which the ECN field is


class Real(Struct, frozen=True):
    """Where the kernel keeps the backlog of a packet's queue: the number of a function, and offsets in bytes."""

    cast: int
    device: int
    queue: int
    backlog: int


class Virtual(Struct, frozen=True):
    """The queue that is imagined: 1,000 bit/s, what leaves without waiting, and all that fits, in bytes."""

    rate_kbps: int
    burst: int
    room: int


Queue: TypeAlias = Real | Virtual


def chance(law: Marking, backlog: int) -> float:
    """How likely a packet is marked that finds so many bytes waiting: never up to kmin, always above kmax."""
    if backlog <= law.kmin:
        return 0.0
    if backlog > law.kmax:
        return 1.0
    return law.pmax / 100 * (backlog - law.kmin) / (law.kmax - law.kmin)


def program(law: Marking, queue: Queue, *, kept: int) -> Code:
    """The program that marks by this law; `kept` is the fd of the map that keeps its counts."""
    backlog = _real(queue) if isinstance(queue, Real) else _virtual(queue)
    return [
        mov(R6, R1),
        load_value(R9, kept),
        *backlog,
        *_ecn_field(),
        jump_if(R7, "==", 0, "incapable"),
        jump_if(R8, "<=", law.kmin, "unmarked"),
        jump_if(R8, ">", law.kmax, "mark"),
        call(bpf.RANDOM),
        *_drawn(law),
        Label("mark"),
        mov(R1, R6),
        call(bpf.SET_CE),
        jump_if(R0, "==", 0, "incapable"),
        *_counted(MARKED),
        Label("unmarked"),
        *_counted(UNMARKED),
        Label("incapable"),
        *_counted(INCAPABLE),
        Label("other"),
        *_go_on(),
    ]


def _drawn(law: Marking) -> Code:
    """Go on to mark where the random number in R0, as a share of 2^32, is below the chance at the backlog in R8."""
    return [
        alu32("mov", R0, R0),
        alu("mul", R0, max(law.kmax - law.kmin, 1)),
        alu("sub", R8, law.kmin),
        wide(R1, round(law.pmax / 100 * (1 << 32))),
        alu("mul", R8, R1),
        jump_if(R0, ">=", R8, "unmarked"),
    ]


def _ecn_field() -> Code:
    """R7 becomes the ECN field of an IPv4 or IPv6 header (RFC 3168, section 5)."""
    taken = [mov(R1, R6), mov(R2, bpf.ETHERNET), mov(R3, R10), alu("add", R3, _FIELD), mov(R4, 2), call(bpf.LOAD_BYTES)]
    return [
        load(4, R7, R6, bpf.PROTOCOL),
        jump_if(R7, "==", network(bpf.IPV4), "internet"),
        jump_if(R7, "!=", network(bpf.IPV6), "other"),
        Label("internet"),
        *taken,
        jump_if(R0, "!=", 0, "other"),
        load(1, R0, R10, _FIELD + 1),
        jump_if(R7, "==", network(bpf.IPV4), "known"),
        alu("rsh", R0, 4),
        Label("known"),
        alu("and", R0, 3),
        mov(R7, R0),
    ]


def _real(queue: Real) -> Code:
    """R8 becomes the bytes that wait in the queue of the device that the packet leaves by."""
    return [
        call_kernel(queue.cast),
        load(8, R1, R0, queue.device),
        load(8, R1, R1, queue.queue),
        load(4, R8, R1, queue.backlog),
    ]


def _virtual(queue: Virtual) -> Code:
    """R8 becomes the bytes that would wait; then the packet joins them, where there is room."""
    unit = 8_000_000  # bits a byte, nanoseconds a second, over the thousand of kbit/s
    return [
        call(bpf.KTIME_NS),
        load(8, R8, R9, EMPTY_AT),
        jump_if(R8, ">=", R0, "busy"),
        mov(R8, R0),
        Label("busy"),
        mov(R7, R8),
        alu("sub", R8, R0),
        alu("mul", R8, queue.rate_kbps),
        alu("div", R8, unit),
        load(4, R1, R6, bpf.LENGTH),
        mov(R2, R8),
        alu("add", R2, R1),
        jump_if(R2, ">", queue.burst + queue.room, "full"),
        alu("mul", R1, unit),
        alu("div", R1, queue.rate_kbps),
        alu("add", R7, R1),
        store(8, R9, EMPTY_AT, R7),
        Label("full"),
        jump_if(R8, ">=", queue.burst, "waiting"),
        mov(R8, queue.burst),
        Label("waiting"),
        alu("sub", R8, queue.burst),
    ]


def _counted(where: int) -> Code:
    return [mov(R1, 1), count(R9, where, R1), *_go_on()]


def _go_on() -> Code:
    return [alu32("mov", R0, bpf.GO_ON), leave()]
