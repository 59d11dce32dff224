"""The BPF program of each mode: it gives a RoCEv2 packet the hash by which the kernel then chooses its path.

With net.ipv4.fib_multipath_hash_policy=1 the kernel takes a packet's own hash where it has one (fib_multipath_hash,
rt6_multipath_hash), so a program on a switch's ports, before routing, decides. RoCEv2 is UDP to port 4791 (IBTA annex
17): fragments, and IPv6 with extension headers, show no queue pair and count as something else.

All else loses the hash that it came with, so that the switch hashes its addresses and ports with its own seed. A socket
gives its packets a hash (TCP, and UDP that is connected), and it crosses a veth with them, where it would not cross a
wire: switches that heeded it would all choose alike.

- five-tuple: nothing more than that, RoCEv2 included.

- destination-qp: hash of addresses, source port, destination queue pair and the switch's own salt. Without a salt the
  second tier would choose as the first did.
- flowlet: a random hash, kept in a map while the flow (the same fields) pauses less than the gap.
- spray: a random hash for every packet.

The hash is murmur3's for words of 32 bits, with its finaliser (Appleby, public domain), so that all bits matter: the
kernel compares its upper ones with the borders between paths.
"""

from topologies.balancing.model import Balance, Mode
from topologies.bpf import helpers as bpf
from topologies.bpf.assembler import (
    R0,
    R1,
    R2,
    R3,
    R4,
    R6,
    R7,
    R9,
    R10,
    Code,
    Label,
    Register,
    alu,
    alu32,
    big_endian,
    call,
    jump,
    jump_if,
    leave,
    load,
    load_map,
    mov,
    store,
    wide,
)
from topologies.bpf.byteorder import network

FLOWS = 65_536  # flows that a switch remembers; the one not seen for longest makes room
KEY, REMEMBERED = 4, 16  # bytes: the flow's hash; when it was last seen (ns), and the hash of its path
PROGRAMMED = (Mode.FIVE_TUPLE, Mode.DESTINATION_QP, Mode.FLOWLET, Mode.SPRAY)  # the others need no program

_UDP, _ROCE, _FRAGMENT = 17, 4791, 0x3FFF  # the last: more fragments follow, or an offset
_IP = -40  # the stack: the IP header's last 40 bytes, as IPv6 has
_BTH = -64  # UDP header (8) and BTH (12), up to -44
_FOUND = -80  # what the flow map is told: time (8), hash (4), nothing (4)
_FLOW = -88


def program(balance: Balance, *, salt: int, flows: int = -1) -> Code:
    """The program of a mode. `salt` is the switch's own 32 bits; `flows` the fd of its map, for flowlets only."""
    forget = [mov(R1, R6), call(bpf.FORGET_HASH), alu32("mov", R0, bpf.GO_ON), leave()]
    if balance.mode is Mode.FIVE_TUPLE:
        return [mov(R6, R1), *forget]
    give = [mov(R1, R6), call(bpf.SET_HASH), alu32("mov", R0, bpf.GO_ON), leave()]
    return [*_only_roce(), *_chosen(balance, salt, flows), *give, Label("not ours"), *forget]


def _chosen(balance: Balance, salt: int, flows: int) -> Code:
    """R2 becomes the hash of a RoCEv2 packet."""
    if balance.mode is Mode.SPRAY:
        return [call(bpf.RANDOM), mov(R2, R0)]
    if balance.mode is Mode.FLOWLET:
        return [*_flow_hash(salt), *_flowlet(balance.gap_us * 1000, flows)]
    return [*_flow_hash(salt), mov(R2, R7)]


def _copied(at: int, length: int, to: int) -> Code:
    """Copy bytes of the packet, from an offset, or one in a register, to the stack."""
    taken = [mov(R1, R6), mov(R2, at), mov(R3, R10), alu("add", R3, to), mov(R4, length), call(bpf.LOAD_BYTES)]
    return [*taken, jump_if(R0, "!=", 0, "not ours")]


