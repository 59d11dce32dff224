r"""Modes of load balancing on routes that BGP made, counted where packets arrive.

                     / superspine1
         / spine1 ---- superspine2
host - leaf                              and the same mirrored below, to the other pod's host
         \ spine2 ---- superspine3
                     \ superspine4

Bounds: of n fair coins the heads are within 5 standard deviations, which 1 in 1.7 million such tests is not.
"""

import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from math import sqrt
from pathlib import Path

import pytest
from wanted import nothing, running

from telemetry.converge import converge
from topologies import deploy
from topologies.balancing.model import Balance, Mode, balance
from topologies.balancing.reading import modes, summary
from topologies.balancing.switches import look, make, switches
from topologies.errors import Mistake
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord

SENT = 2_000
ROCE, OTHER = 4791, 4792
SPINES = ("pod1-spine1", "pod1-spine2")
SUPERSPINES = ("superspine1", "superspine2", "superspine3", "superspine4")
FABRIC = """
name: {name}
design: three-tier
pods: 2
spines_per_pod: 2
leaves_per_pod: 1
superspines_per_plane: 2
hosts_per_leaf: 1
"""
COUNTING = f"""
table inet counting {{
    counter roce {{ }}
    counter other {{ }}
    chain coming {{
        type filter hook prerouting priority -300
        udp dport {ROCE} counter name roce
        udp dport {OTHER} counter name other
        tcp dport {OTHER} counter name other
        icmp type echo-request counter name other
    }}
}}
"""


