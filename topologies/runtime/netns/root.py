"""A node's root folder: the machine's own files below, read-only, and all that the node writes above, in memory.

    root        one overlay whose lower folder is the machine's /, and what is mounted below it shown read-only
    rootless    an overlay cannot be put over / there (it holds mounts that the user namespace may not take apart), and
                the machine's root owns /etc: so the lower folder is a copy of /etc and the skeleton of /var, made once
                per lab, in which the user is root and belongs to FRR's groups; every other folder is shown read-only
    a root file system folder    one overlay over that folder

Everything is mounted in the node's own mount namespace, so that its last process takes it all away.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from topologies.lab import LabNode
from topologies.runtime import syscalls
from topologies.runtime.netns.profiles import folder_of
from topologies.runtime.syscalls import (
    MNT_DETACH,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
)

WORK = "/sys"  # in the lab's own mount namespace a tmpfs that nobody else sees; nodes have a /sys of their own
PINS = f"{WORK}/netns"  # each node's network stays referenced here, whatever becomes of its processes
OWN = ("proc", "sys", "dev", "run", "tmp")  # folders of / that each node has for itself
HIDDEN = (*OWN, "etc", "var", "root", "boot", "lost+found")  # the machine's, not shown in a rootless node
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "net/tun", "fuse")
VIRTUAL = frozenset(
    (
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs"),
        *("fusectl", "hugetlbfs", "mqueue", "nsfs", "overlay", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs"),
        *("squashfs", "sysfs", "tmpfs", "tracefs"),
    )
)
NOBODY_ELSE = ("root", "frr", "frrvty")  # names that all mean the one user of a user namespace
_DEV_LINKS = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0"}
_DEV_LINKS |= {"stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}


class Base(Struct, frozen=True):
    """What the roots of many nodes are made of: the folder below, and folders of the machine shown read-only in it."""

    lower: str
    shown: tuple[str, ...] = ()
    rootless: bool = False


def shown_mounts(mountinfo: str) -> tuple[str, ...]:
    """Where real file systems are mounted below /, outermost first, out of /proc/self/mountinfo."""
    found = []
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        place, kind = fields[4].replace("\\040", " "), fields[fields.index("-") + 1]
        if place != "/" and kind not in VIRTUAL and place.split("/")[1] not in OWN:
            found.append(place)
    return tuple(sorted(set(found)))


def without_others(text: str, *, group: bool) -> str:
    """/etc/passwd or /etc/group for a namespace with one user: root and FRR's names all have number 0."""
    lines = []
    for line in text.splitlines():
        name, *fields = line.split(":")
        if name in NOBODY_ELSE and len(fields) >= 3:
            fields[1] = "0"
            if group:
                fields[-1] = "root,frr"
            else:
                fields[2] = "0"
        lines.append(":".join((name, *fields)))
    return "\n".join(lines) + "\n"


def machine_base(rootless: bool) -> Base:
    """The base of nodes that use the machine's own programs."""
    if not rootless:
        return existing_base(rootless)
    lower = f"{WORK}/base"
    os.mkdir(lower, 0o755)
    for entry in sorted(os.scandir("/"), key=lambda entry: entry.name):
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), f"{lower}/{entry.name}")
        elif entry.is_dir():
            os.mkdir(f"{lower}/{entry.name}", 0o755)
    _copy_settings(f"{lower}/etc")
    _copy_folders("/var", f"{lower}/var", depth=3)
    return existing_base(rootless)


def existing_base(rootless: bool) -> Base:
    """The base that the nodes of a running lab have, seen from its mount namespace."""
    if not rootless:
        return Base("/", shown_mounts(Path("/proc/self/mountinfo").read_text()))
    there = sorted(entry.path for entry in os.scandir("/") if entry.is_dir(follow_symlinks=False))
    return Base(f"{WORK}/base", tuple(path for path in there if path[1:] not in HIDDEN), rootless=True)


