"""`closlab traffic decode`: captures of both formats, what is said of each packet and flow, and files that are none."""

import json
import random
import re
from pathlib import Path
from typing import Literal

import pytest
from frames import V4, over_ipv4
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Packet
from scapy.utils import wrpcap, wrpcapng

from labs import cli
from labs.traffic.capture import SECTION, torn
from labs.traffic.roce.explain import explain
from labs.traffic.roce.headers import AETH, BTH, RETH, frame
from labs.traffic.roce.summary import Summary


def decode(*words: str) -> int:
    """One command line, as the executable runs it."""
    return cli.guarded(lambda: cli.run(("traffic", "decode", *words)))


def write(psn: int, qp: int = 0x11, opcode: str = "RC_RDMA_WRITE_MIDDLE") -> Packet:
    """One packet of a message to a queue pair."""
    return over_ipv4(random.Random(1)) / BTH(opcode=opcode, dqpn=qp, psn=psn) / b"12345678"


def answer(kind: str, code: int, psn: int) -> Packet:
    """What the other end says."""
    return over_ipv4(random.Random(1)) / BTH(opcode="RC_ACKNOWLEDGE", dqpn=0x22, psn=psn) / AETH(kind=kind, code=code)


MESSAGE = [
    over_ipv4(random.Random(1))
    / BTH(opcode="RC_RDMA_WRITE_FIRST", dqpn=0x11, psn=(1 << 24) - 1)
    / RETH(dmalen=40)
    / b"1234",
    write(0),
    write(3),
    answer("NAK", 0, 1),
    write(1),
    answer("RNR_NAK", 14, 1),
    write(4, opcode="RC_SEND_ONLY"),
]


def counted(*packets: Packet) -> Summary:
    """What a capture of these has."""
    summary = Summary()
    for each in packets:
        found = explain(frame(each))
        assert found is not None
        summary.add(found)
    return summary


def test_numbers_follow_each_other_around_the_end_of_their_range() -> None:
    """A gap is counted once with what it misses; what comes again is none, and answers have no numbers of their own."""
    to, back = counted(*MESSAGE).flows.values()

    assert (to.qp, to.packets, to.gaps, to.missing, to.repeated) == (0x11, 5, 1, 2, 1)
    assert (back.qp, back.naks, back.acks, back.gaps) == (0x22, 2, 0, 0)


def test_after_a_read_nobody_knows_the_next_number() -> None:
    """It takes as many numbers as its answer has packets."""
    read = over_ipv4(random.Random(1)) / BTH(opcode="RC_RDMA_READ_REQUEST", dqpn=0x11, psn=5) / RETH(dmalen=9000)
    (flow,) = counted(read, write(8), write(9)).flows.values()

    assert (flow.packets, flow.gaps) == (3, 0)


@pytest.fixture(params=[wrpcap, wrpcapng], ids=["pcap", "pcapng"])
def capture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file with a message that has a gap, and a frame that is no RoCE."""
    file = tmp_path / "a.cap"
    request.param(str(file), [Ether() / IP(**V4) / TCP(), *(Ether(frame(each)) for each in MESSAGE)])
    return file


def test_a_capture_is_explained(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each packet on a line with what it says, then each flow, then how many there were."""
    assert decode(str(capture)) == 0

    said = capsys.readouterr().out
    assert "RC_RDMA_WRITE_FIRST" in said
    assert "40 bytes at 0x0, key 0x0" in said
    assert "NAK: PSN sequence error, MSN 0" in said
    assert "RNR NAK: not ready, again in 1.28 ms, MSN 0" in said
    assert f"{capture}: 8 frames, 7 of RoCE" in said


