"""The verbs of the containerlab runtime.

Our own labs are written as a topology file below the lab's record and deployed from there; a third-party file is
deployed as it stands. All that is made can be found again from the record: containers by the folder that containerlab
notes on them, the network by the lab's id, the rest by names.
"""

import json
import os
import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from topologies.durable import write_whole
from topologies.errors import Fault, Mistake
from topologies.files.clab import setup
from topologies.lab import HOST, Daemon, LabNode
from topologies.runtime import identity, vty
from topologies.runtime.containerlab import cli, engine, frozen, leftovers, renewing, seal
from topologies.runtime.containerlab.engine import Container
from topologies.runtime.door import LOGS, Door, open_door
from topologies.runtime.image import frr_image_name
from topologies.runtime.listening import listens
from topologies.runtime.model import Action, LabRecord, Life, NodeRecord, Note, Say
from topologies.waiting import until

if TYPE_CHECKING:
    from topologies.files.clab.write import Written

CONFIGS = "configs"  # the folder of the nodes' files, beside the topology file
BEFORE = "interfaces-before.json"
DAEMONS_WITHIN = 30  # seconds that a node's daemons have to answer, after the script that started them ended


class Containerlab:
    """Labs on the real containerlab."""

    name = "containerlab"

    def up(self, record: LabRecord, *, note: Note, say: Say) -> LabRecord:
        """Write or take the topology file, deploy it into a network of its own, and wait for the daemons."""
        lab, files = record.lab, folder(record)
        cli.program()
        seal.refuse_without_firewall()
        refuse_strangers(record)
        phases: dict[str, float] = {}
        with timed("files", phases, say, len(lab.nodes)):
            topology = prepare(record)
        nodes = tuple(NodeRecord(each.name, lab.long_name(each.name)) for each in lab.nodes)
        record = replace(record, nodes=nodes, host_links=leftovers.outer(lab.links))
        note(record)
        network = ""
        with timed("network", phases, say, 1):
            if engine.needs_network(lab):
                seal.close(record.id)
                engine.make_network(lab, record.id)
                if not lab.mgmt.addressed:
                    seal.hush(record.id)
                network = engine.network_name(record.id)
        with timed("deploy", phases, say, len(lab.nodes)):
            cli.deploy(topology, record.name, files, network)
            record = replace(record, nodes=node_records(record, found(record)))
            note(record)
            if third_party(record):
                seal.take_default_routes(record)
        with timed("daemons", phases, say, len(lab.nodes)):
            for node in lab.nodes:
                wait_for_daemons(record, node)
        return replace(record, phases=phases)

    def down(self, record: LabRecord) -> None:
        """Remove the lab's containers, network and whatever else containerlab leaves. Idempotent."""
        there = engine.containers(record.name)
        strangers = len(engine.owned(there, folder(record))) < len(there)
        if there and not strangers:
            # A third party's file names a network that others may be in, or keep for later; ours names the lab's own.
            keep = third_party(record) and engine.network_exists(record.lab.mgmt.network)
            cli.destroy(record.name, folder(record), keep_network=keep)
        # A killed deployment may have left orders that the engine still carries out.
        until(f"containers of lab {record.name} gone", partial(still_there, record), within=60)
        engine.remove_network(record.id)
        seal.remove(record.id)
        if not strangers:
            leftovers.clean(record.name, [record.lab.long_name(node.name) for node in record.lab.nodes])
        before = folder(record) / BEFORE
        if before.exists() and record.boot_id == identity.boot_id():
            then = frozenset(json.loads(before.read_text()))
            leftovers.clean_cables(then)
            leftovers.clean_outer(record.host_links, then)

    def look(self, record: LabRecord) -> Mapping[str, Life]:
        """How the engine says that each container stands; the machine always runs."""
        lives = {each.node: each.life for each in found(record)} | dict.fromkeys(renewing.renewing(record), Life.DEAD)
        lives |= {node.name: Life.RUNNING for node in record.lab.nodes if node.kind == HOST}
        return {node.name: lives.get(node.name, Life.DEAD) for node in record.lab.nodes}

    def act(self, record: LabRecord, node: str, action: Action, *, note: Note) -> LabRecord:
        """Do one thing to one container; its interfaces are kept through all of them."""
        container = {each.node: each for each in found(record)}.get(node)
        if action is Action.RENEW:
            if self.look(record)[node] is not Life.DEAD:
                raise Mistake(f"node {node} runs already: nothing to {action.value}")
            write_files(record, node)
            renewing.renew(record, node, container)
        elif container is None:
            raise Fault(f"lab {record.name}: node {node} has no container any more")
        else:
            act_on(record, container, action)
        record = replace(record, nodes=node_records(record, found(record)))
        note(record)
        if action is Action.RENEW:
            renewing.renewed(record, node)
        if action in (Action.START, Action.RESTART, Action.RENEW):
            if third_party(record):
                seal.take_default_routes(record)
            wait_for_daemons(record, next(each for each in record.lab.nodes if each.name == node))
        return record


