"""The assembler: bytes as RFC 9669 has them, labels, and what it refuses."""

import pytest

from topologies.bpf import assembler as bpf
from topologies.bpf.assembler import R0, R1, R2, R9, R10, Code, Label, assemble


@pytest.mark.parametrize(
    ("instruction", "octets"),
    [
        (bpf.mov(R0, 0), "b7 00 0000 00000000"),
        (bpf.mov(R1, R10), "bf a1 0000 00000000"),
        (bpf.mov(R0, -1), "b7 00 0000 ffffffff"),
        (bpf.alu("add", R2, -88), "07 02 0000 a8ffffff"),
        (bpf.alu32("mul", R0, 0xCC9E2D51), "24 00 0000 512d9ecc"),
        (bpf.alu32("xor", R1, R0), "ac 01 0000 00000000"),
        (bpf.load(4, R0, R1, 16), "61 10 1000 00000000"),
        (bpf.load(2, R0, R10, -6), "69 a0 faff 00000000"),
        (bpf.load(1, R0, R1, 9), "71 10 0900 00000000"),
        (bpf.load(8, R1, R0, 0), "79 01 0000 00000000"),
        (bpf.store(8, R0, 8, R1), "7b 10 0800 00000000"),
        (bpf.store(4, R10, -4, 0), "62 0a fcff 00000000"),
        (bpf.count(R0, 16, R1), "db 10 1000 00000000"),
        (bpf.big_endian(32, R0), "dc 00 0000 20000000"),
        (bpf.call(26), "85 00 0000 1a000000"),
        (bpf.call_kernel(0x1234), "85 20 0000 34120000"),
        (bpf.leave(), "95 00 0000 00000000"),
        (bpf.wide(R1, 0x1_0000_0002), "18 01 0000 02000000 00 00 0000 01000000"),
        (bpf.load_value(R9, 5), "18 29 0000 05000000 00 00 0000 00000000"),
        (bpf.load_map(R1, 5), "18 11 0000 05000000 00 00 0000 00000000"),
    ],
)
def test_each_instruction_is_the_bytes_of_the_standard(instruction: bpf.Instruction, octets: str) -> None:
    """Opcode, registers (the source in the upper half), offset, number; a wide one takes two places."""
    assert assemble([instruction]) == bytes.fromhex(octets.replace(" ", ""))


def test_jumps_count_places_from_the_next_instruction() -> None:
    """A wide load is two places, a label none; forward and backward."""
    code: Code = [
        Label("begin"),
        bpf.jump_if(R0, "==", 0, "end"),
        bpf.wide(R1, 7),
        bpf.jump_if(R1, ">=", R2, "begin"),
        bpf.jump("end"),
        Label("end"),
        bpf.leave(),
    ]

    done = assemble(code)
    offsets = [int.from_bytes(done[at + 2 : at + 4], "little", signed=True) for at in (0, 24, 32)]

    assert offsets == [4, -4, 0]
    assert [done[at] for at in (0, 24, 32)] == [0x15, 0x3D, 0x05]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ([bpf.jump("away")], "no label away; there are none"),
        ([Label("here"), bpf.jump("away"), bpf.leave()], "no label away; there are here"),
        ([Label("here"), Label("here"), bpf.leave()], "label 'here' is there twice"),
    ],
)
def test_labels_are_there_once(code: Code, why: str) -> None:
    """A missing one and one that is there twice are named."""
    with pytest.raises(ValueError, match=why):
        assemble(code)


@pytest.mark.parametrize("number", [1 << 32, -(1 << 31) - 1])
def test_a_number_of_more_than_32_bits_is_refused(number: int) -> None:
    """It would be cut short in silence."""
    with pytest.raises(ValueError, match="a number in an instruction has 32 bits"):
        bpf.mov(R0, number)