def _only_roce() -> Code:
    """R6 becomes the packet, and its addresses, UDP header and BTH are on the stack; what is none leaves."""
    return [
        mov(R6, R1),
        load(4, R7, R6, bpf.PROTOCOL),
        jump_if(R7, "==", network(bpf.IPV6), "six"),
        jump_if(R7, "!=", network(bpf.IPV4), "not ours"),
        *_copied(bpf.ETHERNET, 20, _IP),
        load(1, R0, R10, _IP + 9),
        jump_if(R0, "!=", _UDP, "not ours"),
        load(2, R0, R10, _IP + 6),
        alu("and", R0, network(_FRAGMENT)),
        jump_if(R0, "!=", 0, "not ours"),
        *_addresses(_IP + 12, 8, _IP + 8),
        load(1, R7, R10, _IP),
        alu("and", R7, 0x0F),
        alu("lsh", R7, 2),
        alu("add", R7, bpf.ETHERNET),
        jump("payload"),
        Label("six"),
        *_copied(bpf.ETHERNET, 40, _IP),
        load(1, R0, R10, _IP + 6),
        jump_if(R0, "!=", _UDP, "not ours"),
        mov(R7, bpf.ETHERNET + 40),
        Label("payload"),
        *_copied(R7, 20, _BTH),
        load(2, R0, R10, _BTH + 2),
        jump_if(R0, "!=", network(_ROCE), "not ours"),
    ]


def _addresses(begin: int, length: int, to: int) -> Code:
    """Bring IPv4's addresses to where IPv6's are, and zeros behind them, so that what follows is the same."""
    moved = [each for at in range(0, length, 4) for each in (load(4, R0, R10, begin + at), store(4, R10, to + at, R0))]
    return [*moved, *(store(4, R10, at, 0) for at in range(to + length, 0, 4))]


def _flow_hash(salt: int) -> Code:
    """R7 becomes the hash of the flow: addresses, source port, destination queue pair."""
    words = [load(4, R0, R10, at) for at in range(_IP + 8, 0, 4)]
    mixed = [each for word in words for each in (word, *_mix())]
    queue_pair = [load(4, R0, R10, _BTH + 12), big_endian(32, R0), alu("and", R0, 0xFF_FFFF), *_mix()]
    return [alu32("mov", R7, salt), *mixed, load(2, R0, R10, _BTH), *_mix(), *queue_pair, *_finish()]


def _mix() -> Code:
    """Mix the word in R0 into R7."""
    return [
        alu32("mul", R0, 0xCC9E_2D51),
        *_rotate(15, R0),
        alu32("mul", R0, 0x1B87_3593),
        alu32("xor", R7, R0),
        *_rotate(13, R7),
        alu32("mul", R7, 5),
        alu32("add", R7, 0xE654_6B64),
    ]


def _rotate(bits: int, which: Register) -> Code:
    return [alu32("mov", R9, which), alu32("lsh", which, bits), alu32("rsh", R9, 32 - bits), alu32("or", which, R9)]


def _shift_in(bits: int) -> Code:
    return [alu32("mov", R0, R7), alu32("rsh", R0, bits), alu32("xor", R7, R0)]


def _finish() -> Code:
    """Have every bit of R7 depend on every bit that went into it."""
    done = [*_shift_in(16), alu32("mul", R7, 0x85EB_CA6B), *_shift_in(13), alu32("mul", R7, 0xC2B2_AE35)]
    return [*done, *_shift_in(16)]


def _flowlet(gap_ns: int, flows: int) -> Code:
    """R2 becomes the hash that the flow in R7 has, or a new one where it has none or was silent for the gap."""
    where = [load_map(R1, flows), mov(R2, R10), alu("add", R2, _FLOW)]
    return [
        store(4, R10, _FLOW, R7),
        call(bpf.KTIME_NS),
        mov(R9, R0),
        *where,
        call(bpf.MAP_LOOKUP),
        jump_if(R0, "==", 0, "new"),
        load(8, R1, R0, 0),
        store(8, R0, 0, R9),
        mov(R2, R9),
        jump_if(R2, "<", R1, "steady"),  # another processor was here since we looked at the clock
        alu("sub", R2, R1),
        wide(R1, gap_ns),
        jump_if(R2, ">=", R1, "new"),
        Label("steady"),
        load(4, R2, R0, 8),
        jump("known"),
        Label("new"),
        call(bpf.RANDOM),
        store(8, R10, _FOUND, R9),
        alu32("mov", R9, R0),
        store(8, R10, _FOUND + 8, R9),
        *where,
        mov(R3, R10),
        alu("add", R3, _FOUND),
        mov(R4, 0),
        call(bpf.MAP_UPDATE),
        mov(R2, R9),
        Label("known"),
    ]
