"""Slots, blocks and the filter on plain memory, and the sender that only remembers."""

import struct

import numpy as np
import pytest

from labs.traffic.wire import filter
from labs.traffic.wire.blocks import HEADER, frames
from labs.traffic.wire.model import Sent
from labs.traffic.wire.senders import FakeSender
from labs.traffic.wire.slots import AVAILABLE, SEND_REQUEST, SENDING, WRONG_FORMAT, Slots, shape
from topologies.errors import Mistake


@pytest.mark.parametrize("length", [1, 60, 1082, 2016, 2017, 4154, 9014])
@pytest.mark.parametrize("slots", [1, 31, 1000])
def test_slots_fill_their_blocks(length: int, slots: int) -> None:
    """At least as many as asked, each with room for headers and frame, blocks of whole pages without a rest."""
    block, slot, blocks, count = shape(length, slots)

    assert slot >= 32 + 10 + length
    assert block % slot == block % 4096 == 0
    assert count == block * blocks // slot >= slots


@pytest.mark.parametrize(("length", "slots"), [(0, 1), (1, 0), (1, -5), (4096, 10**7)])
def test_rings_that_cannot_be_are_refused(length: int, slots: int) -> None:
    """No slots, no bytes, and more than memory allows."""
    with pytest.raises(Mistake, match="a ring of"):
        shape(length, slots)


def ring(slots: int = 8) -> Slots:
    return Slots.over(np.zeros(slots * 128, np.uint8), 128, 60)


def kernel(it: Slots, *status: int) -> None:
    """What the kernel makes of the slots from the next on."""
    it.status[it.at : it.at + len(status)] = status


def test_slots_say_that_all_of_a_frame_is_to_be_copied() -> None:
    """In both headers that the kernel reads: how long it is with the second header, and how much of it is copied."""
    memory = np.zeros(2 * 128, np.uint8)

    it = Slots.over(memory, 128, 60)
    it.frames[:] = 0xEE

    for slot in memory.reshape(-1, 128):
        assert struct.unpack_from("=II", slot, 0) == (AVAILABLE, 70)
        assert struct.unpack_from("=BBHHHH", slot, 32) == (0, 0, 60, 0, 0, 0)
        assert bytes(slot[42:102]) == b"\xee" * 60
        assert not slot[102:].any()


def test_slots_go_round() -> None:
    """All free at first; sent ones are passed; at the end of the ring it goes on at its begin, as far as it is free."""
    it = ring()
    assert len(it.free(100)) == 8
    it.request(6)
    kernel(it, *[SENDING] * 5, AVAILABLE)
    assert it.settle(6) == Sent(6)
    assert len(it.free(100)) == 2
    it.request(2)
    kernel(it, AVAILABLE, AVAILABLE)
    assert it.settle(2) == Sent(2)
    assert len(it.free(100)) == 0
    kernel(it, AVAILABLE, AVAILABLE)
    assert len(it.free(100)) == 2
    assert len(it.free(1)) == 1
    assert len(it.free(-1)) == 0


@pytest.mark.parametrize(("bad", "told"), [(SEND_REQUEST, Sent(2, 3)), (WRONG_FORMAT, Sent(2, 2, 1))])
def test_what_was_not_sent_is_ours_again(bad: int, told: Sent) -> None:
    """From the first slot that the kernel left, all come back, and it is the next that is sent."""
    it = ring()
    it.request(5)
    kernel(it, SENDING, AVAILABLE, bad, SEND_REQUEST, SEND_REQUEST)

    assert it.settle(5) == told
    assert it.at == 2
    assert it.status.tolist() == [SENDING, *[AVAILABLE] * 7]


def block(lengths: list[int], tag: int = 0) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """A block as the kernel writes it, frame after frame of bytes that count up."""
    memory, at = bytearray(1 << 16), HEADER
    struct.pack_into("=II", memory, 12, len(lengths), at)
    for number, length in enumerate(lengths):
        step = -(-(HEADER + 34 + length) // 8) * 8
        last = number == len(lengths) - 1
        status = 1 | (0x50 if tag else 0)
        head = (
            0 if last else step,
            7,
            number,
            length,
            length,
            status,
            HEADER + 34,
            HEADER + 48,
            0,
            tag & 0xFFFF,
            tag >> 16,
        )
        struct.pack_into("=6IHH2IH", memory, at, *head)
        memory[at + HEADER + 34 : at + HEADER + 34 + length] = bytes([number]) * length
        at += step
    return np.frombuffer(bytes(memory), np.uint8)


@pytest.mark.parametrize("lengths", [[], [60], [60] * 9, [60, 60, 61, 60], [100, 60, 60], [60, 60, 100], [40, 41, 42]])
def test_frames_of_a_block(lengths: list[int]) -> None:
    """Equal or not, all are found with their length, time and bytes."""
    found = frames(block(lengths))

    assert found.lengths.tolist() == lengths
    assert found.stamps.tolist() == [7 * 10**9 + number for number in range(len(lengths))]
    assert [found.whole(k) for k in range(len(found))] == [bytes([k]) * size for k, size in enumerate(lengths)]
    assert [bytes(row) for row in found.rows(60)] == [bytes([k]) * 60 for k, size in enumerate(lengths) if size == 60]


def test_rows_of_equal_frames_are_a_view() -> None:
    """Nothing is copied where nothing has to be, and nothing can be written there."""
    found = frames(block([60] * 5))
    rows = found.rows(60)

    assert np.shares_memory(rows, found.memory)
    assert not rows.flags.writeable


def test_a_tag_is_put_back() -> None:
    """The outer VLAN tag, which the kernel takes off, is where it was on the cable."""
    found = frames(block([60], tag=0x88A8_3007))

    assert found.tags.tolist() == [0x88A83007]
    assert found.whole(0) == bytes(12) + b"\x88\xa8\x30\x07" + bytes(48)


def test_every_jump_of_the_filter_lands_in_it() -> None:
    """No jump leaves the program, and its last instruction returns."""
    made = filter.instructions()

    assert all(at + 1 + max(each[1], each[2]) < len(made) for at, each in enumerate(made[:-1]))
    assert made[-1] == (0x06, 0, 0, 0)
    assert len(filter.program()) == 8 * len(made)


def test_the_fake_remembers_what_had_room() -> None:
    """Frames beyond its room are refused and not sent, until it was waited for."""
    fake = FakeSender(bytes(4), slots=8, room=3)
    fake.rows(5)[:, 0] = np.arange(5)

    assert fake.send(5) == Sent(3, 2)
    assert fake.send(5) == Sent()
    fake.rows(8)
    assert fake.send(2) == Sent(0, 2)
    assert fake.wait(1)
    fake.rows(1)[:, 0] = 9
    assert fake.send(1) == Sent(1)
    assert [each[0] for each in fake.sent] == [0, 1, 2, 9]
