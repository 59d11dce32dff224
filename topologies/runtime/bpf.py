"""The one door for bpf(2): load programs, make maps, and find those of others again (uapi/linux/bpf.h).

What is returned by an open fd lives on without us where something of the kernel's, such as a filter, holds it.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from topologies.errors import Fault, Mistake
from topologies.runtime import syscalls

_MAP_CREATE, _MAP_LOOKUP, _PROG_LOAD = 0, 1, 5
_PROG_BY_ID, _MAP_BY_ID, _INFO = 13, 14, 15
_FILTER = 3  # BPF_PROG_TYPE_SCHED_CLS
_LOG = 1 << 18
_LICENSE = b"Dual MIT/GPL"  # the kernel lends its own functions only to programs whose licence goes with the GPL
_INFO_SIZE, _MAP_COUNT_AT, _MAP_IDS_AT = 232, 52, 56
_MOST_MAPS = 8


def make_map(kind: int, *, key: int, value: int, entries: int, name: str) -> int:
    """A map, as an open fd; sizes in bytes. Raises Fault."""
    attributes = struct.pack("=IIIIIII16s", kind, key, value, entries, 0, 0, 0, name.encode()[:15])
    return _call(_MAP_CREATE, attributes, f"BPF map {name}")


def load(code: bytes, name: str) -> int:
    """A program for filters, as an open fd. Raises Mistake where BPF is not for us, Fault with the verifier's words."""
    octets = ctypes.create_string_buffer(code, len(code))
    license = ctypes.create_string_buffer(_LICENSE)
    head = struct.pack("=IIQQ", _FILTER, len(code) // 8, ctypes.addressof(octets), ctypes.addressof(license))
    tail = struct.pack("=II16s", 0, 0, name.encode()[:15])
    try:
        return _call(_PROG_LOAD, head + struct.pack("=IIQ", 0, 0, 0) + tail, f"BPF program {name}")
    except Fault:
        log = ctypes.create_string_buffer(_LOG)
        asked = head + struct.pack("=IIQ", 1, _LOG, ctypes.addressof(log)) + tail
        try:
            return _call(_PROG_LOAD, asked, f"BPF program {name}")
        except Fault as error:
            words = log.value.decode(errors="replace").strip().splitlines()
            raise Fault("\n".join([str(error), *words[-6:]])) from None


def maps_of(program: int) -> Iterator[int]:
    """The maps of a program that the kernel has under this number, as open fds, in the kernel's order. Raises Fault."""
    numbers = (ctypes.c_uint32 * _MOST_MAPS)()
    info = ctypes.create_string_buffer(_INFO_SIZE)
    struct.pack_into("=I", info, _MAP_COUNT_AT, _MOST_MAPS)
    struct.pack_into("=Q", info, _MAP_IDS_AT, ctypes.addressof(numbers))
    with closing(_call(_PROG_BY_ID, struct.pack("=III", program, 0, 0), f"BPF program {program}")) as fd:
        _call(_INFO, struct.pack("=IIQ", fd, _INFO_SIZE, ctypes.addressof(info)), f"what BPF program {program} is")
    (count,) = struct.unpack_from("=I", info, _MAP_COUNT_AT)
    for number in numbers[: min(count, _MOST_MAPS)]:
        yield _call(_MAP_BY_ID, struct.pack("=III", number, 0, 0), f"BPF map {number}")


def read(map: int, key: bytes, size: int) -> bytes:
    """The value of so many bytes that an open map has for a key. Raises Fault where there is none."""
    wanted, value = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(size)
    asked = struct.pack("=IIQQQ", map, 0, ctypes.addressof(wanted), ctypes.addressof(value), 0)
    _call(_MAP_LOOKUP, asked, "an entry of a BPF map")
    return value.raw


@contextmanager
def closing(fd: int) -> Iterator[int]:
    """An open fd for the length of a block."""
    try:
        yield fd
    finally:
        os.close(fd)


def _call(command: int, attributes: bytes, what: str) -> int:
    try:
        return syscalls.bpf(command, ctypes.create_string_buffer(attributes, len(attributes)), what)
    except OSError as error:
        if error.errno == errno.EPERM:  # the verifier's own refusals are EACCES
            why = "only root of the machine may use BPF; user namespaces give no power over it"
            raise Mistake(f"{what}: {why}") from error
        words = "this kernel has no bpf(2)" if error.errno == errno.ENOSYS else error.strerror
        raise Fault(f"{what}: {words}") from error
