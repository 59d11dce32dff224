"""An assembler for BPF: instructions and labels in, bytes out. The encoding is that of RFC 9669.

A source operand is a register (R0 to R10) or a whole number. Jumps name labels and only lead forward or backward within
one program. Arithmetic is on 64 bits, unless its name ends in 32: then on the lower 32, and the upper ones become zero.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import TypeAlias

from msgspec import Struct

_SLOT = struct.Struct("=BBhI")
_ALU32, _ALU64, _JUMP = 0x04, 0x07, 0x05
_FROM_REGISTER = 0x08
_SIZES = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}
_LOAD, _STORE, _STORE_NUMBER, _ATOMIC = 0x61, 0x63, 0x62, 0xDB
_LOAD_WIDE, _CALL, _EXIT, _BIG_ENDIAN = 0x18, 0x85, 0x95, 0xDC
_MAP, _MAP_VALUE = 1, 2  # what the source of a wide load may be
_KERNEL_FUNCTION = 2  # what the source of a call may be
_ARITHMETIC = {"add": 0x00, "sub": 0x10, "mul": 0x20, "div": 0x30, "or": 0x40, "and": 0x50}
_ARITHMETIC |= {"lsh": 0x60, "rsh": 0x70, "mod": 0x90, "xor": 0xA0, "mov": 0xB0}
_CONDITIONS = {"==": 0x10, ">": 0x20, ">=": 0x30, "!=": 0x50, "<": 0xA0, "<=": 0xB0}


class Register(IntEnum):
    """R0: what calls return; R1 to R5: their arguments, lost in a call; R6 to R9: kept; R10: the end of the stack."""

    R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 = range(11)


R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 = Register


class Instruction(Struct, frozen=True):
    """One instruction; `target` is the label that it jumps to, `upper` the other half of a wide number."""

    code: int
    to: int = 0
    source: int = 0
    offset: int = 0
    number: int = 0
    target: str = ""
    upper: int | None = None

    @property
    def slots(self) -> int:
        """How many times eight bytes it takes."""
        return 1 if self.upper is None else 2


class Label(Struct, frozen=True):
    """A place that jumps lead to."""

    name: str


Code: TypeAlias = Sequence[Instruction | Label]


def assemble(code: Code) -> bytes:
    """The bytes of a program; ValueError for a label that is missing or there twice."""
    places = _places(code)
    done, at = bytearray(), 0
    for each in code:
        if isinstance(each, Label):
            continue
        at += each.slots
        done += _packed(each, places[each.target] - at if each.target else each.offset)
    return bytes(done)


def _places(code: Code) -> dict[str, int]:
    found: dict[str, int] = {}
    at = 0
    for each in code:
        if isinstance(each, Instruction):
            at += each.slots
        elif each.name in found:
            raise ValueError(f"label {each.name!r} is there twice")
        else:
            found[each.name] = at
    if lost := {each.target for each in code if isinstance(each, Instruction) and each.target} - found.keys():
        raise ValueError(f"no label {', '.join(sorted(lost))}; there are {', '.join(found) or 'none'}")
    return found


def _packed(each: Instruction, offset: int) -> bytes:
    if each.code == _LOAD_WIDE:
        assert each.upper is not None
        return _SLOT.pack(each.code, each.source << 4 | each.to, 0, each.number) + _SLOT.pack(0, 0, 0, each.upper)
    return _SLOT.pack(each.code, each.source << 4 | each.to, offset, each.number & 0xFFFF_FFFF)


def alu(operation: str, to: Register, operand: int) -> Instruction:
    """Arithmetic on 64 bits; a number is extended by its sign."""
    return _alu(_ALU64, operation, to, operand)


def alu32(operation: str, to: Register, operand: int) -> Instruction:
    """Arithmetic on the lower 32 bits."""
    return _alu(_ALU32, operation, to, operand)


def _alu(kind: int, operation: str, to: Register, operand: int) -> Instruction:
    code = kind | _ARITHMETIC[operation]
    if isinstance(operand, Register):
        return Instruction(code | _FROM_REGISTER, to, operand)
    if not -0x8000_0000 <= operand <= 0xFFFF_FFFF:
        raise ValueError(f"{operation} {operand}: a number in an instruction has 32 bits; `wide` loads longer ones")
    return Instruction(code, to, number=operand)


def mov(to: Register, operand: int) -> Instruction:
    """Copy a register or a number."""
    return alu("mov", to, operand)


def wide(to: Register, number: int) -> Instruction:
    """Load a number of 64 bits."""
    return Instruction(_LOAD_WIDE, to, number=number & 0xFFFF_FFFF, upper=number >> 32 & 0xFFFF_FFFF)


def load_map(to: Register, fd: int) -> Instruction:
    """Load the address of a map, which is given by its open fd."""
    return Instruction(_LOAD_WIDE, to, _MAP, number=fd, upper=0)


def load_value(to: Register, fd: int) -> Instruction:
    """Load the address of the only value of an array map, which is given by its open fd."""
    return Instruction(_LOAD_WIDE, to, _MAP_VALUE, number=fd, upper=0)


def load(size: int, to: Register, base: Register, offset: int) -> Instruction:
    """Read so many bytes (1, 2, 4 or 8) from memory, in the machine's order."""
    return Instruction(_LOAD | _SIZES[size], to, base, offset)


def store(size: int, base: Register, offset: int, operand: int) -> Instruction:
    """Write so many bytes to memory, in the machine's order."""
    if isinstance(operand, Register):
        return Instruction(_STORE | _SIZES[size], base, operand, offset)
    return Instruction(_STORE_NUMBER | _SIZES[size], base, offset=offset, number=operand)


def count(base: Register, offset: int, operand: Register) -> Instruction:
    """Add to eight bytes of memory as one step that no other processor sees the middle of."""
    return Instruction(_ATOMIC, base, operand, offset)


def big_endian(bits: int, to: Register) -> Instruction:
    """Turn 16, 32 or 64 bits from the network's order to the machine's, or back."""
    return Instruction(_BIG_ENDIAN, to, number=bits)


def jump(target: str) -> Instruction:
    """Go on at a label."""
    return Instruction(_JUMP, target=target)


def jump_if(to: Register, condition: str, operand: int, target: str) -> Instruction:
    """Go on at a label where the comparison, which knows no signs, is true."""
    code = _JUMP | _CONDITIONS[condition]
    if isinstance(operand, Register):
        return Instruction(code | _FROM_REGISTER, to, operand, target=target)
    return Instruction(code, to, number=operand, target=target)


def call(helper: int) -> Instruction:
    """Call one of the kernel's helpers, by its number."""
    return Instruction(_CALL, number=helper)


def call_kernel(function: int) -> Instruction:
    """Call a function of the kernel, by its number in the kernel's type information."""
    return Instruction(_CALL, source=_KERNEL_FUNCTION, number=function)


def leave() -> Instruction:
    """End the program; R0 is its answer."""
    return Instruction(_EXIT)
