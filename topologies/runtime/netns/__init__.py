"""The native runtime: a lab is namespaces of this machine, removed whole by ending its first process."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from msgspec.structs import replace

from topologies.errors import Fault, Mistake
from topologies.lab import HOST, Lab
from topologies.runtime import identity, syscalls
from topologies.runtime.model import Action, LabRecord, Life, NodeRecord, Note, Process, Say
from topologies.runtime.netns import machine, names, ports
from topologies.runtime.netns.channel import Built, Channel, Go, Progress, Refused
from topologies.runtime.netns.mgmt import mgmt_addresses
from topologies.runtime.netns.ports import Published
from topologies.runtime.netns.profiles import profile_of, with_folder
from topologies.runtime.netns.refusals import left_out, refuse
from topologies.runtime.syscalls import NEWIPC, NEWNET, NEWNS, NEWPID, NEWUSER, NEWUTS

LAB_NAMESPACES = NEWPID | NEWNET | NEWNS | NEWUTS | NEWIPC
_LIVES = {"T": Life.PAUSED, "": Life.DEAD, "Z": Life.DEAD, "X": Life.DEAD}


class Netns:
    """Labs on namespaces, as root or, in a user namespace, as anybody."""

    name = "netns"

    def up(self, record: LabRecord, *, note: Note, say: Say) -> LabRecord:
        """Bring `record.lab` up; daemons are started and ready when it returns, routes need not be there yet."""
        record = replace(record, lab=with_folders(record.lab))
        refuse(record.lab)
        mgmt = mgmt_addresses(record.lab)  # what is wrong with it is said before anything is made
        host_links = machine.wanted(record)
        rootless = os.geteuid() != 0
        with ExitStack() as undo:
            published = ports.publish(record.lab, mgmt)
            undo.callback(ports.close, published)
            record = replace(record, lab=ports.with_ports(record.lab, published))
            pid, channel = _spawn(record, rootless, published)
            undo.callback(channel.close)
            record = replace(record, init=identity.identify(pid), host_links=host_links)
            undo.callback(self.down, record)
            note(record)
            channel.say(Go())
            built = _built(channel, say)
            record = _recorded(record, built)
            if not rootless:
                record = replace(record, host_paths=names.wanted(record))
                note(record)
                undo.callback(names.remove, record)
                names.make(record)
            if warnings := machine.commands(record):
                record = replace(record, lab=replace(record.lab, warnings=(*record.lab.warnings, *warnings)))
            note(record)
            channel.say(Go())
            if channel.hear() is not None:  # it hangs up when it no longer needs this process
                raise Fault("the lab's first process has more to say, where it should idle")
            undo.pop_all()
            channel.close()
            ports.close(published)
        return record

    def down(self, record: LabRecord) -> None:
        """Remove everything that the record names; fine when some or all of it is gone. Idempotent."""
        if record.init is not None:
            identity.end(record.init, record.boot_id)
        machine.remove(record)
        names.remove(record)

    def look(self, record: LabRecord) -> Mapping[str, Life]:
        """How each node stands now."""
        found = {node.name: node.init for node in record.nodes}
        lives = {node.name: _life(found.get(node.name), record) for node in record.lab.nodes}
        return lives | {node.name: Life.RUNNING for node in record.lab.nodes if node.kind == HOST}

    def act(self, record: LabRecord, node: str, action: Action, *, note: Note) -> LabRecord:
        """Do one thing to one node; returns the record as it is afterwards."""
        from topologies.runtime.netns import power

        return power.act(record, node, action, note=note)


def with_folders(lab: Lab) -> Lab:
    """A lab whose images name folders by their paths, so that it can be looked after from anywhere."""
    rootfs = Path(os.environ.get("CLOSLAB_ROOTFS", ".cache/rootfs")).absolute()
    return replace(lab, nodes=tuple(replace(node, image=with_folder(node.image, rootfs)) for node in lab.nodes))


def _life(init: Process | None, record: LabRecord) -> Life:
    if init is None:
        return Life.DEAD
    return _LIVES.get(identity.state(init, record.boot_id), Life.RUNNING)


def _spawn(record: LabRecord, rootless: bool, published: list[Published]) -> tuple[int, Channel]:
    """Start the lab's first process; it waits for Go, and ends when this process does."""
    from topologies.runtime.netns import init  # and with it what only a start needs: `down` is to be quick

    ours, theirs = Channel.pair()
    outside = machine.network(record.lab)
    try:
        pid = syscalls.clone(LAB_NAMESPACES | (NEWUSER if rootless else 0))
    except PermissionError as error:
        raise Mistake(f"namespaces cannot be made here: {error.strerror}; `closlab doctor` says why") from error
    if pid == 0:
        ours.close()
        init.live(record.lab, rootless, theirs, published, outside)
    theirs.close()
    if outside is not None:
        os.close(outside)
    if rootless:
        Path(f"/proc/{pid}/uid_map").write_text(f"0 {os.geteuid()} 1")
        Path(f"/proc/{pid}/setgroups").write_text("deny")
        Path(f"/proc/{pid}/gid_map").write_text(f"0 {os.getegid()} 1")
    return pid, ours


def _built(channel: Channel, say: Say) -> Built:
    """Pass on what the lab's first process says until all is built; raises what it says instead."""
    while True:
        message = channel.hear()
        if isinstance(message, Progress):
            say(message.phase, message.done, message.of)
        elif isinstance(message, Built):
            return message
        elif isinstance(message, Refused):
            raise Mistake(message.text) if message.mistake else Fault(message.text)
        else:
            raise Fault("the lab's first process ended without a word")


def _recorded(record: LabRecord, built: Built) -> LabRecord:
    """The record of a lab that is up; bridges live in the lab's first process, nodes of kind host are the machine."""
    lab = replace(record.lab, warnings=(*record.lab.warnings, *left_out(record.lab), *built.warnings))
    born = {here.node: Process(here.pid, here.started) for here in built.nodes}
    mgmt = mgmt_addresses(lab)
    nodes = []
    for node in lab.nodes:
        given = {6 if ":" in address else 4: address for address in mgmt.of(node.name)}
        nodes.append(
            NodeRecord(
                name=node.name,
                long_name=lab.long_name(node.name),
                init=None if node.kind == HOST else born.get(node.name, record.init),
                mgmt_ipv4=given.get(4, ""),
                mgmt_ipv6=given.get(6, ""),
                profile=profile_of(node).name if node.has_processes else "",
            )
        )
    return replace(record, lab=lab, nodes=tuple(nodes), phases={**record.phases, **built.phases})
