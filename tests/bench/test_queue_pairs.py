"""Both ends of queue pairs in memory, against Scapy in the same minute: ratios, never absolute rates."""

import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from labs.traffic.qp.model import Operation, Receive, Region, Request, Settings
from labs.traffic.qp.pair import QueuePair
from labs.traffic.roce.headers import BTH

FLOOR = 50  # times as many packets as Scapy builds; here it was 400 to 800
MEMORY = Region(rkey=7, address=0, size=1 << 30)
SETTINGS = Settings(mtu=1024, window=256)


def through(pairs: int, operation: Operation, length: int) -> float:
    """Packets a second that both ends of so many queue pairs make and take, a message each."""
    left = [QueuePair(number, number, SETTINGS) for number in range(pairs)]
    right = [QueuePair(number, number, SETTINGS, regions=[MEMORY]) for number in range(pairs)]
    for asking, asked in zip(left, right, strict=True):
        asking.post(Request(1, operation, length, rkey=7))
        asked.post_receive(Receive(1, length))
    begun, count = time.perf_counter(), 0
    while moved := turn(left, right) + turn(right, left):
        count += moved
    taken = time.perf_counter() - begun
    assert sum(len(each.completions()) for each in left) == pairs
    return count / taken


def turn(ours: list[QueuePair], theirs: list[QueuePair]) -> int:
    """Have the one side say what it has, and the other hear it; how many packets that were."""
    count = 0
    for each in ours:
        packets = each.poll(0)
        each.sent(len(packets), 0)
        count += len(packets)
        for packet in packets:
            theirs[packet.qp].hear(packet, 0)
    return count


def by_scapy(count: int = 300) -> float:
    """Packets a second that Scapy builds."""
    packet = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=0xC000, dport=4791) / BTH(opcode=4) / Raw(bytes(1024))
    begun = time.perf_counter()
    for _ in range(count):
        bytes(packet.copy())
    return count / (time.perf_counter() - begun)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize(("pairs", "length"), [(1, 16 << 20), (500, 64 << 10)])
def test_queue_pairs_are_not_what_holds_packets_back(operation: Operation, pairs: int, length: int) -> None:
    """One process takes far more packets through both ends than Scapy builds, with one queue pair and with many."""
    rate, peer = max(through(pairs, operation, length) for _ in range(2)), by_scapy()
    print(f"{operation}: {pairs} queue pairs: {rate / 1000:.0f} kpps, {rate / peer:.0f} times Scapy's {peer:.0f} pps")
    assert rate > FLOOR * peer