def base_of(node: LabNode, machine: Base) -> Base:
    """What the root of a node is made of: the folder that its image names, or the machine's own files."""
    folder = folder_of(node.image)
    return Base(folder) if folder else machine


def _copy_settings(target: str) -> None:
    """Copy what the user may read of /etc."""

    def unreadable(folder: str, names: Sequence[str]) -> Iterable[str]:
        return [name for name in names if not os.access(f"{folder}/{name}", os.R_OK)]

    shutil.copytree("/etc", target, symlinks=True, ignore=unreadable, copy_function=shutil.copy, dirs_exist_ok=True)
    for name in ("passwd", "group"):
        file = Path(target, name)
        file.write_text(without_others(file.read_text(), group=name == "group"))


def _copy_folders(source: str, target: str, depth: int) -> None:
    """Make the folders of a tree again, and its symbolic links, without the files."""
    if not os.access(source, os.R_OK | os.X_OK):
        return
    for entry in os.scandir(source):
        place = f"{target}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
        elif entry.is_dir():
            os.mkdir(place, 0o755)
            if depth > 1:
                _copy_folders(entry.path, place, depth - 1)


def assemble(place: str, base: Base, *, own_network: bool) -> str:
    """Mount a node's root below `place` (which keeps what it writes); returns the root's path."""
    root, upper, work = (f"{place}/{name}" for name in ("root", "upper", "work"))
    for folder in (root, upper, work):
        os.makedirs(folder, 0o755, exist_ok=True)
    options = f"lowerdir={base.lower},upperdir={upper},workdir={work}" + (",userxattr" if base.rootless else "")
    syscalls.mount("overlay", root, "overlay", 0, options)
    for path in base.shown:
        if os.path.isdir(path) and os.path.isdir(root + path):
            syscalls.mount(path, root + path, "", MS_BIND | MS_REC)
            syscalls.make_read_only(root + path)
    syscalls.mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    syscalls.mount("sysfs", f"{root}/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
    for name, mode in (("run", "755"), ("tmp", "1777"), ("var/tmp", "1777")):
        os.makedirs(f"{root}/{name}", exist_ok=True)
        syscalls.mount("tmpfs", f"{root}/{name}", "tmpfs", MS_NOSUID | MS_NODEV, f"mode={mode}")
    _guard_kernel(f"{root}/proc", own_network=own_network)
    _devices(f"{root}/dev")
    return root


def _guard_kernel(proc: str, *, own_network: bool) -> None:
    """Settings of the whole machine cannot be changed from inside a node, those of its own network can."""
    if own_network:
        syscalls.mount(f"{proc}/sys/net", f"{proc}/sys/net", "", MS_BIND)
    syscalls.mount(f"{proc}/sys", f"{proc}/sys", "", MS_BIND | MS_REC)
    syscalls.mount("", f"{proc}/sys", "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    if os.path.exists(f"{proc}/sysrq-trigger"):
        syscalls.mount("/dev/null", f"{proc}/sysrq-trigger", "", MS_BIND)


def _devices(dev: str) -> None:
    syscalls.mount("tmpfs", dev, "tmpfs", MS_NOSUID, "mode=755")
    for name in ("pts", "shm", "net", "mqueue"):
        os.mkdir(f"{dev}/{name}")
    for name in DEVICES:
        if os.path.exists(f"/dev/{name}"):
            os.close(os.open(f"{dev}/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
            syscalls.mount(f"/dev/{name}", f"{dev}/{name}", "", MS_BIND)
    syscalls.mount("devpts", f"{dev}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    syscalls.mount("tmpfs", f"{dev}/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    for name, target in _DEV_LINKS.items():
        os.symlink(target, f"{dev}/{name}")


def move_in(root: str) -> None:
    """Make `root` the root of this process's mount namespace and forget the former one."""
    os.chdir(root)
    syscalls.pivot_root(".", ".")
    syscalls.umount(".", MNT_DETACH)
    os.chdir("/")
