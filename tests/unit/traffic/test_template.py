"""Frames as arrays: byte for byte what Scapy builds of the same values, and checked as arrays too."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from frames import CARRIERS, in_a_vlan, over_ipv4, over_ipv6
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import UDP
from scapy.packet import Packet, Raw

from labs.traffic.roce import icrc
from labs.traffic.roce.headers import BTH, RETH, frame
from labs.traffic.roce.template import Field, Template, compiled
from topologies.errors import Mistake

STAMPS = {"stamp": Field(0, 8), "number": Field(8, 4)}


def write(carrier: Callable[[random.Random], Packet], data: bytes = bytes(64)) -> Packet:
    """A write in one packet, without a UDP checksum."""
    made = carrier(random.Random(7))
    if UDP in made:
        made[UDP].chksum = 0
    return made / BTH(opcode="RC_RDMA_WRITE_ONLY", dqpn=1, psn=1) / RETH(va=1, rkey=2, dmalen=len(data)) / Raw(data)


def altered(made: Packet, values: dict[str, int]) -> bytes:
    """The frame that Scapy builds with these values."""
    one = made.copy()
    places = {"psn": (BTH, "psn"), "qp": (BTH, "dqpn"), "address": (RETH, "va"), "port": (UDP, "sport")}
    for name, value in values.items():
        if name in places:
            setattr(one[places[name][0]], places[name][1], value)
    one[BTH].ackreq = values.get("ack", 0) >> 7
    data = bytearray(one[Raw].load)
    data[:8], data[8:12] = values["stamp"].to_bytes(8, "big"), values["number"].to_bytes(4, "big")
    one[Raw].load = bytes(data)
    return frame(one)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_frame_is_what_scapy_builds_of_its_values(data: st.DataObject) -> None:
    """Over IPv4, IPv6, VLANs and of the first version; with payloads that need padding."""
    carrier = data.draw(st.sampled_from(CARRIERS))
    made = write(carrier, bytes(data.draw(st.integers(12, 70))))
    template = compiled(frame(made), STAMPS)
    bits = {"psn": 24, "qp": 24, "address": 64, "stamp": 64, "number": 32}
    one = st.fixed_dictionaries({name: st.integers(0, (1 << size) - 1) for name, size in bits.items()})
    rows = [
        row | {"ack": data.draw(st.sampled_from((0, 0x80)))} for row in data.draw(st.lists(one, min_size=1, max_size=4))
    ]
    if "port" in template.fields:
        rows = [row | {"port": data.draw(st.integers(0xC000, 0xFFFF))} for row in rows]
    values = {name: np.array([row[name] for row in rows], dtype=np.uint64) for name in rows[0]}

    out = np.zeros((len(rows), template.size), dtype=np.uint8)
    template.fill(out, **values)
    renewed = np.zeros_like(out)
    template.fill(renewed, **{name: value[::-1] for name, value in values.items()})
    template.renew(renewed, **values)

    assert [bytes(row) for row in out] == [altered(made, row) for row in rows]
    assert (renewed == out).all()
    assert template.right(out).all()
    assert {name: template.read(out, name).tolist() for name in values} == {n: v.tolist() for n, v in values.items()}


@pytest.fixture
def template() -> Template:
    return compiled(frame(write(over_ipv4)), STAMPS)


def test_frames_are_written_where_they_are_wanted(template: Template) -> None:
    """Into rows of other memory, whose rest is left alone; what is not named is as compiled."""
    memory = np.full((4, template.size + 32), 0xEE, dtype=np.uint8)

    template.fill(memory[1:3, 16:-16], psn=[5, 6])

    assert template.read(memory[1:3, 16:-16], "psn").tolist() == [5, 6]
    assert template.read(memory[1:3, 16:-16], "qp").tolist() == [1, 1]
    assert (memory[[0, 3]] == 0xEE).all()
    assert (memory[:, :16] == 0xEE).all()
    assert (memory[:, -16:] == 0xEE).all()


def test_renewed_frames_are_touched_only_where_they_differ(template: Template) -> None:
    """In the field that is named and the CRC; what else was written into a row is still there, and seen as damage."""
    out = np.zeros((3, template.size), dtype=np.uint8)
    template.fill(out, psn=[1, 2, 3])
    out[1, 60] ^= 0xFF

    template.renew(out, psn=[7, 8, 9])

    assert template.read(out, "psn").tolist() == [7, 8, 9]
    assert template.right(out).tolist() == [True, False, True]


@pytest.mark.parametrize("carrier", [over_ipv4, over_ipv6, in_a_vlan])
def test_every_damaged_byte_is_seen_and_what_routers_write_is_not(carrier: Callable[[random.Random], Packet]) -> None:
    """One frame for each byte of the packet, damaged there."""
    template = compiled(frame(write(carrier)), STAMPS)
    places = range(icrc.network_header(template.frame), template.size)
    out = np.zeros((len(places), template.size), dtype=np.uint8)
    template.fill(out, psn=np.arange(len(places)))
    for row, place in enumerate(places):
        out[row, place] ^= 0x11

    right = template.right(out)

    assert {place for row, place in enumerate(places) if right[row]} == icrc.changing(template.frame)


def test_what_does_not_fit_is_refused(template: Template) -> None:
    """By name, with what would fit; nothing is written then."""
    out = np.zeros((3, template.size), dtype=np.uint8)
    for values, why in (
        ({"psm": 1}, r"no field 'psm'; there are opcode, qp, ack, psn, port, address, rkey, length, stamp, number"),
        ({"psn": 1 << 24}, r"psn: numbers from 0 to 16777215, which have 3 bytes"),
        ({"psn": -1}, r"psn: numbers from 0 to 16777215"),
        ({"psn": [1, 2]}, r"psn: one whole number, or 3 of them; not int64 of shape \(2,\)"),
        ({"psn": 1.5}, r"psn: one whole number, or 3 of them; not float64"),
    ):
        for write in (template.fill, template.renew):
            with pytest.raises(Mistake, match=why):
                write(out, **values)
    with pytest.raises(Mistake, match=rf"frames of {template.size} bytes do not fit into an array of shape \(3, 5\)"):
        template.fill(out[:, :5])
    assert not out.any()


def test_what_cannot_be_compiled_is_refused() -> None:
    """A sum that fields would make wrong, one that is wrong already, and fields outside of the payload."""
    summed = write(over_ipv4)
    del summed[UDP].chksum
    with pytest.raises(Mistake, match=r"the frame has a UDP checksum, .* UDP\(chksum=0\) has none"):
        compiled(frame(summed))
    with pytest.raises(Mistake, match="the invariant CRC of the frame is wrong"):
        compiled(frame(write(over_ipv4))[:-1] + b"x")
    with pytest.raises(Mistake, match="late: bytes 60 to 68 are not in the 64 of payload"):
        compiled(frame(write(over_ipv4)), {"late": Field(60, 8)})
    with pytest.raises(Mistake, match="opcode 0xff is not defined"):
        compiled(frame(over_ipv4(random.Random(1)) / BTH(opcode=255)))


def test_the_lines_of_the_document_do_what_it_says() -> None:
    """docs/traffic.md, all its Python one after the other."""
    page = (Path(__file__).parents[3] / "docs" / "traffic.md").read_text()
    lines = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    known: dict[str, object] = {}

    exec("\n".join(lines), known)

    assert len(lines) == 4
    assert np.shape(known["frames"]) == (1000, len(bytes(known["data"])))  # type: ignore[arg-type]  # it is bytes
