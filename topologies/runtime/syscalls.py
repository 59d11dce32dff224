"""The Linux calls that Python 3.11 has no names for.

Each failure is an OSError that names the call and what it was about. `clone` keeps Python's own state right in the
child by the same three hooks that `os.fork` uses; call it only while the process has one thread.
"""

import ctypes
import functools
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

NEWNS, NEWUTS, NEWIPC = 0x00020000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 0x1, 0x2, 0x4, 0x8, 0x20
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2

RESOLVE_IN_ROOT = 0x10

_SIGCHLD = 17
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_CAPBSET_DROP, _PR_SET_TIMERSLACK = 1, 15, 24, 29
_OPENAT2, _MOUNT_SETATTR = 437, 442  # the same on every architecture
_AT_FDCWD, _AT_RECURSIVE, _ATTR_RDONLY = -100, 0x8000, 1
_NUMBERS = {
    "x86_64": {"clone": 56, "pivot_root": 155, "bpf": 321},
    "aarch64": {"clone": 220, "pivot_root": 41, "bpf": 280},
}


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _MountAttr(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns"))


@functools.cache
def _libc() -> ctypes.PyDLL:
    """The C library, called with Python's lock held, so that `clone` finds the lock in a known state."""
    return ctypes.PyDLL(None, use_errno=True)


def _number(call: str) -> int:
    machine = platform.machine()
    if machine not in _NUMBERS:
        raise OSError(38, f"{call}: not known for the architecture {machine}")
    return _NUMBERS[machine][call]


def _checked(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def clone(flags: int) -> int:
    """Fork into new namespaces; returns the child's pid, 0 in the child."""
    ctypes.pythonapi.PyOS_BeforeFork()
    pid: int = _libc().syscall(_number("clone"), ctypes.c_ulong(flags | _SIGCHLD), 0, 0, 0, 0)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    error = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    ctypes.set_errno(error)
    return _checked(pid, f"clone({flags:#x})")


def unshare(flags: int) -> None:
    """Move this thread into new namespaces."""
    _checked(_libc().unshare(flags), f"unshare({flags:#x})")


def setns(fd: int, flags: int, what: str = "") -> None:
    """Move this thread into the namespace that `fd` names."""
    _checked(_libc().setns(fd, flags), f"setns({what or fd})")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    args = (source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None)
    _checked(_libc().mount(*args), f"mount({source} on {target}, {kind or 'bind'})")


def make_read_only(target: str) -> None:
    """Make a mount and all below it read-only, whatever else they are (mount_setattr(2), Linux 5.12)."""
    attr = _MountAttr(_ATTR_RDONLY)
    args = (_AT_FDCWD, target.encode(), _AT_RECURSIVE, ctypes.byref(attr), ctypes.c_size_t(ctypes.sizeof(attr)))
    _checked(_libc().syscall(_MOUNT_SETATTR, *args), f"mount_setattr({target}, read-only)")


def umount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _checked(_libc().umount2(target.encode(), flags), f"umount({target})")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root of this mount namespace and put the former one at `old`."""
    _checked(_libc().syscall(_number("pivot_root"), new.encode(), old.encode()), f"pivot_root({new})")


def die_with_parent(signal: int) -> None:
    """Have the kernel send `signal` to this process when its parent ends; 0 takes that back."""
    _checked(_libc().prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def call_oneself(name: str) -> None:
    """Give this thread the name that ps and top show; 15 bytes of it."""
    _checked(_libc().prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0), "prctl(PR_SET_NAME)")


def be_exact() -> None:
    """Have this thread's waits end when they are over, not up to 50 microseconds later as is usual."""
    _checked(_libc().prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0), "prctl(PR_SET_TIMERSLACK)")


def drop_capability(number: int) -> None:
    """Give up a capability for this process and all its children, for good."""
    _checked(_libc().prctl(_PR_CAPBSET_DROP, number, 0, 0, 0), f"prctl(PR_CAPBSET_DROP, {number})")


def bpf(command: int, attributes: ctypes.Array[ctypes.c_char], what: str) -> int:
    """bpf(2); the kernel may write into the attributes. Returns its answer, such as an fd, which is closed on exec."""
    result = _libc().syscall(_number("bpf"), command, attributes, ctypes.c_uint(ctypes.sizeof(attributes)))
    return _checked(result, what)


def open_in_root(root: int, path: str, flags: int, mode: int = 0) -> int:
    """Open `path` as a process whose root is the folder `root` would, symbolic links included; returns an fd."""
    how = _OpenHow(flags | os.O_CLOEXEC, mode if flags & (os.O_CREAT | os.O_TMPFILE) else 0, RESOLVE_IN_ROOT)
    result = _libc().syscall(_OPENAT2, root, path.encode(), ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
    return _checked(result, f"open {path}")


def make_folders(root: int, path: str) -> None:
    """Make a folder and those above it, as a process whose root is the folder `root` would."""
    at = ""
    for part in path.strip("/").split("/"):
        parent = open_in_root(root, at or "/", os.O_PATH | os.O_DIRECTORY)
        at = f"{at}/{part}"
        try:
            os.mkdir(part, 0o755, dir_fd=parent)
        except FileExistsError:
            pass
        finally:
            os.close(parent)


@contextmanager
def inside_netns(netns: int | str) -> Iterator[None]:
    """Spend a block in another network namespace, given by fd or path; only this thread moves, and it comes back."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    away = os.open(netns, os.O_RDONLY | os.O_CLOEXEC) if isinstance(netns, str) else netns
    try:
        setns(away, NEWNET, f"net {netns}")
        try:
            yield
        finally:
            setns(home, NEWNET, "net, back home")
    finally:
        os.close(home)
        if away != netns:
            os.close(away)
