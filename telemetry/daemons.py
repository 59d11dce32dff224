"""Ask the routing daemons of many nodes: FRR's each by its own vty socket, GoBGP's by its client in the node.

All are asked side by side and not node by node, so that daemons that hang cost one timeout together.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from msgspec import Struct, field

from telemetry import frr, gobgp
from telemetry.model import BfdPeer, Out, Session
from telemetry.service import out_of_service
from topologies.errors import ClosError, Fault
from topologies.lab import LabNode
from topologies.runtime.door import Door

AT_ONCE = 64  # daemons asked side by side: each that hangs keeps one of these places until its time is over
WITHIN = 10  # seconds that a daemon has for its answer
GOBGPD = "gobgpd"
QUESTIONS = {
    "bgpd": ("show bgp neighbors json", "show running-config"),
    "bfdd": ("show bfd peers json",),
    "zebra": ("show version",),
}


class Routing(Struct, frozen=True):
    """What a node's daemons show; `lacks` has those that did not: (daemon, why)."""

    sessions: Mapping[str, Session] = field(default_factory=dict)
    bfd: tuple[BfdPeer, ...] = ()
    out: Out | None = None
    lacks: tuple[tuple[str, str], ...] = ()


@contextmanager
def asking(nodes: Collection[LabNode], doors: Mapping[str, Door]) -> Iterator[Callable[[str], Routing]]:
    """Begin to ask the daemons of these nodes; the function that this gives waits for the answers of one node.

    A node that declares no daemons is asked as well, but may stay silent. A node that is not among these shows nothing.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = {
            node.name: {name: pool.submit(_ask, doors[node.name], name) for name in _daemons(node)} for node in nodes
        }
        declaring = {node.name for node in nodes if node.daemons}
        yield lambda node: _routing(asked.get(node, {}), must_answer=node in declaring)


def _daemons(node: LabNode) -> list[str]:
    declared = {daemon.name for daemon in node.daemons}
    return [daemon for daemon in (*QUESTIONS, GOBGPD) if daemon in (declared or QUESTIONS)]


def _ask(door: Door, daemon: str) -> list[str]:
    if daemon != GOBGPD:
        return [door.vty(daemon, question, timeout=WITHIN) for question in QUESTIONS[daemon]]
    try:
        return [door.run(gobgp.NEIGHBORS, timeout=WITHIN).stdout]
    except ClosError as error:
        raise Fault(f"{door.node}: {GOBGPD} does not answer: {error}") from error


def _routing(asked: Mapping[str, Future[list[str]]], *, must_answer: bool) -> Routing:
    sessions: dict[str, Session] = {}
    bfd: tuple[BfdPeer, ...] = ()
    out = None
    lacks = []
    for daemon, answer in asked.items():
        try:
            text, *more = answer.result()
            if daemon == "bgpd":
                sessions, out = frr.parse_neighbors(text), out_of_service(*more)
            elif daemon == GOBGPD:
                sessions = gobgp.parse_neighbors(text)
            elif daemon == "bfdd":
                bfd = frr.parse_bfd(text)
        except Fault as error:
            if must_answer:
                lacks.append((daemon, str(error)))
    return Routing(sessions, bfd, out, tuple(lacks))