class Live:
    """A lab whose upper switches count what comes in."""

    def __init__(self, record: LabRecord) -> None:
        self.record = record
        self.sender, receiver = (open_door(record, f"pod{pod}-leaf1-host1") for pod in (1, 2))
        ends = {end.node: end for link in record.lab.links for end in (link.a, link.b)}  # type: ignore[union-attr]
        self.target, self.target6 = (each.partition("/")[0] for each in ends[receiver.node].addresses)
        self.ear = receiver.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.ear.bind(("", ROCE))  # of both families, so that nobody answers that nobody listens
        for name in (*SPINES, *SUPERSPINES):
            open_door(record, name).run(["nft", "--file", "-"], input=COUNTING)

    def set(self, mode: str, gap_us: int | None = None) -> None:
        """One mode for all switches."""
        make(self.record, dict.fromkeys(switches(self.record), balance(mode, gap_us)))

    def spread(self, send: Callable[["Live"], None], counter: str = "roce") -> tuple[list[int], list[int]]:
        """How many packets of what is sent came to each spine, and to each super-spine."""
        self._taken(counter)
        send(self)
        counts = self._taken(counter)
        return counts[: len(SPINES)], counts[len(SPINES) :]

    def _taken(self, counter: str) -> list[int]:
        found = []
        for name in (*SPINES, *SUPERSPINES):
            text = (
                open_door(self.record, name).run(["nft", "-j", "reset", "counters", "table", "inet", "counting"]).stdout
            )
            counters = [each["counter"] for each in json.loads(text)["nftables"] if "counter" in each]
            found.append(next(each["packets"] for each in counters if each["name"] == counter))
        return found


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The fabric, converged."""
    file = tmp_path_factory.mktemp("balancing") / "fabric.yml"
    file.write_text(FABRIC.format(name=f"queues{os.getpid()}"))
    source = deploy.load(file)
    assert source.plan is not None
    with running(source.lab) as record:
        converge(record, source.plan, within=60, say=nothing)
        live = Live(record)
        yield live
        live.ear.close()


def bth(queue_pair: int) -> bytes:
    """A base transport header (IBTA 9.2) of SEND Only, and a payload."""
    return struct.pack("!BBHII", 0x04, 0, 0xFFFF, queue_pair, 0) + bytes(20)


def datagrams(
    pairs: Callable[[int], int] = lambda _: 17,
    *,
    port: int = ROCE,
    sources: Callable[[int], int] = lambda _: 50_000,
    six: bool = False,
    pause: float = 0,
    count: int = SENT,
) -> Callable[[Live], None]:
    """Datagrams from the sender to the receiver; the n-th has a queue pair and a source port by its number."""

    def send(live: Live) -> None:
        mouths: dict[int, socket.socket] = {}
        family, target = (socket.AF_INET6, live.target6) if six else (socket.AF_INET, live.target)
        for number in range(count):
            if (source := sources(number)) not in mouths:
                mouths[source] = live.sender.socket(family, socket.SOCK_DGRAM)
                mouths[source].bind(("", source))
            mouths[source].sendto(bth(pairs(number)), (target, port))
            if pause:
                time.sleep(pause)  # the silence is what flowlets are told by
        for mouth in mouths.values():
            mouth.close()

    return send


def of_one_flow(protocol: int, transport: bytes) -> Callable[[Live], None]:
    """As many packets of another protocol, all alike."""

    def send(live: Live) -> None:
        with live.sender.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as mouth:
            for _ in range(SENT):
                mouth.sendto(transport, (live.target, 0))

    return send


def fair(counts: list[int], total: int = SENT) -> bool:
    """Whether all arrived, and each share is within five standard deviations of its mean."""
    share = 1 / len(counts)
    return sum(counts) == total and all(
        abs(each - total * share) <= 5 * sqrt(total * share * (1 - share)) for each in counts
    )


each_pair = datagrams(lambda number: number + 1)
one_pair = datagrams()


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
def test_five_tuple_does_not_see_queue_pairs_and_destination_qp_does(live: Live, six: bool) -> None:
    """2,000 queue pairs behind one 5-tuple: all on one path, then a half on each, and a quarter in the second tier."""
    send = datagrams(lambda number: number + 1, six=six)
    live.set("five-tuple")
    plain = live.spread(send)
    live.set("destination-qp")
    spines, tops = live.spread(send)

    assert [sorted(each) for each in plain] == [[0, SENT], [0, 0, 0, SENT]]
    assert fair(spines), spines
    assert fair(tops), tops


def test_a_queue_pair_stays_on_its_path(live: Live) -> None:
    """destination-qp does not reorder: 2,000 packets of one queue pair take one path."""
    live.set("destination-qp")

    spines, tops = live.spread(one_pair)

    assert (sorted(spines), sorted(tops)) == ([0, SENT], [0, 0, 0, SENT])


def test_spraying_spreads_one_queue_pair(live: Live) -> None:
    """Each packet by chance, in both tiers."""
    live.set("spray")

    spines, tops = live.spread(one_pair)

    assert fair(spines), spines
    assert fair(tops), tops


@pytest.mark.parametrize("mode", ["destination-qp", "spray", "flowlet"])
@pytest.mark.parametrize(
    "send",
    [
        datagrams(lambda number: number, port=OTHER),
        of_one_flow(socket.IPPROTO_TCP, struct.pack("!HHIIBBHHH", OTHER, OTHER, 0, 0, 0x50, 0x10, 1, 0, 0)),
        of_one_flow(socket.IPPROTO_ICMP, struct.pack("!BBHHH", 8, 0, 0xF7FF, 0, 0)),
    ],
    ids=["UDP", "TCP", "ICMP"],
)
def test_what_is_not_roce_keeps_its_path(live: Live, mode: str, send: Callable[[Live], None]) -> None:
    """Other protocols, and UDP to another port, are hashed by the kernel as ever."""
    live.set("five-tuple")
    before = live.spread(send, "other")
    live.set(mode)

    assert live.spread(send, "other") == before
    assert sorted(before[0]) == [0, SENT]


def test_a_flowlet_stays_while_packets_follow_each_other(live: Live) -> None:
    """With a gap of ten seconds, 2,000 packets in a row take one path."""
    live.set("flowlet", 10_000_000)

    spines, tops = live.spread(one_pair)

    assert (sorted(spines), sorted(tops)) == ([0, SENT], [0, 0, 0, SENT])


def test_a_flowlet_moves_after_a_gap(live: Live) -> None:
    """With pauses longer than the gap, each packet is a flowlet of its own and goes where chance has it."""
    live.set("flowlet", 50)

    spines, tops = live.spread(datagrams(pause=0.000_2, count=400))

    assert fair(spines, 400), spines
    assert fair(tops, 400), tops


def connected(live: Live) -> None:
    """500 flows of sockets that are connected, which give their packets a hash."""
    for source in range(20_000, 20_500):
        with live.sender.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            mouth.bind(("", source))
            mouth.connect((live.target, OTHER))
            mouth.send(bytes(20))


def test_a_senders_own_hash_polarises_the_kernel_and_no_other_mode(live: Live) -> None:
    """It crosses veths with the packet; a program on the ports has each switch hash for itself, as behind a wire."""
    live.set("kernel")
    spines, tops = live.spread(connected, "other")
    spread = {}
    for mode in ("five-tuple", "destination-qp", "flowlet", "spray"):
        live.set(mode)
        spread[mode] = live.spread(connected, "other")

    assert [sorted(tops[:2]), sorted(tops[2:])] == [[0, spines[0]], [0, spines[1]]]
    for mode, (spines, tops) in spread.items():
        assert fair(spines, 500), (mode, spines)
        assert fair(tops, 500), (mode, tops)


def test_a_polarised_fabric_uses_half_of_its_second_tier(live: Live) -> None:
    """500 flows: the first tier is fair, of the super-spines of a spine one has all and the other exactly none."""
    flows = datagrams(sources=lambda number: 20_000 + number, count=500)
    live.set("polarised")
    spines, tops = live.spread(flows)
    live.set("five-tuple")
    spines_after, tops_after = live.spread(flows)

    assert fair(spines, 500), spines
    assert sorted(tops[:2]) == [0, spines[0]]
    assert sorted(tops[2:]) == [0, spines[1]]
    assert fair(spines_after, 500), spines_after
    assert fair(tops_after, 500), tops_after


def test_what_is_set_is_shown_and_outlives_whoever_set_it(live: Live) -> None:
    """Each mode is read back from the kernels of all switches; no fd of ours holds the program."""
    names = switches(live.record)
    shown = {}
    for each in Mode:
        live.set(each)
        shown[each] = {summary(ports) for ports in modes(look(live.record, names)).values()}
    ours = [fd for fd in Path("/proc/self/fd").iterdir() if "bpf" in str(fd.resolve())]

    assert shown == {each: {balance(each).text()} for each in Mode}
    assert ours == []


def test_switches_may_differ(live: Live) -> None:
    """One switch is set by itself, and the others stay."""
    live.set("kernel")
    make(live.record, {"pod1-leaf1": balance("spray")})

    found = {name: summary(ports) for name, ports in modes(look(live.record, switches(live.record))).items()}

    assert found.pop("pod1-leaf1") == "spray"
    assert set(found.values()) == {"kernel"}


def test_what_is_no_switch_is_refused_and_nothing_is_changed(live: Live) -> None:
    """A host has no paths to choose from."""
    live.set("kernel")

    with pytest.raises(Mistake, match="no switch 'pod1-leaf1-host1'; there are "):
        make(live.record, {"pod1-leaf1": Balance(Mode.SPRAY), "pod1-leaf1-host1": Balance(Mode.SPRAY)})
    assert summary(modes(look(live.record, ["pod1-leaf1", "pod2-leaf1"]))["pod1-leaf1"]) == "kernel"