@contextmanager
def timed(phase: str, phases: dict[str, float], say: Say, count: int) -> Iterator[None]:
    """Tell of a phase at its begin and end, and keep how long it took."""
    begun = time.monotonic()
    say(phase, 0, count)
    yield
    phases[phase] = time.monotonic() - begun
    say(phase, count, count)


def folder(record: LabRecord) -> Path:
    """Where the lab's files are, and where containerlab keeps its own of that lab."""
    return Path(record.files)


def third_party(record: LabRecord) -> bool:
    """Whether the lab came as a containerlab file, which is deployed as it stands."""
    return bool(record.lab.file) and not record.fabric_text


def prepare(record: LabRecord) -> Path:
    """Have the topology file and all that it binds on disk; returns its path."""
    files = folder(record)
    files.mkdir(parents=True, exist_ok=True)
    (files / BEFORE).write_text(json.dumps(sorted(leftovers.interfaces())))
    if third_party(record):
        return Path(record.lab.file)
    written = as_topology(record)
    for path, text in written.files.items():
        place = files / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    topology = files / f"{record.name}.clab.yml"
    topology.write_text(written.text)
    return topology


def as_topology(record: LabRecord) -> "Written":
    """The lab as containerlab is told of it."""
    from topologies.files.clab.write import write

    lab = replace(record.lab, mgmt=replace(record.lab.mgmt, network=engine.network_name(record.id)))
    return write(lab, image=frr_image_name(os.environ), folder=CONFIGS)


def write_files(record: LabRecord, node: str) -> None:
    """Have the files of one node be those of the record, and no others, where its container finds them."""
    own = {path: text for path, text in as_topology(record).files.items() if path.startswith(f"{CONFIGS}/{node}/")}
    place = folder(record) / CONFIGS / node
    for path, text in own.items():
        (folder(record) / path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder(record) / path, text.encode())
    for file in place.rglob("*"):
        if file.is_file() and str(file.relative_to(folder(record))) not in own:
            file.unlink()


def refuse_strangers(record: LabRecord) -> None:
    """Raise Mistake where containerlab has a lab of that name already: it would change that one instead."""
    if there := engine.containers(record.name):
        names = ", ".join(sorted(each.name for each in there)[:3])
        raise Mistake(f"containerlab runs a lab {record.name!r} already, not made by closlab: {names}")


def found(record: LabRecord) -> tuple[Container, ...]:
    """The lab's own containers, as the engine sees them now."""
    return engine.owned(engine.containers(record.name), folder(record))


def still_there(record: LabRecord) -> str:
    """Remove what is left of the lab's containers; the names of those found, "" when there were none."""
    left = found(record)
    engine.remove(tuple(each.id for each in left))
    return ", ".join(each.name for each in left)


