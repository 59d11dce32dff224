"""`closlab traffic decode`: captures of both formats, what is said of each packet and flow, and files that are none."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from frames import V4, over_ipv4
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Packet
from scapy.utils import wrpcap, wrpcapng
from written import interface, packet, pcap, section, simple

from labs import cli
from labs.traffic.roce.explain import explain
from labs.traffic.roce.headers import AETH, BTH, DETH, FETH, RDETH, RETH, XRCETH, AtomicETH, frame
from labs.traffic.roce.summary import Summary

ROOT = Path(__file__).parents[3]


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


def spoiled(packet: Packet, *places: int) -> bytes:
    """A frame with other bits at places of its base header, and the sum that it had before."""
    built = bytearray(frame(packet))
    for place in places:
        built[42 + place] ^= 0x40
    return bytes(built)


PSN_HIGH, QP_LOW, OPCODE = 9, 7, 0  # places in the base header


def heard(*frames: bytes) -> Summary:
    """What a capture of these has."""
    summary = Summary()
    for each in frames:
        found = explain(each)
        assert found is not None
        summary.add(found)
    return summary


def test_a_packet_with_a_wrong_sum_does_not_count() -> None:
    """A NIC drops it: its number makes no gap, not even at the beginning, and what it carries never came."""
    packets = [frame(write(psn)) for psn in range(4)]
    bad = spoiled(write(1), PSN_HIGH)
    (flow,) = heard(bad, packets[0], bad, packets[1], bad, packets[2], packets[3], bad).flows.values()

    assert (flow.packets, flow.payload, flow.wrong_icrc) == (4, 32, 4)
    assert (flow.gaps, flow.missing, flow.repeated) == (0, 0, 0)


def test_what_is_sent_again_for_a_damaged_packet_fills_its_gap() -> None:
    """The damaged one is missing until it comes again, as it is to the NIC; so does what was sent after it."""
    before, after = frame(write(0)), frame(write(2))
    (flow,) = heard(before, spoiled(write(1), 14), after, frame(write(1)), after).flows.values()

    assert (flow.packets, flow.wrong_icrc, flow.gaps, flow.missing, flow.repeated) == (4, 1, 1, 1, 2)


def test_a_damaged_answer_says_nothing() -> None:
    """Neither NAK nor mark is counted, and a flow that there is not has nothing but damage."""
    good = answer("NAK", 0, 1)
    good[IP].tos = 3
    nak, other = spoiled(good, PSN_HIGH), spoiled(write(0), QP_LOW)
    back, wrong = heard(nak, other).flows.values()

    assert (back.naks, back.marked, back.packets, back.wrong_icrc) == (0, 0, 0, 1)
    assert (wrong.qp, wrong.packets, wrong.wrong_icrc) == (0x51, 0, 1)


def test_a_damaged_read_request_does_not_hide_a_gap() -> None:
    """After a read nobody knows the next number, but this one was no read."""
    bad = spoiled(write(1), OPCODE)  # another transport's
    (flow,) = heard(frame(write(0)), bad, frame(write(2))).flows.values()

    assert (flow.gaps, flow.missing) == (1, 1)


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


def refused(folder: Path) -> list[tuple[Path, str]]:
    """Files that are no captures that we understand, and why."""
    whole = folder / "whole.pcap"
    wrpcap(str(whole), [Ether(frame(write(0)))])
    data = whole.read_bytes()
    cases = {
        "text": (b"no capture of anything, and long enough", "it is neither a pcap nor a pcapng file"),
        "empty": (b"", "it is neither a pcap nor a pcapng file"),
        "cooked": (data[:20] + (113).to_bytes(4, "little") + data[24:], r"its link type is Linux cooked"),
    }
    for name, (content, _) in cases.items():
        (folder / name).write_bytes(content)
    absent = [(folder / "absent", "No such file or directory"), (folder, "Is a directory")]
    return [*((folder / name, why) for name, (_, why) in cases.items()), *absent]


def test_what_is_no_capture_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the file's name and what is wrong with it."""
    for file, why in refused(tmp_path):
        assert decode(str(file)) == 2, file

        said = capsys.readouterr().err
        assert why in said
        assert str(file) in said


