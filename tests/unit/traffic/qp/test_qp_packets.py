"""Messages as packets: opcodes, sizes, numbers, headers; and what is refused before there is a packet."""

import msgspec
import pytest
from connected import LEFT_PSN, MTU, REGION, pairs, poll, read, send, write
from hypothesis import given
from hypothesis import strategies as st

from labs.traffic.qp.model import Operation, Receive, Request, Settings
from labs.traffic.qp.pair import QueuePair
from labs.traffic.qp.psn import HALF, MASK, nearest
from labs.traffic.qp.segments import MOVES, packets_of
from labs.traffic.roce.fields import Reth
from labs.traffic.roce.opcodes import OPCODES, Header
from topologies.errors import Mistake

WIDE = Settings(mtu=MTU, window=100, ack_every=1000)


def sent(request: Request) -> list[tuple[str, int, int, bool]]:
    """Opcode, bytes, offset and whether an acknowledge is asked for, of each packet."""
    left, _ = pairs(WIDE)
    left.post(request)
    return [
        (OPCODES[each.opcode].name.removeprefix("RC_"), each.size, each.offset, each.ack_requested)
        for each in poll(left)
    ]


@pytest.mark.parametrize(
    ("request_", "packets"),
    [
        (send(1, 0), [("SEND_ONLY", 0, 0, True)]),
        (send(1, MTU, 0), [("SEND_ONLY_WITH_IMMEDIATE", MTU, 0, True)]),
        (send(1, MTU + 1), [("SEND_FIRST", MTU, 0, False), ("SEND_LAST", 1, MTU, True)]),
        (
            write(1, 3 * MTU, 5),
            [
                ("RDMA_WRITE_FIRST", MTU, 0, False),
                ("RDMA_WRITE_MIDDLE", MTU, MTU, False),
                ("RDMA_WRITE_LAST_WITH_IMMEDIATE", MTU, 2 * MTU, True),
            ],
        ),
        (write(1, 1), [("RDMA_WRITE_ONLY", 1, 0, True)]),
        (write(1, 0, 1), [("RDMA_WRITE_ONLY_WITH_IMMEDIATE", 0, 0, True)]),
        (read(1, 5 * MTU), [("RDMA_READ_REQUEST", 0, 0, False)]),
        (read(1, 0), [("RDMA_READ_REQUEST", 0, 0, False)]),
    ],
)
def test_a_message_has_these_packets(request_: Request, packets: list[tuple[str, int, int, bool]]) -> None:
    """FIRST, MIDDLE, LAST or ONLY, all but the last one full; the last asks for an acknowledge."""
    assert sent(request_) == packets


@given(st.sampled_from([send, write]), st.integers(0, 50 * MTU), st.one_of(st.none(), st.integers(0, 2**32 - 1)))
def test_every_packet_has_the_headers_of_its_opcode(make: type[Request], length: int, immediate: int | None) -> None:
    """Also when its numbers wrap in the middle; and its packets together have all bytes of a message."""
    left, _ = pairs(WIDE)
    left.post(make(1, length, immediate))
    packets = poll(left)

    assert [each.psn for each in packets] == [(LEFT_PSN + index) & MASK for index in range(packets_of(length, MTU))]
    assert sum(each.size for each in packets) == length
    for each in packets:
        headers = OPCODES[each.opcode].headers
        assert (each.reth is not None) == (Header.RETH in headers)
        assert each.immediate == (immediate if Header.IMMEDIATE in headers else None)
        assert each.aeth is None
        assert each.reth in (None, Reth(REGION.address, REGION.rkey, length))


def test_the_data_of_a_read_has_the_headers_of_its_opcodes() -> None:
    """Acknowledge headers on all but the middle ones, and numbers from that of the request on."""
    left, right = pairs(WIDE)
    for request in (read(1, 0), read(2, MTU), read(3, MTU + 1), read(4, 2 * MTU + 9)):
        left.post(request)
    for packet in poll(left):
        right.hear(packet, 0)
    packets = poll(right)

    names = [OPCODES[each.opcode].name.removeprefix("RC_RDMA_READ_RESPONSE_") for each in packets]
    assert names == ["ONLY", "ONLY", "FIRST", "LAST", "FIRST", "MIDDLE", "LAST"]
    assert [each.size for each in packets] == [0, MTU, MTU, 1, MTU, MTU, 9]
    assert [each.psn for each in packets] == [(LEFT_PSN + index) & MASK for index in range(7)]
    assert [each.aeth.msn if each.aeth else None for each in packets] == [1, 2, 3, 3, 4, None, 4]


