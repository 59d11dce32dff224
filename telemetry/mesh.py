"""Send the mesh's probes and say what is lost, and where.

One process holds a UDP socket for every flow in every node's network. Sending a probe carries it through all kernels on
its way within the same call, so receivers are emptied as we go and no buffer fills. What is missing is sent again a few
times: the first packet to a neighbour that the kernel does not know yet may be dropped, which is no fault.
"""

import errno
import os
import resource
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack

from msgspec import Struct

from telemetry.facts import open_doors
from telemetry.model import Difference, NodeFacts, What
from telemetry.paths import Flow, Path, Tracer
from telemetry.probes import HEADERS, Loss, Mesh, MeshSummary, Target, lay_out, losses, suspects
from telemetry.spread import spread_differences
from topologies.errors import Mistake
from topologies.plan import IPV4, Plan
from topologies.runtime.door import Door, enter
from topologies.runtime.model import LabRecord
from topologies.runtime.sockets import give_room, send_whole

ATTEMPTS = 4
DRAIN = 128  # probes sent between two looks at the receivers
LISTEN = 0.1  # seconds without any arrival after which the rest counts as lost
BUFFER = 4 << 20  # bytes that a receiver may hold
MOST_NAMED = 40  # lost pairs that are reported one by one
SPARE_FILES = 256  # file descriptors besides the probes' sockets
_HEADER = struct.Struct("!8sI")


class Exchange(Struct, frozen=True):
    """What became of a mesh: one byte per probe, 0 where it never came; the port of every target's flows; by pair, what
    the kernel said when a probe could not be sent; how many probes arrived only when sent again."""

    mesh: Mesh
    arrived: bytes
    ports: list[list[int]]
    refused: dict[int, str]
    retried: int
    seconds: float


class Wire:
    """The sockets of a mesh and what arrived at them."""

    def __init__(self, mesh: Mesh, sockets: list[list[socket.socket]]) -> None:
        self._mesh = mesh
        self._run = os.urandom(8)
        self._sockets = sockets
        self.ports = [[each.getsockname()[1] for each in flows] for flows in sockets]
        self._places = [(target.address, ports[0]) for target, ports in zip(mesh.targets, self.ports, strict=True)]
        self._poll = select.epoll()
        self._ears = {flows[0].fileno(): flows[0] for flows in sockets}
        for fd in self._ears:
            self._poll.register(fd, select.EPOLLIN)
        self._left = mesh.probes
        self.arrived = bytearray(mesh.probes)
        self.refused: dict[int, str] = {}  # by pair: what the kernel said when a probe could not be sent

    def close(self) -> None:
        """Let go of the poll; the sockets belong to the caller."""
        self._poll.close()

    def send(self, probes: Iterable[int]) -> None:
        """Send these probes and hear what comes."""
        mesh, header, padding = self._mesh, _HEADER.pack, bytes(max(self._mesh.sizes, default=0))
        for count, probe in enumerate(probes, 1):
            pair, flow = divmod(probe, mesh.per_pair)
            source, target = mesh.pairs[pair]
            full = flow == mesh.flows
            data = header(self._run, probe)
            if full:
                data += padding[: mesh.sizes[pair] - len(data)]
            try:
                self._sockets[source][0 if full else flow].sendto(data, self._places[target])
            except OSError as error:
                self.refused[pair] = error.strerror or str(error)
            if not count % DRAIN:
                self._hear(0)
        while self._left and self._hear(LISTEN):
            pass

    def _hear(self, within: float) -> bool:
        """Take all that has come, waiting at most `within` seconds for the first; whether anything had."""
        heard = False
        while ready := self._poll.poll(within):
            heard, within = True, 0
            for fd, _ in ready:
                self._empty(self._ears[fd])
        return heard

    def _empty(self, ear: socket.socket) -> None:
        size, run, arrived = _HEADER.size, self._run, self.arrived
        try:
            while True:
                data = ear.recv(size)
                if len(data) == size and data[:8] == run:
                    probe = int.from_bytes(data[8:], "big")
                    self._left -= not arrived[probe]
                    arrived[probe] = 1
        except OSError:  # nothing more to read, or an ICMP error that the retries answer
            return


def run_mesh(record: LabRecord, plan: Plan) -> Exchange:
    """Probe every path of the plan. Dead nodes and addresses that are not there take no part: `check` names those.

    It needs nobody's answers, so it may run while daemons are asked.
    """
    return ready_mesh(record, plan)()


def ready_mesh(record: LabRecord, plan: Plan) -> Callable[[], Exchange]:
    """Open all that a mesh needs; the function that this returns sends the probes, once."""
    enter(record)
    doors, dead = open_doors(record, plan.nodes)
    with ExitStack() as opened:
        ears = dict(_ears(opened, plan, doors))
        absent = {address for node in plan.nodes.values() for address in node.probe_addresses} - set(ears)
        mesh = lay_out(plan, {*dead, *absent})
        allow_files(len(mesh.targets) * mesh.flows + 2 * len(doors))
        sockets = [
            [ears[each.address], *(_open(opened, doors[each.node], each) for _ in range(mesh.flows - 1))]
            for each in mesh.targets
        ]
        wire = Wire(mesh, sockets)
        opened.callback(wire.close)
        kept = opened.pop_all()

    def send() -> Exchange:
        begun = time.monotonic()
        with kept:
            retried = _exchange(mesh, wire)
        return Exchange(mesh, bytes(wire.arrived), wire.ports, wire.refused, retried, time.monotonic() - begun)

    return send


