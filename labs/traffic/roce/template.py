"""Thousands of RoCE frames that differ in a few fields, made and checked as arrays. Pure.

A frame is compiled once. Its invariant CRC is affine over GF(2): with d the bits in which another frame differs, the
other's CRC is crc ^ L(d), and L is linear. So each byte of a field has a table of 256 words, and a frame's CRC is the
compiled one's, xor one word for each byte of its fields; nothing else of the frame is read.
"""

import zlib
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from labs.traffic.roce import icrc
from labs.traffic.roce.opcodes import OPCODES, Header
from topologies.errors import Mistake

Frames = NDArray[np.uint8]
"""Frames as rows: shape (count, bytes), each with its invariant CRC at the end."""

BTH_SIZE = 12
WIDEST = 8  # bytes of a field


class Field(Struct, frozen=True):
    """Bytes that may differ: where they begin, and how many there are. The number in them is in network order."""

    at: int
    size: int


class Template(Struct, frozen=True, dict=True):
    """A compiled frame, whole with its CRC, and its fields by name; `compiled` makes one."""

    frame: bytes
    fields: Mapping[str, Field]

    @property
    def size(self) -> int:
        """Bytes of a frame."""
        return len(self.frame)

    def fill(self, out: Frames, **values: ArrayLike) -> None:
        """Write frames into the rows of `out`, which may be a view of other memory.

        Each value is one number for all rows, or as many as there are rows; a field that is not named is as compiled.
        Raises Mistake for a name that is none, and for what does not fit.
        """
        octets = self._to_write(out, values)
        out[:] = self._compiled
        self._write(out, octets)

    def renew(self, out: Frames, **values: ArrayLike) -> None:
        """Write frames into rows that hold frames of this template already, as those of a sender that was opened with
        it do: only the fields that are named and the CRC are touched.

        All other fields must be as compiled, so name the same ones each time. Raises Mistake as `fill` does.
        """
        self._write(out, self._to_write(out, values))

    def _to_write(self, out: Frames, values: Mapping[str, ArrayLike]) -> dict[str, Frames]:
        """The bytes of fields, a row for each of `out`; Mistake for what does not fit."""
        if out.ndim != 2 or out.shape[1] != self.size:
            raise Mistake(f"frames of {self.size} bytes do not fit into an array of shape {out.shape}")
        return {name: self._octets(name, value, len(out)) for name, value in values.items()}

    def _write(self, out: Frames, octets: Mapping[str, Frames]) -> None:
        """Write these fields, and the CRC of frames that are as compiled but for them."""
        crc = np.full(len(out), self._crc, dtype="<u4")
        for name, own in octets.items():
            field = self.fields[name]
            out[:, field.at : field.at + field.size] = own
            self._add(crc, name, own)
        out[:, -icrc.SIZE :] = crc.reshape(-1, 1).view(np.uint8)

    def read(self, frames: Frames, name: str) -> NDArray[np.uint64]:
        """The numbers in a field of frames that have this template's size."""
        field = self._field(name)
        wide = np.zeros((len(frames), WIDEST), dtype=np.uint8)
        wide[:, WIDEST - field.size :] = frames[:, field.at : field.at + field.size]
        return wide.view(">u8")[:, 0].astype(np.uint64)

    def right(self, frames: Frames) -> NDArray[np.bool_]:
        """Which frames are of this template and undamaged: the CRC is that of the fields, and all else, but for what
        switches and routers may change, is as compiled."""
        crc = np.full(len(frames), self._crc, dtype=np.uint32)
        for name, field in self.fields.items():
            self._add(crc, name, frames[:, field.at : field.at + field.size])
        told = np.ascontiguousarray(frames[:, -icrc.SIZE :]).view("<u4")[:, 0]
        same = (frames[:, self._fixed] == self._compiled[self._fixed]).all(axis=1)
        found: NDArray[np.bool_] = same & (told == crc)
        return found

    def _add(self, crc: NDArray[np.uint32], name: str, octets: Frames) -> None:
        """Have CRCs be those of frames with these bytes in a field, where they were those of compiled ones."""
        for table, column in zip(self._tables[name], octets.T, strict=True):
            crc ^= table[column]

    def _octets(self, name: str, value: ArrayLike, count: int) -> Frames:
        """Numbers as the bytes of a field, a row each."""
        field, numbers = self._field(name), np.asarray(value)
        if numbers.dtype.kind not in "iu" or numbers.shape not in ((), (1,), (count,)):
            raise Mistake(f"{name}: one whole number, or {count} of them; not {numbers.dtype} of shape {numbers.shape}")
        if numbers.size and (int(numbers.min()) < 0 or int(numbers.max()) >= 1 << 8 * field.size):
            raise Mistake(f"{name}: numbers from 0 to {(1 << 8 * field.size) - 1}, which have {field.size} bytes")
        wide = np.broadcast_to(numbers, count).astype(">u8").reshape(-1, 1).view(np.uint8)
        return wide[:, WIDEST - field.size :]

    def _field(self, name: str) -> Field:
        if name not in self.fields:
            raise Mistake(f"no field {name!r}; there are {', '.join(self.fields)}")
        return self.fields[name]

    @cached_property
    def _compiled(self) -> Frames:
        return np.frombuffer(self.frame, dtype=np.uint8)

    @cached_property
    def _crc(self) -> int:
        return int.from_bytes(self.frame[-icrc.SIZE :], "little")

    @cached_property
    def _fixed(self) -> NDArray[np.intp]:
        """The places of bytes that are the same in every frame of this template, wherever it has been."""
        free = {place for field in self.fields.values() for place in range(field.at, field.at + field.size)}
        free |= icrc.changing(self.frame)
        start = icrc.network_header(self.frame)
        return np.array([place for place in range(start, self.size - icrc.SIZE) if place not in free], dtype=np.intp)

    @cached_property
    def _tables(self) -> dict[str, NDArray[np.uint32]]:
        """By field, for each of its bytes: what every value of it does to the compiled CRC; shape (bytes, 256)."""
        return {
            name: np.stack([self._table(place) for place in range(field.at, field.at + field.size)])
            for name, field in self.fields.items()
        }

    def _table(self, place: int) -> NDArray[np.uint32]:
        """What each value of one byte does to the CRC: L is linear, so eight bits say all of it."""
        rest = bytes(self.size - icrc.SIZE - place - 1)
        zero = zlib.crc32(b"\0" + rest)
        table = np.zeros(256, dtype=np.uint32)
        values = np.arange(256)
        for bit in range(8):
            table[values >> bit & 1 == 1] ^= zlib.crc32(bytes([1 << bit]) + rest) ^ zero
        found: NDArray[np.uint32] = table[values ^ self.frame[place]]
        return found