def test_the_largest_message_fits_into_half_of_the_numbers() -> None:
    """2 GiB in the smallest packets are 2**23 of them, whose numbers can just be told apart."""
    assert packets_of(1 << 31, 256) == HALF
    left, right = pairs(Settings(mtu=256))
    left.post(read(1, 1))
    left.post(read(2, 1 << 31))
    (first,) = poll(left)  # the second would reach one further than half
    right.hear(first, 0)
    left.hear(poll(right)[0], 0)
    (second,) = poll(left)
    assert second.reth == Reth(REGION.address, REGION.rkey, 1 << 31)
    assert left.outstanding == HALF


@given(st.integers(0, 1 << 40), st.integers(-HALF, HALF - 1))
def test_a_number_is_the_nearest_it_can_be(reference: int, distance: int) -> None:
    """Half of the 24-bit numbers are behind another, the other half is ahead."""
    assert nearest((reference + distance) & MASK, reference) == reference + distance


def test_what_may_come_within_what() -> None:
    """Nothing but the middle and the end of the same operation within a message; only beginnings between two."""
    names = {
        within: {OPCODES[number].name.removeprefix("RC_").removeprefix("RDMA_") for number in steps}
        for within, steps in MOVES.items()
    }
    ends = {"{}_MIDDLE", "{}_LAST", "{}_LAST_WITH_IMMEDIATE"}
    assert names[Operation.SEND] == {each.format("SEND") for each in ends}
    assert names[Operation.WRITE] == {each.format("WRITE") for each in ends}
    begins = {"{}_FIRST", "{}_ONLY", "{}_ONLY_WITH_IMMEDIATE"}
    assert names[None] == {each.format(word) for each in begins for word in ("SEND", "WRITE")} | {"READ_REQUEST"}
    assert {step.then for step in MOVES[None].values()} == {None, Operation.SEND, Operation.WRITE}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"length": -1}, "request 1: length: -1 is no whole number from 0 to 2147483648"),
        ({"length": (1 << 31) + 1}, "length"),
        ({"length": 1.0}, "length"),
        ({"length": True}, "length"),
        ({"length": None}, "length"),
        ({"operation": "write"}, "no operation 'write'; there are send, write, read"),
        ({"rkey": 1 << 32}, "rkey"),
        ({"rkey": "7"}, "rkey"),
        ({"address": 1 << 64, "length": 0}, "address"),
        ({"address": (1 << 64) - 9}, "address: .* from 0 to 18446744073709551606"),
        ({"immediate": -1}, "immediate"),
        ({"immediate": 1 << 32}, "immediate"),
        ({"operation": Operation.READ, "immediate": 0}, "a read has no immediate data"),
    ],
)
def test_requests_that_cannot_be_are_refused(changes: dict[str, object], said: str) -> None:
    """When they are posted, with what there may be instead; nothing of them is sent."""
    left, _ = pairs()
    with pytest.raises(Mistake, match=said):
        left.post(msgspec.structs.replace(write(1, 10), **changes))
    assert left.poll(0) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mtu": 1500}, "mtu: 1500; there are 256, 512, 1024, 2048, 4096"),
        ({"window": 0}, "window: 0 is no whole number from 1 to"),
        ({"window": 1 << 23}, "window"),
        ({"reads": 0}, "reads"),
        ({"reads_taken": 256}, "reads_taken"),
        ({"ack_every": 0}, "ack_every"),
        ({"timeout": 32}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"retries": 8}, "retries"),
        ({"rnr_retries": True}, "rnr_retries"),
        ({"rnr_timer": 1.5}, "rnr_timer"),
        ({"dilation": 0}, "dilation"),
        ({"dilation": float("nan")}, "dilation"),
        ({"dilation": float("inf")}, "dilation"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, float], said: str) -> None:
    """With what there may be instead."""
    with pytest.raises(Mistake, match=said):
        Settings(**changes)  # type: ignore[arg-type]  # that is the test


def test_numbers_of_queue_pairs_have_24_bits() -> None:
    """So have first packet sequence numbers; receives have a size."""
    with pytest.raises(Mistake, match="queue pair: number"):
        QueuePair(1 << 24, 1, Settings())
    with pytest.raises(Mistake, match="queue pair: peer_psn"):
        QueuePair(1, 1, Settings(), peer_psn=-1)
    with pytest.raises(Mistake, match="receive 3: size"):
        QueuePair(1, 1, Settings()).post_receive(Receive(3, -1))
