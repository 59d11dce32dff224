"""A lab's first process: it makes the lab's namespaces and links, has the nodes born, and then idles.

It is process 1 of a PID namespace of its own, and every node's first process lives in one nested below, so that one
SIGKILL removes the whole lab whatever state it is in. Order: the starter notes this process in the record and says Go;
links are made before any node's processes are, because the networks exist without them.
"""

import errno
import os
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from topologies.errors import ClosError, Fault, Mistake
from topologies.lab import Lab
from topologies.runtime import syscalls
from topologies.runtime.netlink import Netlink
from topologies.runtime.netns import needs, pace, stages
from topologies.runtime.netns import wiring as wires
from topologies.runtime.netns.births import Births
from topologies.runtime.netns.channel import Built, Channel, Go, Progress, Refused
from topologies.runtime.netns.holder import IDLE
from topologies.runtime.netns.mgmt import MgmtAddresses, mgmt_addresses
from topologies.runtime.netns.ports import Published
from topologies.runtime.netns.programs import ENVIRONMENT
from topologies.runtime.netns.root import PINS, WORK, Base, machine_base
from topologies.runtime.netns.wiring import HOME, MACHINE, Wiring
from topologies.runtime.syscalls import MS_BIND, MS_PRIVATE, MS_REC, NEWNET