def compiled(frame: bytes, payload: Mapping[str, Field] | None = None) -> Template:
    """The template of a frame that is whole with its CRC, such as `labs.traffic.roce.headers.frame` makes.

    Its fields are `opcode`, `ack` (0x80 asks for an acknowledge), `qp`, `psn`, of RoCEv2 `port` (UDP source), where
    there is a RETH `address`, `rkey` and `length`, and those of `payload`, whose places count from its first byte.
    Raises Mistake for what is no RoCE, has another CRC, a UDP checksum, or a field where there is no payload.
    """
    at = icrc.transport_header(frame)
    opcode = OPCODES.get(frame[at])
    if opcode is None:
        raise Mistake(f"opcode {frame[at]:#04x} is not defined")
    if not icrc.right(frame):
        raise Mistake("the invariant CRC of the frame is wrong, so it cannot be compiled")
    fields = {"opcode": Field(at, 1), "qp": Field(at + 5, 3), "ack": Field(at + 8, 1), "psn": Field(at + 9, 3)}
    if _over_udp(frame):
        if frame[at - 2 : at] != bytes(2):
            raise Mistake("the frame has a UDP checksum, which would not follow its fields; UDP(chksum=0) has none")
        fields["port"] = Field(at - icrc.UDP_SIZE, 2)
    start = at + BTH_SIZE
    if Header.RETH in opcode.headers:
        first = start + opcode.before(Header.RETH)
        fields |= {"address": Field(first, 8), "rkey": Field(first + 8, 4), "length": Field(first + 12, 4)}
    return Template(frame, fields | _within(payload or {}, start + opcode.size, len(frame) - icrc.SIZE))


def _within(payload: Mapping[str, Field], start: int, end: int) -> dict[str, Field]:
    """Fields of a payload as such of the frame; Mistake for one that is not in it."""
    for name, field in payload.items():
        if field.at < 0 or not 1 <= field.size <= WIDEST or start + field.at + field.size > end:
            raise Mistake(
                f"{name}: bytes {field.at} to {field.at + field.size} are not in the {end - start} of payload"
            )
    return {name: Field(start + field.at, field.size) for name, field in payload.items()}


def _over_udp(frame: bytes) -> bool:
    at = icrc.network_header(frame)
    return int.from_bytes(frame[at - 2 : at], "big") != icrc.ROCE