def test_a_capture_is_explained_to_programs(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same as values; a limit cuts packets, and no counts."""
    assert decode(str(capture), "--json", "--limit", "2") == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["frames"], told["roce"], len(told["packets"])) == (8, 7, 2)
    assert told["packets"][0]["name"] == "RC_RDMA_WRITE_FIRST"
    assert told["packets"][0]["reth"] == {"address": 0, "rkey": 0, "length": 40}
    assert [(each["qp"], each["gaps"], each["missing"], each["naks"]) for each in told["flows"]] == [
        (0x11, 1, 2, 0),
        (0x22, 0, 0, 2),
    ]


def damaged(folder: Path) -> list[tuple[Path, str]]:
    """Files that are no captures that we understand, and why."""
    whole = folder / "whole.pcap"
    wrpcap(str(whole), [Ether(frame(write(0)))])
    data = whole.read_bytes()
    cases = {
        "text": (b"no capture of anything, and long enough", "it is no pcap or pcapng file"),
        "empty": (b"", "it is no pcap or pcapng file"),
        "cut": (data[:-5], "it ends in the middle of a frame"),
        "cooked": (data[:20] + (113).to_bytes(4, "little") + data[24:], r"its link type is Linux cooked"),
    }
    for name, (content, _) in cases.items():
        (folder / name).write_bytes(content)
    absent = [(folder / "absent", "No such file or directory"), (folder, "Is a directory")]
    return [*((folder / name, why) for name, (_, why) in cases.items()), *absent]


def test_what_is_no_capture_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the file's name and what is wrong with it."""
    for file, why in damaged(tmp_path):
        assert decode(str(file)) == 2, file

        said = capsys.readouterr().err
        assert why in said
        assert str(file) in said


def test_a_damaged_packet_makes_no_gap() -> None:
    """Its number may be the damage; a NIC drops it and waits for the one that was expected."""
    summary = Summary()
    for number, packet in enumerate((write(5), write(900), write(6), answer("NAK", 0, 7))):
        data = bytearray(frame(packet))
        data[-1] ^= number in (1, 3)
        found = explain(bytes(data))
        assert found is not None
        summary.add(found)

    flow, answers = summary.flows.values()
    assert (flow.packets, flow.wrong_icrc, flow.gaps, flow.missing, flow.repeated) == (3, 1, 0, 0, 0)
    assert flow.payload == 16
    assert (answers.wrong_icrc, answers.naks) == (1, 0)


@pytest.mark.parametrize("cut", [1, 3, 13, 40])
def test_a_capture_that_is_cut_is_not_taken_for_whole(
    cut: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it ends, of either format."""
    for name, writer in (("cut.pcap", wrpcap), ("cut.pcapng", wrpcapng)):
        path = tmp_path / name
        writer(str(path), [Ether(frame(each)) for each in MESSAGE])
        path.write_bytes(path.read_bytes()[:-cut])

        assert decode(str(path)) == 2, name
        assert re.search("cut or damaged at byte|ends in the middle", capsys.readouterr().err), name


@pytest.mark.parametrize("order", ["little", "big"])
def test_blocks_are_walked_in_either_byte_order(order: Literal["little", "big"]) -> None:
    """Several sections may follow each other, each in its own; the first block that is not whole is named."""

    def block(kind: bytes, body: bytes) -> bytes:
        length = (12 + len(body)).to_bytes(4, order)
        return kind + length + body + length

    magic = (0x1A2B3C4D).to_bytes(4, order)
    section = block(SECTION, magic + bytes(12))
    whole = section + block(b"\6\0\0\6", bytes(20)) + section

    assert torn(whole) is None
    assert torn(b"") is None
    assert torn(whole[:-1]) == len(whole) - len(section)
    assert torn(section + b"\0" * 8) == len(section)
    assert torn(section + block(b"\6\0\0\6", bytes(20))[:-4] + b"\0\0\0\1") == len(section)


def test_without_the_extra_it_says_how_to_install_it(
    capture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scapy is no part of the base."""
    monkeypatch.setattr("labs.extras.find_spec", lambda name: None)

    assert decode(str(capture)) == 2

    assert "scapy is not installed; pip install 'closlab[labs]' does it" in capsys.readouterr().err