def test_a_capture_that_is_cut_is_explained_as_far_as_it_goes(
    capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is whole is shown, the place where it ends is told on stderr, and the exit code is no success."""
    data = capture.read_bytes()
    capture.write_bytes(data[:-5])

    assert decode(str(capture)) == 1

    told = capsys.readouterr()
    assert "NAK: PSN sequence error, MSN 0" in told.out
    assert f"{capture}: 7 frames, 6 of RoCE" in told.out
    assert f"closlab: {capture}: damaged at byte " in told.err
    assert f", after 7 whole frames: the file ends at byte {len(data) - 5}, where 5 more were to come" in told.err


def test_a_capture_that_is_cut_says_so_to_programs(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The place as values; of a whole one it is null."""
    assert decode(str(capture), "--json") == 0
    assert json.loads(capsys.readouterr().out)["damage"] is None
    data = capture.read_bytes()
    capture.write_bytes(data[:-5])

    assert decode(str(capture), "--json", "--limit", "0") == 1

    told = json.loads(capsys.readouterr().out)
    assert (told["frames"], told["packets"]) == (7, [])
    assert told["damage"]["frames"] == 7
    assert told["damage"]["why"] == f"the file ends at byte {len(data) - 5}, where 5 more were to come"
    assert 0 < told["damage"]["at"] < len(data)


def test_what_a_snap_length_left_out_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their sums cannot be known; frames too short to have a header are counted, and nothing is said of them."""
    file = tmp_path / "a.pcap"
    whole = [frame(write(psn)) for psn in range(3)]
    file.write_bytes(pcap(*((0, data[:size], len(data)) for data, size in zip(whole, (60, 48, 66), strict=True))))

    assert decode(str(file)) == 0

    told = capsys.readouterr().out
    assert f"{file}: 3 frames, 2 of RoCE; 2 cut by the capture's snap length" in told
    assert [line.split()[8:10] for line in told.splitlines()[1:3]] == [["cut", "short"], ["right"]]


def test_times_are_those_of_the_first_packet_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To the nanosecond, backwards too, and left out where the capture has none."""
    file, data = tmp_path / "a.pcapng", frame(write(0))
    began = 1_700_000_000_123_456_789
    stamps = [packet(began + since, data) for since in (0, 1, 86_400_000_000_001, -2_500)]
    file.write_bytes(section() + interface(resolution=9) + simple(data) + b"".join(stamps))

    assert decode(str(file), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["time"] for each in told["packets"]] == [None, 0, 1e-9, 86400.000000001, -2.5e-6]
    assert decode(str(file)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:6]] == ["10.0.0.1", "0.000000", "0.000000", "86400.000000", "-0.000002"]


def test_each_header_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those too that few have ever seen."""
    made = [
        BTH(opcode="RC_FLUSH", dqpn=1) / FETH(selectivity=1, placement=3) / RETH(va=16, rkey=5, dmalen=64),
        BTH(opcode="RD_SEND_ONLY", dqpn=1) / RDETH(eecnxt=0xABC) / DETH(qkey=7, sqpn=9) / b"data",
        BTH(opcode="XRC_SEND_ONLY", dqpn=1) / XRCETH(xrcsrq=0x123) / b"data",
        BTH(opcode="RC_FETCH_ADD", dqpn=1) / AtomicETH(va=8, rkey=5, swapdt=1),
        BTH(opcode="RC_COMPARE_SWAP", dqpn=1) / AtomicETH(va=8, rkey=5, swapdt=1, cmpdt=2),
    ]
    file = tmp_path / "a.pcap"
    file.write_bytes(
        pcap(*((0, data, len(data)) for data in (frame(over_ipv4(random.Random(1)) / each) for each in made)))
    )

    assert decode(str(file)) == 0

    told = capsys.readouterr().out
    assert "flush memory region: global visibility, persistence; 64 bytes at 0x10, key 0x5" in told
    assert "from QP 0x9, Q_Key 0x7; end-to-end context 0xabc" in told
    assert "receive queue 0x123" in told
    assert "add 0x1 at 0x8, key 0x5" in told
    assert "swap 0x1 compare 0x2 at 0x8, key 0x5" in told


def test_it_needs_no_extra_and_loads_nothing_heavy(tmp_path: Path) -> None:
    """Scapy and NumPy are no part of the base, and take a second to load."""
    file = tmp_path / "a.pcap"
    file.write_bytes(pcap((0, frame(write(0)), 66)))
    code = (
        "import sys\n"
        "from labs import cli\n"
        f"assert cli.run(['traffic', 'decode', {str(file)!r}]) == 0\n"
        "print({'scapy', 'numpy', 'jinja2', 'yaml', 'asyncio'} & set(sys.modules))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.splitlines()[-1] == "set()"
