"""RoCE on the wire: what is built is what is read, by three that know nothing of each other: us, Scapy and tshark."""

import json
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from frames import CARRIERS, V4, one_of_each, over_ipv4, over_ipv6, packet
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib import roce
from scapy.layers.inet import IP, UDP, IPOption_NOP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from labs.traffic.roce import icrc
from labs.traffic.roce.explain import Sum, explain
from labs.traffic.roce.fields import Aeth, Answer, Atomic, Deth, Feth, Reth
from labs.traffic.roce.headers import AETH, BTH, CLASSES, RETH, Extended, frame
from labs.traffic.roce.opcodes import CNP, OPCODES, SIZES, Header, Transport
from topologies.errors import Mistake

# A congestion notification that a ConnectX-4 Lx sent (from the tests of scapy.contrib.roce).
CAPTURED = "e41d2dab2bc27cfe90643b32080045c2003c718c4000401191610a0011010a001201000012b7002800008100ffff40000118"
CAPTURED += "00000000" + 16 * "00" + "82fd002a"
PORT = 4791
WRITE = OPCODES[0x0A]


def test_every_opcode_has_its_own_number_name_and_headers_in_their_order() -> None:
    """The table is whole: 85 opcodes, each with headers that stand in the order of the specification."""
    order = list(Header)

    assert len(OPCODES) == len({each.name for each in OPCODES.values()}) == 85
    assert all(number == each.number for number, each in OPCODES.items())
    assert all(list(each.headers) == sorted(each.headers, key=order.index) for each in OPCODES.values())
    assert set(SIZES) == set(Header) == set(CLASSES)
    assert {header: len(bytes(kind())) for header, kind in CLASSES.items()} == SIZES


def test_opcodes_are_those_that_scapy_knows() -> None:
    """By number and name, for all that it knows."""
    known = {number: name for number, name in roce._bth_opcodes.items() if number != CNP.number}

    assert {number: OPCODES[number].name for number in known} == known


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: str(carrier.__name__))
def test_every_opcode_comes_back_as_it_was_built(carrier: Callable[[random.Random], Packet]) -> None:
    """Scapy takes its own frames apart into the same headers, and builds the same bytes of them again."""
    for opcode, made in one_of_each(carrier):
        built = frame(made)
        again = Ether(built)

        found = [type(layer) for layer in map(again.getlayer, range(20)) if isinstance(layer, Extended)]
        assert found == [CLASSES[header] for header in opcode.headers], opcode.name
        for kind in found:
            assert again[kind].fields == made[kind].fields | {n: v for n, v in again[kind].fields.items() if not v}
        assert bytes(again) == built, opcode.name


ANSWERS = (Answer.ACK, Answer.RNR, Answer.RESERVED, Answer.NAK)
READ: dict[Header, tuple[str, Callable[[Packet], object]]] = {
    Header.RDETH: ("context", lambda built: built.eecnxt),
    Header.DETH: ("deth", lambda built: Deth(built.qkey, built.sqpn)),
    Header.XRCETH: ("shared_queue", lambda built: built.xrcsrq),
    Header.FETH: ("feth", lambda built: Feth(built.selectivity, built.placement)),
    Header.RETH: ("reth", lambda built: Reth(built.va, built.rkey, built.dmalen)),
    Header.ATOMIC: ("atomic", lambda built: Atomic(built.va, built.rkey, built.swapdt, built.cmpdt)),
    Header.AETH: ("aeth", lambda built: Aeth(ANSWERS[built.kind], built.code, built.msn)),
    Header.ATOMIC_ACK: ("original", lambda built: built.origremdt),
    Header.IMMEDIATE: ("immediate", lambda built: built.data),
    Header.IETH: ("invalidated", lambda built: built.rkey),
}
"""What each header is as it was built, and which field of what was explained it is to be."""


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: str(carrier.__name__))
def test_what_is_explained_is_what_was_built(carrier: Callable[[random.Random], Packet]) -> None:
    """Field by field of every header, from the bytes alone; of a header that an opcode has not, nothing."""
    assert set(READ) == set(Header)
    for opcode, made in one_of_each(carrier, seed=2):
        found = explain(frame(made))

        assert found is not None
        assert (found.name, found.icrc) == (opcode.name, Sum.RIGHT)
        header = made[BTH]
        assert (found.qp, found.psn, found.ack_requested) == (header.dqpn, header.psn, header.ackreq)
        assert (found.solicited, found.fecn, found.becn) == (header.solicited, header.fecn, header.becn)
        assert found.payload == (len(made[Raw].load) if opcode.payload else 0)
        read = {name: getattr(found, name) for name, _ in READ.values()}
        wanted = dict.fromkeys(read) | {
            READ[header][0]: READ[header][1](made[CLASSES[header]]) for header in opcode.headers
        }
        assert read == wanted, opcode.name


