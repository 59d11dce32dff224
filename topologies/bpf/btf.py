"""The kernel's type information (BTF; Documentation/bpf/btf.rst): where fields lie, and the numbers of functions.

One pass over some hundred thousand types notes where each begins; only what is asked is then read in full.
"""

import struct
from collections.abc import Iterator

_HEADER = struct.Struct("=HBBIIIII")
_TYPE = struct.Struct("=III")
_MEMBER = struct.Struct("=III")
_MAGIC = 0xEB9F
_STRUCT, _UNION, _FUNCTION = 4, 5, 12
_MODIFIERS = (8, 9, 10, 11, 18)  # typedef, volatile, const, restrict, type tag: they lead to another type
_FIXED = {1: 4, 3: 12, 14: 4, 17: 4}  # bytes that follow a type of that kind
_EACH = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}  # bytes that follow for each of its parts
_KINDS = 19


class Types:
    """The types of a kernel, out of the bytes of /sys/kernel/btf/vmlinux. ValueError for what is no BTF."""

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER.size or _HEADER.unpack_from(data)[0] != _MAGIC:
            raise ValueError("no type information (BTF) of this machine's byte order")
        _, _, _, head, types, length, strings, size = _HEADER.unpack_from(data)
        self._data = data
        self._strings = data[head + strings : head + strings + size]
        self._places = list(_places(data, head + types, head + types + length))

    def function(self, name: str) -> int:
        """The number of a function; KeyError where the kernel has none of that name."""
        return self._find(name, _FUNCTION)

    def offset(self, structure: str, member: str) -> int:
        """How many bytes into a structure a member lies, also one of nameless parts; KeyError where there is none."""
        for name, bits in self._members(self._find(structure, _STRUCT), 0):
            if name == member:
                return bits // 8
        raise KeyError(f"{structure}.{member}")

    def _find(self, name: str, kind: int) -> int:
        at = self._strings.find(b"\0" + name.encode() + b"\0") + 1
        for number, place in enumerate(self._places, 1) if at else ():
            named, info, _ = _TYPE.unpack_from(self._data, place)
            if named == at and info >> 24 & 0x1F == kind:
                return number
        raise KeyError(name)

    def _members(self, number: int, base: int) -> Iterator[tuple[str, int]]:
        """The members of a structure with their offsets in bits, those of nameless parts among them."""
        place = self._places[number - 1]
        _, info, _ = _TYPE.unpack_from(self._data, place)
        for at in range(place + _TYPE.size, place + _TYPE.size + (info & 0xFFFF) * _MEMBER.size, _MEMBER.size):
            named, kind, offset = _MEMBER.unpack_from(self._data, at)
            bits = base + (offset & 0xFF_FFFF if info >> 31 else offset)
            if named:
                yield self._strings[named : self._strings.index(b"\0", named)].decode(), bits
            elif self._kind(inner := self._bare(kind)) in (_STRUCT, _UNION):
                yield from self._members(inner, bits)

    def _bare(self, number: int) -> int:
        """The type behind its modifiers."""
        while self._kind(number) in _MODIFIERS:
            number = _TYPE.unpack_from(self._data, self._places[number - 1])[2]
        return number

    def _kind(self, number: int) -> int:
        return int(_TYPE.unpack_from(self._data, self._places[number - 1])[1]) >> 24 & 0x1F if number else 0


def _places(data: bytes, at: int, end: int) -> Iterator[int]:
    """Where each type begins."""
    while at < end:
        yield at
        info = _TYPE.unpack_from(data, at)[1]
        kind = info >> 24 & 0x1F
        if not 0 < kind <= _KINDS:
            raise ValueError(f"no type information that is known here: kind {kind}")
        at += _TYPE.size + _FIXED.get(kind, 0) + _EACH.get(kind, 0) * (info & 0xFFFF)
