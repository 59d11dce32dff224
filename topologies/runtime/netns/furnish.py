"""A node's surroundings: its root, what is bound into it, the files that it begins with, its sockets' folders."""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

import topologies
from topologies.errors import Mistake
from topologies.lab import Bind, File, LabNode
from topologies.runtime import syscalls
from topologies.runtime.identity import stat_fields
from topologies.runtime.netns.channel import Here
from topologies.runtime.netns.root import WORK, Base, assemble, move_in
from topologies.runtime.syscalls import MS_BIND, MS_REC

LOGS = "/var/log/closlab"
FRR = "/etc/frr"
# What a node's root may not do to the machine: load modules, set the clock, reboot, raw disks, kernel log, audit.
_NOT_GIVEN = (16, 17, 22, 25, 27, 30, 34)


class Birth(Struct, frozen=True):
    """All that a node's first process must know. `fresh` is False when the node comes back after a power-off,
    and finds its files."""

    node: LabNode
    base: Base
    hosts: str
    fresh: bool = True


def disk(node: LabNode) -> str:
    """Where all that a node writes is kept, in the lab's own mount namespace, whether it runs or not."""
    return f"{WORK}/nodes/{node.name}"


def furnish(birth: Birth) -> Here:
    """Make the node's root and move in; returns who this process is by the machine's numbers."""
    node = birth.node
    pid = int(os.readlink("/proc/self"))  # the machine's /proc is still there
    started = int(stat_fields(Path("/proc/self/stat").read_text())[19])
    socket.sethostname(node.hostname or node.name)
    place = disk(node)
    root = assemble(place, birth.base, own_network=not node.on_machine)
    _own_settings(root, place, node)
    for bind in (*node.binds, *_installation(root, node)):
        _bind(root, bind)
    move_in(root)
    if birth.fresh:
        owners = _owners()
        for file in (*_standard_files(node, birth.hosts), *node.files):
            _write(file, owners)
    _sockets_folder()
    for number in _NOT_GIVEN:
        syscalls.drop_capability(number)
    return Here(node.name, pid, started)


def _own_settings(root: str, place: str, node: LabNode) -> None:
    """A node whose FRR files are given sees only those, not the machine's."""
    if any(file.path.startswith(f"{FRR}/") for file in node.files):
        os.makedirs(f"{place}/frr", 0o755, exist_ok=True)
        os.makedirs(root + FRR, exist_ok=True)
        syscalls.mount(f"{place}/frr", root + FRR, "", MS_BIND)


def _installation(root: str, node: LabNode) -> list[Bind]:
    """This installation of closlab, for a node with workloads, where nodes have that folder for themselves."""
    if not node.tasks:
        return []
    places = dict.fromkeys((sys.prefix, str(Path(topologies.__file__).parents[1])))
    return [Bind(place, place, read_only=True) for place in places if not os.path.exists(root + place)]


def _bind(root: str, bind: Bind) -> None:
    """Show a file or folder of the machine in the node."""
    if not os.path.exists(bind.source):
        raise Mistake(f"bind {bind.source}:{bind.target}: there is no {bind.source}")
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    at = Path(bind.target)
    syscalls.make_folders(fd, str(at if os.path.isdir(bind.source) else at.parent))
    if not os.path.isdir(bind.source):
        os.close(syscalls.open_in_root(fd, bind.target, os.O_CREAT | os.O_WRONLY, 0o644))
    place = syscalls.open_in_root(fd, bind.target, os.O_PATH)
    syscalls.mount(bind.source, f"/proc/self/fd/{place}", "", MS_BIND | MS_REC)
    os.close(place)
    if bind.read_only:
        place = syscalls.open_in_root(fd, bind.target, os.O_PATH)
        syscalls.make_read_only(f"/proc/self/fd/{place}")
        os.close(place)
    os.close(fd)


def _standard_files(node: LabNode, hosts: str) -> tuple[File, ...]:
    servers = "".join(f"nameserver {server}\n" for server in node.dns_servers)
    search = f"search {' '.join(node.dns_search)}\n" if node.dns_search else ""
    return (
        File("/etc/hosts", hosts, 0o644),
        File("/etc/hostname", f"{node.hostname or node.name}\n", 0o644),
        File("/etc/resolv.conf", servers + search, 0o644),
    )


def _owners() -> Mapping[str, tuple[int, int]]:
    """Number of FRR's user with its own group, and with that of vtysh; {} where there is no FRR."""
    users = numbers("/etc/passwd")
    groups = numbers("/etc/group")
    if "frr" not in users:
        return {}
    own = groups.get("frr", users["frr"])
    return {"frr": (users["frr"], own), "vty": (users["frr"], groups.get("frrvty", own))}


def numbers(path: str) -> dict[str, int]:
    """The number of each name in /etc/passwd or /etc/group; none where there is no such file."""
    try:
        lines = Path(path).read_text().splitlines()
    except FileNotFoundError:
        return {}
    fields = [line.split(":") for line in lines]
    return {each[0]: int(each[2]) for each in fields if len(each) > 2 and each[2].isdigit()}


def _write(file: File, owners: Mapping[str, tuple[int, int]]) -> None:
    place = Path(file.path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)  # a symbolic link there would lead elsewhere
    place.write_text(file.text)
    place.chmod(file.mode)
    if file.path.startswith(f"{FRR}/") and owners:
        os.chown(place, *owners["vty" if place.name == "vtysh.conf" else "frr"])


def _sockets_folder() -> None:
    """The folders that FRR's own start script would make."""
    owners = _owners()
    for folder in ("/run/frr", "/var/log/frr", LOGS):
        os.makedirs(folder, 0o755, exist_ok=True)
    if owners:
        for folder in ("/run/frr", "/var/log/frr", FRR):
            if os.path.isdir(folder):
                os.chown(folder, *owners["frr"])