@pytest.mark.parametrize("header", [Header.RDETH, Header.XRCETH, Header.DETH, Header.FETH])
def test_reserved_bits_are_no_part_of_a_number(header: Header) -> None:
    """Contexts, queue pairs and receive queues have 24 bits, what a flush is for has six: more stand before them."""
    opcode = next(each for each in OPCODES.values() if header in each.headers)
    made = packet(opcode, over_ipv4(random.Random(7)), random.Random(7))
    made[CLASSES[header]].reserved = 0xFF

    found = explain(frame(made))

    assert found is not None
    assert getattr(found, READ[header][0]) == READ[header][1](made[CLASSES[header]])


@pytest.mark.parametrize(
    ("selectivity", "placement", "said"),
    [
        (0, 1, "flush range: global visibility"),
        (1, 2, "flush memory region: persistence"),
        (0, 3, "flush range: global visibility, persistence"),
        (3, 8, "flush reserved selectivity 3: reserved placement 0x8"),
        (0, 0, "flush range: no placement"),
    ],
)
def test_what_a_flush_says_in_words(selectivity: int, placement: int, said: str) -> None:
    """How much, and how far."""
    assert str(Feth(selectivity, placement)) == said


def test_the_sum_is_what_a_network_card_has() -> None:
    """Of a packet that was captured: a congestion notification."""
    captured = bytes.fromhex(CAPTURED)
    found = explain(captured)

    assert icrc.icrc(captured[:-4]).hex() == "82fd002a"
    assert found is not None
    assert (found.name, found.becn, found.qp, found.dscp, found.payload) == ("CNP", True, 0x118, 48, 0)
    assert found.icrc is Sum.RIGHT


def test_the_sum_is_what_scapy_has_where_it_has_one() -> None:
    """Over IPv4, with options too, and over IPv6; of RoCEv1 it has none."""
    luck = random.Random(3)
    options = Ether() / IP(**V4, options=[IPOption_NOP()] * 4) / UDP(sport=0xC001, dport=PORT)
    for carrier in (over_ipv4(luck), over_ipv6(luck), options):
        theirs = bytes(carrier / BTH(opcode="RC_SEND_ONLY", dqpn=7, psn=9) / b"word")

        assert icrc.right(theirs)
        assert icrc.icrc(theirs[:-4]) == theirs[-4:]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_switch_may_change_its_own_fields_and_no_other(data: st.DataObject) -> None:
    """Any bit that the sum covers changes it, any other does not."""
    luck = random.Random(data.draw(st.integers(0, 1000)))
    carrier = data.draw(st.sampled_from((over_ipv4, over_ipv6)))
    built = frame(packet(WRITE, carrier(luck), luck))
    at = icrc.network_header(built)
    six = built[at] >> 4 == 6
    transport = icrc.transport_header(built)
    free = {(at + place, 0xFF) for place in ((7,) if six else (1, 8, 10, 11))}
    free |= {(at, 0x0F), (at + 1, 0xFF), (at + 2, 0xFF), (at + 3, 0xFF)} if six else set()
    free |= {(transport - 2, 0xFF), (transport - 1, 0xFF), (transport + 4, 0xFF)}
    place, bit = data.draw(st.tuples(st.integers(at + (4 if six else 0), len(built) - 5), st.integers(0, 7)))
    covered = not any(where == place and mask >> bit & 1 for where, mask in free)
    shape = {at, at + 6, at + 9} if not six else {at + 6}  # what says where the headers are

    changed = bytearray(built)
    changed[place] ^= 1 << bit

    if place not in shape:
        assert icrc.right(bytes(changed)) is not covered


def test_what_is_no_roce_has_no_sum() -> None:
    """Said with what it is instead."""
    with pytest.raises(Mistake, match="Ethernet type 0x0806 with 28 bytes is no RoCE"):
        icrc.icrc(bytes(12) + b"\x08\x06" + bytes(28))
    with pytest.raises(Mistake, match="a frame of 12 bytes has no network header"):
        icrc.icrc(bytes(12))
    with pytest.raises(Mistake, match="has no base transport header"):
        icrc.icrc(bytes(Ether() / IP(**V4) / UDP(dport=PORT)))


@given(st.binary(max_size=120))
def test_any_bytes_can_be_looked_at(noise: bytes) -> None:
    """Noise is no RoCE, or something odd of it, and never an error."""
    head = bytes(Ether() / IP(**V4, len=200) / UDP(sport=1, dport=PORT))

    explain(noise)
    explain(head + noise)


def test_a_frame_that_is_cut_short_or_damaged_says_so() -> None:
    """The sum is unknown where the end is missing, and wrong where a byte is."""
    luck = random.Random(4)
    built = frame(packet(WRITE, over_ipv4(luck), luck))
    short, damaged = explain(built[:-9]), explain(built[:-6] + bytes([built[-6] ^ 1]) + built[-5:])

    assert short is not None
    assert damaged is not None
    assert (short.icrc, short.reth is not None) == (Sum.UNKNOWN, True)
    assert damaged.icrc is Sum.WRONG


