"""Which NICs take part in a workload, and the queue pairs between them. Pure, but for the wires that it is given."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from math import inf

from msgspec import Struct

from labs.traffic.endpoint.engine import End, Engine, Port
from labs.traffic.endpoint.frames import Route
from labs.traffic.endpoint.model import Link, Wanted
from labs.traffic.endpoint.workload import REGION, Job, Ranks, rounds
from labs.traffic.qp.dcqcn.parameters import Dcqcn
from labs.traffic.qp.model import MTUS, Settings
from labs.traffic.qp.pair import QueuePair
from labs.traffic.roce.entropy import port_of
from topologies.errors import Mistake
from topologies.model import Role
from topologies.plan import Plan

CATCH_UP = 2_000_000  # ns that the loop may come late without a loss of rate
LARGEST_HEADERS = 20 + 8 + 12 + 16 + 4  # IPv4, UDP, base, RDMA, and the CRC
FIRST = 0x11  # the lowest number of a queue pair; 0 and 1 are management's


class Seat(Struct, frozen=True):
    """A NIC of a host: its interface, MAC addresses of its own and of the leaf's end, and the address to send from."""

    node: str
    interface: str
    mac: bytes
    next_mac: bytes
    address: str
    mtu: int = 9500  # bytes

    @property
    def name(self) -> str:
        """NODE:INTERFACE."""
        return f"{self.node}:{self.interface}"


def seats(plan: Plan) -> list[Seat]:
    """Every NIC of every host, hosts in the order of the fabric; a rank's number is its place. IPv4 where there is any.

    Raises Mistake where there are fewer than two.
    """
    found = []
    for node in plan.nodes.values():
        if node.role is not Role.HOST:
            continue
        for port in node.interfaces:
            own = [cidr.partition("/")[0] for cidr in port.addresses]
            usable = [each for each in own if each in node.probe_addresses] or list(node.probe_addresses)
            address = next((each for each in usable if ":" not in each), usable[0])
            found.append(Seat(node.name, port.name, _octets(port.mac), _octets(port.peer_mac), address, port.mtu))
    if len(found) < 2:
        raise Mistake(f"fabric {plan.fabric} has {len(found)} NICs of hosts; traffic needs two (hosts_per_leaf)")
    return found


def refuse_impossible(wanted: Wanted, plan: Plan) -> None:
    """Raise Mistake for an unknown collective, for too few NICs, and for packets that they cannot take."""
    places = seats(plan)
    _refuse_large(wanted, places)
    rounds(wanted, _ranks(places))


def engine(
    wanted: Wanted, places: list[Seat], open_link: Callable[[Seat], Link], first: int = FIRST
) -> tuple[Engine, Job]:
    """A workload's queue pairs on its NICs; `first` is the lowest number of a queue pair. Raises Mistake for an unknown
    collective, and for packets that the NICs cannot take."""
    _refuse_large(wanted, places)
    steps = rounds(wanted, _ranks(places))
    pairs = sorted({pair for step in steps for pair in step})
    parameters = replace(Dcqcn(line_rate=wanted.line_rate).dilated(wanted.dilation), catch_up=CATCH_UP)
    settings = Settings(mtu=wanted.mtu)
    used = sorted({rank for pair in pairs for rank in pair})
    ports = {rank: Port(open_link(places[rank]), parameters) for rank in used}
    ends: dict[tuple[int, int], list[tuple[End, End]]] = {pair: [] for pair in pairs}
    numbers = count(first, 2)
    for source, target in (pair for pair in pairs for _ in range(wanted.queue_pairs)):
        near = next(numbers)
        far = near + 1
        there, back = (
            _route(places[source], places[target], near, far),
            _route(places[target], places[source], far, near),
        )
        sender = End(QueuePair(near, far, settings, regions=[REGION]), there, parameters)
        receiver = End(QueuePair(far, near, settings, regions=[REGION]), back, parameters)
        ports[source].add(sender)
        ports[target].add(receiver)
        ends[source, target].append((sender, receiver))
    names = [each.name for each in places]
    waits = inf if settings.timeout_ns is None else settings.timeout_ns / 1e9
    machine = Engine({names[rank]: port for rank, port in ports.items()}, waits)
    return machine, Job(wanted, names, steps, ends)


def _ranks(places: list[Seat]) -> Ranks:
    """All hosts of a fabric have equally many NICs."""
    hosts = len({each.node for each in places})
    return Ranks(hosts, len(places) // hosts)


def _refuse_large(wanted: Wanted, places: list[Seat]) -> None:
    """A packet with all its headers must fit every NIC."""
    least = min(places, key=lambda each: each.mtu)
    headers = LARGEST_HEADERS + (20 if ":" in least.address else 0)
    if wanted.mtu + headers > least.mtu:
        fit = [each for each in MTUS if each + headers <= least.mtu]
        raise Mistake(
            f"mtu: {wanted.mtu} bytes and {headers} of headers do not fit {least.name}, whose MTU is {least.mtu}; "
            + (f"there are {', '.join(map(str, fit))}" if fit else "no size does")
        )


def _route(source: Seat, target: Seat, own: int, peer: int) -> Route:
    return Route(source.mac, source.next_mac, source.address, target.address, port_of(own, peer))


def _octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))