def judge_mesh(
    record: LabRecord, plan: Plan, facts: Mapping[str, NodeFacts], done: Exchange
) -> tuple[MeshSummary, tuple[Difference, ...]]:
    """What a mesh sent and, as differences, what it lost and where, and which switches leave equal ways empty."""
    mesh, found = done.mesh, losses(done.mesh, done.arrived)
    doors, _ = open_doors(record, plan.nodes)
    with ExitStack() as stack:
        kernels = {name: stack.enter_context(door.netlink()) for name, door in doors.items()}
        tracer = Tracer(kernels, facts)
        lost = [*_named(done, found, tracer), *spread_differences(plan, facts, tracer)]
    summary = MeshSummary(
        targets=len(mesh.targets),
        pairs=len(mesh.pairs),
        probes=mesh.probes,
        flows=mesh.flows,
        retried=done.retried,
        lost=sum(len(loss.flows) + loss.full_size for loss in found),
        lost_pairs=len(found),
        seconds=done.seconds,
    )
    return summary, tuple(lost)


def _exchange(mesh: Mesh, wire: Wire) -> int:
    """Send all, and again what is missing; returns how many probes arrived only on a later attempt."""
    wire.send(range(mesh.probes))
    first = mesh.probes - sum(wire.arrived)
    for _ in range(ATTEMPTS - 1):
        missing = [probe for probe, came in enumerate(wire.arrived) if not came]
        if not missing:
            break
        wire.send(missing)
    return first - (mesh.probes - sum(wire.arrived))


def _ears(stack: ExitStack, plan: Plan, doors: Mapping[str, Door]) -> Iterator[tuple[str, socket.socket]]:
    """For each address that its node has, the socket that listens on it and sends the full-size probes."""
    for name, door in doors.items():
        for address in plan.nodes[name].probe_addresses:
            target = Target(name, address)
            try:
                ear = _open(stack, door, target)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                continue
            give_room(ear, BUFFER)
            send_whole(ear)
            yield address, ear


def _open(stack: ExitStack, door: Door, target: Target) -> socket.socket:
    """A socket for one flow from an address, on a port of its own."""
    family = socket.AF_INET if target.family == IPV4 else socket.AF_INET6
    sock = stack.enter_context(door.socket(family, socket.SOCK_DGRAM))
    sock.setblocking(False)
    sock.bind((target.address, 0))
    return sock


def allow_files(needed: int) -> None:
    """Raise our own soft limit of open files as far as needed; Mistake where the hard one is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = needed + SPARE_FILES
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise Mistake(f"the mesh needs {wanted} open files, and this process may have {hard} (ulimit -Hn)")
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _named(done: Exchange, found: tuple[Loss, ...], tracer: Tracer) -> Iterable[Difference]:
    mesh = done.mesh
    for loss in found[:MOST_NAMED]:
        source, target = (mesh.targets[number] for number in mesh.pairs[loss.pair])
        yield Difference(
            node=source.node,
            subject=f"{source.address} to {target.address} ({target.node})",
            what=What.LOST,
            expected=f"{mesh.flows} of {mesh.flows} flows, and a packet of {_packet(mesh, loss.pair)} bytes",
            found=f"{_amount(mesh, loss)}; {_where(done, loss, tracer)}",
        )
    if (more := len(found) - MOST_NAMED) > 0:
        others = sorted({mesh.targets[mesh.pairs[loss.pair][0]].node for loss in found[MOST_NAMED:]})
        yield Difference(others[0], f"{more} more pairs", What.LOST, "all flows", f"losses, from {', '.join(others)}")


def _packet(mesh: Mesh, pair: int) -> int:
    """The bytes of a pair's full-size probe as an IP packet."""
    return mesh.sizes[pair] + HEADERS[mesh.targets[mesh.pairs[pair][0]].family]


def _amount(mesh: Mesh, loss: Loss) -> str:
    """Such as `5 of 9 flows lost` or `the full-size packet lost, all small ones came`."""
    if not loss.flows:
        return "the full-size packet lost, all small ones came"
    return f"{len(loss.flows)} of {mesh.flows} flows lost"


def _where(done: Exchange, loss: Loss, tracer: Tracer) -> str:
    """Where the lost flows went, as exactly as their paths tell it."""
    mesh = done.mesh
    source, target = mesh.pairs[loss.pair]
    here, there = mesh.targets[source], mesh.targets[target]

    def path(flow: int) -> Path:
        ports = (done.ports[source][flow], done.ports[target][0])
        return tracer.trace(here.node, Flow(here.address, there.address, ports), there.node)

    lost = {flow: path(flow) for flow in loss.flows or (0,)}
    ends = sorted({each.end for each in lost.values() if each.end})
    if ends:
        return "; ".join(ends[:2])
    if not loss.flows:
        return f"on the way {' > '.join(lost[0].nodes)}"
    arrived = [path(flow).nodes for flow in range(mesh.flows) if flow not in lost]
    places = suspects([each.nodes[1:-1] for each in lost.values()], [nodes[1:-1] for nodes in arrived])
    first = sorted({str(each.hops[0]) for each in lost.values() if each.hops})
    said = f", the kernel said {done.refused[loss.pair]!r}" if loss.pair in done.refused else ""
    if not places:
        return f"they left by {', '.join(first)}{said}"
    return f"they left by {', '.join(first)} and all pass {', '.join(places)}{said}"