def test_padding_of_short_frames_is_no_part_of_them() -> None:
    """Ethernet fills frames up to 60 bytes behind the sum."""
    luck = random.Random(5)
    built = frame(over_ipv4(luck) / BTH(opcode="UC_SEND_ONLY", dqpn=1))
    found = explain(built + bytes(60 - len(built)))

    assert found is not None
    assert (found.icrc, found.payload) == (Sum.RIGHT, 0)


MEMORY = (RETH, CLASSES[Header.ATOMIC])  # whose first fields tshark calls alike
FIELDS: dict[str, tuple[type[Packet] | tuple[type[Packet], ...], Callable[[Packet], int]]] = {
    "bth.opcode": (BTH, lambda layer: layer.opcode),
    "bth.se": (BTH, lambda layer: layer.solicited),
    "bth.m": (BTH, lambda layer: layer.migreq),
    "bth.padcnt": (BTH, lambda layer: layer.padcount),
    "bth.tver": (BTH, lambda layer: layer.version),
    "bth.p_key": (BTH, lambda layer: layer.pkey),
    "bth.destqp": (BTH, lambda layer: layer.dqpn),
    "bth.a": (BTH, lambda layer: layer.ackreq),
    "bth.psn": (BTH, lambda layer: layer.psn),
    "invariant.crc": (BTH, lambda layer: layer.icrc),
    "deth.q_key": (CLASSES[Header.DETH], lambda layer: layer.qkey),
    "deth.srcqp": (CLASSES[Header.DETH], lambda layer: layer.sqpn),
    "reth.va": (MEMORY, lambda layer: layer.va),
    "reth.r_key": (MEMORY, lambda layer: layer.rkey),
    "reth.dmalen": (RETH, lambda layer: layer.dmalen),
    "atomiceth.swapdt": (CLASSES[Header.ATOMIC], lambda layer: layer.swapdt),
    "atomiceth.cmpdt": (CLASSES[Header.ATOMIC], lambda layer: layer.cmpdt),
    "aeth.syndrome": (AETH, lambda layer: layer.syndrome),
    "aeth.syndrome.opcode": (AETH, lambda layer: layer.kind),
    "aeth.msn": (AETH, lambda layer: layer.msn),
    "atomicacketh.origremdt": (CLASSES[Header.ATOMIC_ACK], lambda layer: layer.origremdt),
    "immdt": (CLASSES[Header.IMMEDIATE], lambda layer: layer.data),
    "ieth": (CLASSES[Header.IETH], lambda layer: layer.rkey),
}
"""tshark's fields, and where each of them is in a packet as we build it."""
BYTES = ("immdt", "ieth")  # which tshark has as bytes, not as numbers


def number(field: str, text: str) -> int:
    """A value as tshark writes it."""
    if text in ("True", "False"):
        return int(text == "True")
    return int(text.replace(":", ""), 16) if field in BYTES else int(text, 0)


# What tshark 4.0 does not take apart, or not where the specification has it: extended reliable connections, congestion
# notifications, the later operations, and reliable datagrams, which nobody makes.
STRANGE = (Transport.XRC, Transport.CNP, Transport.RD)
NOT_TSHARKS = {each.number for each in OPCODES.values() if each.transport in STRANGE} | {0x1C, 0x1D}


@pytest.mark.programs("tshark")
@pytest.mark.parametrize("carrier", [over_ipv4, over_ipv6], ids=["ipv4", "ipv6"])
def test_tshark_reads_what_was_built(carrier: Callable[[random.Random], Packet], tmp_path: Path) -> None:
    """Every field of every header of every opcode that it knows, and no header that was not built."""
    made = [Ether(frame(each)) for opcode, each in one_of_each(carrier, seed=6) if opcode.number not in NOT_TSHARKS]
    wrpcap(str(tmp_path / "all.pcap"), made)

    words = [str(shutil.which("tshark")), "-r", str(tmp_path / "all.pcap"), "-T", "json", "--no-duplicate-keys"]
    words += [part for field in FIELDS for part in ("-e", f"infiniband.{field}")]
    told = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)

    assert len(told) == len(made) == 37
    for each, packet_told in zip(made, told, strict=True):
        layers = packet_told["_source"]["layers"]
        headers = [layer for layer in map(each.getlayer, range(20)) if layer is not None]
        wanted = {
            name: say(layer) for name, (kind, say) in FIELDS.items() for layer in headers if isinstance(layer, kind)
        }
        found = {
            field: number(field, layers[f"infiniband.{field}"][0])
            for field in FIELDS
            if f"infiniband.{field}" in layers
        }
        assert found == wanted, OPCODES[each[BTH].opcode].name
