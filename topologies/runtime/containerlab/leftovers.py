"""What containerlab puts outside of its containers, and leaves there when it is killed half-way.

All of it is found by the names that containerlab derives from the lab's and its nodes' names: a block of /etc/hosts, a
file for ssh, names of network namespaces, namespaces where interfaces of stopped nodes wait. Only a cable killed
between its making and its first move has no name of ours: see `stray_cables`.
"""

import fcntl
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from topologies import process
from topologies.lab import HostLink, LabLink, Vxlan
from topologies.runtime.netlink import KernelLink, Netlink

HOSTS, HOSTS_LOCK = Path("/etc/hosts"), Path("/run/lock/clab-hosts.lock")
SSH = Path("/etc/ssh/ssh_config.d")
NAMESPACES = Path("/run/netns")
OWN_MACS = "aa:c1:ab:"  # what the addresses begin with that containerlab chooses
HALF_MADE = re.compile(r"clab-[0-9a-f]{8}")  # what both ends of a cable are called before they move into nodes


def without_block(hosts: str, lab: str) -> str:
    """The text of /etc/hosts without the lines that containerlab wrote for a lab."""
    block = rf"^###### CLAB-{re.escape(lab)}-START ######\n.*?^###### CLAB-{re.escape(lab)}-END ######\n?"
    return re.sub(block, "", hosts, flags=re.MULTILINE | re.DOTALL)


def stray_cables(links: Iterable[KernelLink], before: frozenset[int]) -> tuple[str, ...]:
    """Cables that a killed deployment left: both ends in the machine's own namespace, still named at random, and
    made since it began (`before` has the numbers of the interfaces that were there then). One end of each is named;
    macvlans too, which have one."""
    by_index = {link.index: link for link in links if HALF_MADE.fullmatch(link.name) and link.index not in before}
    pairs = ((link, by_index.get(link.peer)) for link in by_index.values())
    cables = [a.name for a, b in pairs if b is not None and b.peer == a.index and a.index < b.index]
    return (*cables, *(link.name for link in by_index.values() if link.kind == "macvlan"))


def outer(links: Iterable[LabLink]) -> tuple[str, ...]:
    """What a lab's links are called in the machine's own namespace. A stitched tunnel has two interfaces there."""
    found: list[str] = []
    for link in links:
        if isinstance(link, HostLink):
            found.append(link.host_interface)
        elif isinstance(link, Vxlan) and link.stitch:
            found += [f"{prefix}-{link.end.node}_{link.end.interface}" for prefix in ("ve", "vx")]
    return tuple(found)


def interfaces() -> frozenset[int]:
    """The numbers of all interfaces in the machine's own namespace."""
    with Netlink.open() as kernel:
        return frozenset(link.index for link in kernel.links())


def clean(lab: str, long_names: Iterable[str]) -> None:
    """Remove all that a lab left under its own names. Idempotent."""
    _clean_hosts(lab)
    (SSH / f"clab-{lab}.conf").unlink(missing_ok=True)
    for name in long_names:
        if (NAMESPACES / f"clab-park-{name}").exists():
            process.run(["ip", "netns", "delete", f"clab-park-{name}"])
        link = NAMESPACES / name
        if link.is_symlink() and not link.exists():
            link.unlink()


def clean_cables(before: frozenset[int]) -> None:
    """Remove the cables that a killed deployment left, unless another containerlab is at work and may own them."""
    if any(_is_containerlab(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        return
    with Netlink.open() as kernel:
        strays = stray_cables(kernel.links(), before)
    for name in strays:
        process.run(["ip", "link", "delete", name], check=False)


def clean_outer(names: Collection[str], before: frozenset[int]) -> None:
    """Remove the lab's own interfaces from the machine, where the end of its containers has not done so yet."""
    with Netlink.open() as kernel:
        found = [link for link in kernel.links() if link.name in names and link.index not in before]
    for link in found:
        if link.mac.startswith(OWN_MACS):
            process.run(["ip", "link", "delete", link.name], check=False)


def _clean_hosts(lab: str) -> None:
    """Under the lock that containerlab itself takes; written in place, as it does, for it may be a bind mount."""
    if not HOSTS.exists() or without_block(HOSTS.read_text(), lab) == HOSTS.read_text():
        return
    HOSTS_LOCK.parent.mkdir(parents=True, exist_ok=True)
    with HOSTS_LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        HOSTS.write_text(without_block(HOSTS.read_text(), lab))


def _is_containerlab(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "containerlab"
    except OSError:
        return False