# A new network takes over the machine's IPv4 settings, which must not decide what a lab does. Docker's are these.
NODE_SYSCTLS = {"net.ipv4.ip_forward": "1"}
NODE_SYSCTLS |= {f"net.ipv4.conf.{scope}.rp_filter": "0" for scope in ("all", "default")}
NODE_SYSCTLS |= {f"net.ipv6.conf.{scope}.disable_ipv6": "0" for scope in ("all", "default")}
NODE_SYSCTLS |= {f"net.ipv6.conf.{scope}.accept_dad": "0" for scope in ("all", "default")}
# The lab's own network joins nodes on the management bridge and forwards nothing.
HOME_SYSCTLS = {"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "0"}
HOME_SYSCTLS |= {"net.ipv6.conf.default.disable_ipv6": "1", "net.ipv4.conf.all.rp_filter": "0"}


def live(lab: Lab, rootless: bool, channel: Channel, published: list[Published], machine: int | None) -> NoReturn:
    """Be a lab's first process; says Progress and then Built or Refused over the channel. Never returns. `machine` is
    the machine's network, None for a sealed lab."""
    try:
        syscalls.die_with_parent(signal.SIGKILL)
        os.setsid()
        leave_caller()
        if isinstance(channel.hear(), Go):
            built = _build(lab, rootless, channel, machine)
            if published:
                from topologies.runtime.netns import relay  # asyncio takes 20 ms that most labs need not spend

                relay.start(published, channel)
            channel.say(built)
            if isinstance(channel.hear(), Go):
                _idle()
    except Mistake as error:
        channel.say(Refused(str(error), mistake=True))
    except (ClosError, OSError) as error:
        channel.say(Refused(str(error)))
    except BaseException:  # noqa: BLE001 - the end of a process of its own: nothing may unwind into the caller's copy
        channel.say(Refused(traceback.format_exc()))
    os._exit(1)


def leave_caller() -> None:
    """Keep nothing of the caller's open: whoever reads its output would wait for its end as long as the lab lives."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with suppress(OSError):  # the one that was open for this list
                os.set_inheritable(int(name), False)


def _idle() -> NoReturn:
    """Outlive the starter, which hears our end of the channel close."""
    syscalls.die_with_parent(0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.execvpe(IDLE[0], IDLE, ENVIRONMENT)


def _build(lab: Lab, rootless: bool, channel: Channel, machine: int | None) -> Built:
    phases: dict[str, float] = {}
    warnings: list[str] = []
    with _timed(phases, "namespaces"):
        base = _workplace(rootless)
        mgmt = mgmt_addresses(lab)
        wiring = wires.wire(lab, mgmt)
        needs.programs(lab)
        needs.open_files(len(wiring.spaces))
        _home_settings()
        fds = _networks(lab, wiring, warnings) | ({} if machine is None else {MACHINE: machine})
        channel.say(Progress("namespaces", len(wiring.spaces), len(wiring.spaces)))
    with _timed(phases, "links"):
        wiring = _links(lab, wiring, fds, stages.late(lab))
        channel.say(Progress("links", len(wiring.cables), len(wiring.cables)))
    with _timed(phases, "daemons"):
        pace.hurry()
        births = Births(lab, wiring, base, hosts(lab, mgmt), fds, channel)
        nodes = births.all()
        pace.calm_down()
        syscalls.setns(fds[HOME], NEWNET, "the lab's own network")  # whose bridges are looked at by way of this process
    with _timed(phases, "pins"):
        for space, fd in fds.items():
            pin(space, fd)
    warnings += births.warnings
    return Built(nodes, phases, tuple(dict.fromkeys(warnings)))


@contextmanager
def _timed(phases: dict[str, float], name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    phases[name] = time.monotonic() - begun


def _workplace(rootless: bool) -> Base:
    """A mount namespace that tells the machine nothing, and a place in memory for all that nodes write."""
    syscalls.mount("none", "/", "", MS_REC | MS_PRIVATE)
    syscalls.mount("tmpfs", WORK, "tmpfs", 0, "mode=755")
    os.makedirs(f"{WORK}/nodes")
    os.makedirs(PINS)
    return machine_base(rootless)


def set_sysctl(name: str, value: str, owner: str = "the lab's own network") -> str:
    """Set a kernel setting of this thread's network; returns why it cannot be, "" when it was.

    Raises Mistake for a value that the kernel refuses, Fault for whatever else it does.
    """
    if not name.startswith("net."):
        return f"{owner}: {name} is no setting of a network, and nodes share the machine's kernel: it was left out"
    try:
        Path("/proc/sys", *name.split(".")).write_text(value)
    except FileNotFoundError:
        return f"{owner}: this kernel has no setting {name}: it was left out"
    except OSError as error:
        kind = Mistake if error.errno == errno.EINVAL else Fault
        raise kind(f"{owner}: cannot set {name}={value}: {error.strerror}") from error
    return ""


def _home_settings() -> None:
    for name, value in HOME_SYSCTLS.items():
        set_sysctl(name, value)


def _networks(lab: Lab, wiring: Wiring, warnings: list[str]) -> dict[str, int]:
    """Make all network namespaces and set their sysctls while only lo is there; returns an fd for each space."""
    fds = {HOME: os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)}
    nodes = {node.name: node for node in lab.nodes}
    for space in wiring.spaces:
        syscalls.unshare(NEWNET)
        fds[space] = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        for name, value in (NODE_SYSCTLS | dict(nodes[space].sysctls)).items():
            if lack := set_sysctl(name, value, f"node {space}"):
                warnings.append(lack)
    syscalls.setns(fds[HOME], NEWNET, "the lab's own network")
    return fds


def _links(lab: Lab, wiring: Wiring, fds: dict[str, int], late: frozenset[str]) -> Wiring:
    """Make all links, then raise all, then address all, but for those of nodes whose links come late. Returns the
    wiring with all numbers known."""
    sockets = {space: Netlink.open(fd) for space, fd in fds.items()}
    try:
        sockets[HOME].send(wires.creations(wiring, fds))
        for bridge in wiring.bridges:
            if bridge.space == HOME and bridge.addresses:
                set_sysctl(f"net.ipv6.conf.{bridge.name}.disable_ipv6", "0")
        for space, kernel in sockets.items():
            kernel.send(wires.tunnels(wiring, space))
        if MACHINE in sockets:
            numbers = {link.name: link.index for link in sockets[MACHINE].links()}
            sockets[MACHINE].send(wires.branches(wiring, fds, numbers))
            wiring = wires.numbered(wiring, numbers)
        early = {space: kernel for space, kernel in sockets.items() if space not in late}
        for space, kernel in early.items():
            kernel.send(wires.raisings(wiring, space))
        for space, kernel in early.items():
            kernel.send([*wires.settings(lab, wiring, space), *wires.rates(wiring, space)])
    finally:
        for kernel in sockets.values():
            kernel.close()
    return wiring


def hosts(lab: Lab, mgmt: MgmtAddresses) -> str:
    """/etc/hosts of every node: who is who on the management network, else by loopback."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    for node in lab.nodes:
        loopbacks = tuple(address for interface, address in node.addresses if interface == "lo")
        lines += [
            f"{a.partition('/')[0]} {node.name} {lab.long_name(node.name)}" for a in mgmt.of(node.name) or loopbacks
        ]
    return "\n".join(lines) + "\n"


def pin(space: str, fd: int) -> None:
    """Keep a network referenced by the lab, under its space's name."""
    place = f"{PINS}/{space or '.lab'}"
    os.close(os.open(place, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    syscalls.mount(f"/proc/self/fd/{fd}", place, "", MS_BIND)
