"""The door for bpf(2): what the kernel refuses, in words that say whose it is to change."""

import ctypes
import errno
import os
from collections.abc import Callable

import pytest

from topologies.errors import Fault, Mistake
from topologies.runtime import bpf, syscalls

Attributes = ctypes.Array[ctypes.c_char]


def kernel(*answers: int, words: bytes = b"") -> Callable[[int, Attributes, str], int]:
    """A kernel that answers so, call after call: an fd, or an error if negative; it writes a verifier's words."""
    left = list(answers)

    def called(command: int, attributes: Attributes, what: str) -> int:
        answer = left.pop(0)
        log = int.from_bytes(attributes.raw[32:40], "little") if len(attributes) > 40 else 0
        if log:
            ctypes.memmove(log, words, len(words))
        if answer < 0:
            raise OSError(-answer, os.strerror(-answer))
        return answer

    return called


def test_a_program_is_an_fd(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kernel gives it."""
    monkeypatch.setattr(syscalls, "bpf", kernel(7))

    assert bpf.load(bytes(8), "mine") == 7


def test_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the user's to change, and a user namespace does not help."""
    monkeypatch.setattr(syscalls, "bpf", kernel(-errno.EPERM))

    with pytest.raises(Mistake, match="BPF program mine: only root of the machine may use BPF; user namespaces give"):
        bpf.load(bytes(8), "mine")


def test_a_kernel_without_bpf_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And tried no further."""
    monkeypatch.setattr(syscalls, "bpf", kernel(-errno.ENOSYS))

    with pytest.raises(Fault, match=r"BPF map mine: this kernel has no bpf\(2\)"):
        bpf.make_map(2, key=4, value=8, entries=1, name="mine")


def test_the_verifiers_last_words_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program is loaded without a log, and once more with one where it was refused."""
    words = b"0: (95) exit\nR0 !read_ok\n" + bytes(1)
    monkeypatch.setattr(syscalls, "bpf", kernel(-errno.EACCES, -errno.EACCES, words=words))

    with pytest.raises(Fault, match=r"(?s)BPF program mine: Permission denied\n.*R0 !read_ok"):
        bpf.load(bytes(8), "mine")