def node_records(record: LabRecord, containers: tuple[Container, ...]) -> tuple[NodeRecord, ...]:
    """The record of every node, with what the engine knows of its container."""
    by_node = {each.node: each for each in containers}
    return tuple(node_record(record, node, by_node.get(node.name)) for node in record.lab.nodes)


def node_record(record: LabRecord, node: LabNode, container: Container | None) -> NodeRecord:
    """The record of one node; a bridge, or a container that is gone, has no first process."""
    plain = NodeRecord(node.name, record.lab.long_name(node.name))
    if container is None:
        return plain
    init = identity.identify(container.pid) if container.pid else None
    plain = replace(plain, init=init, container=container.id)
    if not record.lab.mgmt.addressed:  # what the engine gave, the node let go of
        return plain
    return replace(plain, mgmt_ipv4=container.ipv4, mgmt_ipv6=container.ipv6)


def act_on(record: LabRecord, container: Container, action: Action) -> None:
    """Carry out one action on a container; what is so already is no fault."""
    files, life = folder(record), container.life
    if life is Life.PAUSED and action is not Action.PAUSE:
        engine.resume(container.id)
        frozen.resume(container.pid)
    match action:
        case Action.PAUSE if life is Life.RUNNING:
            engine.pause(container.id)
            frozen.pause(container.pid)
        case Action.KILL if life is not Life.DEAD:
            cli.stop(record.name, container.node, files)
        case Action.START if life is Life.DEAD:
            cli.start(record.name, container.node, files)
        case Action.RESTART:
            restart(record, container)


def restart(record: LabRecord, container: Container) -> None:
    """End a node's processes and start them again. Where closlab wrote the node, its first process only holds the
    links, so they stay up; a container of a third party ends with its programs, and containerlab puts its links aside.
    """
    node = next(each for each in record.lab.nodes if each.name == container.node)
    if container.life is not Life.DEAD and node.daemons:
        for each in open_door(record, node.name).processes():
            if each.pid != container.pid:
                identity.stop(each.pid, signal.SIGKILL, within=5)
        engine.execute(container.id, shlex.split(setup.COMMAND))
        return
    if container.life is not Life.DEAD:
        cli.stop(record.name, container.node, folder(record))
    cli.start(record.name, container.node, folder(record))


def wait_for_daemons(record: LabRecord, node: LabNode) -> None:
    """Wait until every daemon of a node answers at its socket; raises Fault with those that do not, and with the lines
    that one refused, for FRR starts all the same."""
    if not node.daemons:
        return
    door = open_door(record, node.name)
    until(f"daemons of {node.name} answer", partial(silent, door.pid, node), within=DAEMONS_WITHIN)
    for daemon in node.daemons:
        sharing = [each for each in node.daemons if each.name == daemon.shared_with and present(door.pid, each)]
        logs = [said(door, each) for each in (daemon, *sharing)]
        if daemon.config and (refused := vty.refused_by_all(*logs)):
            lines = "; ".join(f"{daemon.config}:{number}: {words}: {text}" for number, text, words in refused)
            raise Fault(f"node {node.name}: {daemon.name} refused {lines}")


def said(door: Door, daemon: Daemon) -> str:
    """What a daemon printed, and logged where its own words say that it logs, so far."""
    text = b""
    for place in (f"{LOGS}/{daemon.name}.log", *(each.partition("file:")[2] for each in daemon.argv)):
        with suppress(FileNotFoundError):
            text += door.read(place) if place else b""
    return text.decode(errors="replace")


def silent(pid: int, node: LabNode) -> str:
    """The daemons of a node at whose sockets nobody listens, by name."""
    there = [each for each in node.daemons if not each.optional or present(pid, each)]
    return ", ".join(each.name for each in there if each.ready and not listens(each.ready, pid))


def present(pid: int, daemon: Daemon) -> bool:
    """Whether a node has the program of a daemon."""
    return os.path.exists(f"/proc/{pid}/root{daemon.argv[0]}")
