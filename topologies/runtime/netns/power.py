"""Power of one node: pause, resume, off, on, restart. Its network and its disk stay through all of them."""

import os
import shutil
import signal
import traceback
from typing import NoReturn

from msgspec.structs import replace

from topologies.errors import ClosError, Fault, Mistake
from topologies.lab import LabNode
from topologies.runtime import identity, syscalls
from topologies.runtime import netlink_encode as encode
from topologies.runtime.door import lives_in
from topologies.runtime.model import Action, LabRecord, NodeRecord, Note, Process
from topologies.runtime.netlink import Netlink
from topologies.runtime.netns import births, init, names
from topologies.runtime.netns import wiring as wires
from topologies.runtime.netns.channel import Channel, Refused
from topologies.runtime.netns.furnish import Birth, disk
from topologies.runtime.netns.mgmt import mgmt_addresses
from topologies.runtime.netns.root import base_of, existing_base
from topologies.runtime.syscalls import NEWNS, NEWPID
from topologies.waiting import until

GLOBAL = 0  # the scope of addresses that are neither link-local nor of a loopback network


def act(record: LabRecord, node: str, action: Action, *, note: Note) -> LabRecord:
    """Do one thing to one node; returns the record as it is afterwards, noted."""
    found, wanted = _node(record, node)
    if record.init is None or not identity.alive(record.init, record.boot_id):
        raise Fault(f"lab {record.name} does not run")
    running = found.init is not None and identity.alive(found.init, record.boot_id)
    if running is (action in (Action.START, Action.RENEW)):
        raise Mistake(f"node {node} {'runs already' if running else 'does not run'}: nothing to {action.value}")
    if action in (Action.PAUSE, Action.RESUME):
        _signal_all(found, pause=action is Action.PAUSE)
        return record
    if action is Action.KILL:
        _links(record, wires.space_of(wanted), up=False)
    if action in (Action.KILL, Action.RESTART) and found.init is not None:
        identity.end(found.init, record.boot_id)
        found = replace(found, init=None)
    if action is Action.RENEW:
        _strip(record, wires.space_of(wanted))
    if action in (Action.START, Action.RENEW):
        _links(record, wires.space_of(wanted), up=True)
    if action in (Action.START, Action.RENEW, Action.RESTART):
        found = replace(found, init=_born(record, wanted, fresh=action is Action.RENEW))
    record = replace(record, nodes=tuple(found if each.name == node else each for each in record.nodes))
    note(record)
    return record


def _node(record: LabRecord, node: str) -> tuple[NodeRecord, LabNode]:
    wanted = {each.name: each for each in record.lab.nodes}
    found = {each.name: each for each in record.nodes}
    if node not in wanted or node not in found:
        raise Mistake(f"lab {record.name}: no node {node!r}; there are {', '.join(sorted(found))}")
    if not wanted[node].has_processes:
        raise Mistake(f"node {node} is of kind {wanted[node].kind}: it has no processes and no power of its own")
    return found[node], wanted[node]


def _signal_all(found: NodeRecord, *, pause: bool) -> None:
    """Stop or continue all processes of a node; a stop is repeated until none is left that could start another."""
    if found.init is None:
        return
    home = os.readlink(f"/proc/{found.init.pid}/ns/pid")
    number = signal.SIGSTOP if pause else signal.SIGCONT

    def missing() -> str:
        awake = [pid for pid in os.listdir("/proc") if pid.isdigit() and lives_in(pid, home)]
        awake = [pid for pid in awake if identity.stopped(int(pid)) is (not pause)]
        for pid in awake:
            identity.signal_number(int(pid), number)
        return f"{len(awake)} processes" if awake else ""

    until(f"all of {found.name} {'stopped' if pause else 'going on'}", missing, within=10, every=0.002)


def _links(record: LabRecord, space: str, *, up: bool) -> None:
    """Take or give back the carrier of all that a space is cabled to, its addresses and routes with it. Nothing on the
    machine, which stays on."""
    if space == wires.MACHINE:
        return
    wiring = wires.wire(record.lab, mgmt_addresses(record.lab))
    with Netlink.open(names.target(record, space)) as kernel:
        if up:
            kernel.send(wires.raisings(wiring, space))
            kernel.send(wires.settings(record.lab, wiring, space, again=True))  # queues outlive a lowered link
        else:
            kernel.send(wires.lowerings(wiring, space))


def _strip(record: LabRecord, space: str) -> None:
    """Take from a space whose links are down the addresses that its node had given itself."""
    if space == wires.MACHINE:
        return
    with Netlink.open(names.target(record, space)) as kernel:
        own = [each for each in kernel.addresses() if each.scope == GLOBAL]
        kernel.send([encode.del_address(each.index, each.cidr, f"{space}: no {each.cidr}") for each in own])


def _born(record: LabRecord, node: LabNode, *, fresh: bool) -> Process:
    """Have a node born again in its network, as a child of the lab's first process; a `fresh` one has an empty disk."""
    ours, theirs = Channel.pair()
    child = os.fork()
    if child == 0:
        ours.close()
        _midwife(record, node, theirs, fresh=fresh)
    theirs.close()
    try:
        message = births.here(node, ours.hear())
        return Process(message.pid, message.started)
    finally:
        ours.close()
        os.waitpid(child, 0)


def _midwife(record: LabRecord, node: LabNode, channel: Channel, *, fresh: bool) -> NoReturn:
    """Join the lab's mount and PID namespaces; only a child of ours is in the latter, and it has the node born."""
    try:
        assert record.init is not None
        network = os.open(names.target(record, wires.space_of(node)), os.O_RDONLY | os.O_CLOEXEC)
        for name, flag in (("pid", NEWPID), ("mnt", NEWNS)):
            fd = os.open(f"/proc/{record.init.pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
            syscalls.setns(fd, flag, f"{name} of lab {record.name}")
        if (inner := os.fork()) == 0:
            init.leave_caller()
            if fresh:
                shutil.rmtree(disk(node))
            base = base_of(node, existing_base(record.uid != 0))
            birth = Birth(node, base, init.hosts(record.lab, mgmt_addresses(record.lab)), fresh=fresh)
            channel.say(births.here(node, births.bear(birth, network).hear()))
        else:
            os.waitpid(inner, 0)
    except (ClosError, OSError) as error:
        channel.say(Refused(str(error)))
    except BaseException:  # noqa: BLE001 - the end of a process of its own: nothing may unwind into the caller's copy
        channel.say(Refused(traceback.format_exc()))
    os._exit(0)
