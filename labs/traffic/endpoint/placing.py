"""Which NICs take part in a workload, and the queue pairs between them. Pure, but for the wires that it is given."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from msgspec import Struct

from labs.traffic.endpoint.engine import End, Engine, Port
from labs.traffic.endpoint.frames import Route
from labs.traffic.endpoint.model import Link, Wanted
from labs.traffic.endpoint.workload import REGION, Job, talking
from labs.traffic.qp.dcqcn.parameters import Dcqcn
from labs.traffic.qp.model import Settings
from labs.traffic.qp.pair import QueuePair
from labs.traffic.roce.entropy import port_of
from topologies.errors import Mistake
from topologies.model import Role
from topologies.plan import Plan

CATCH_UP = 2_000_000  # ns that the loop may come late without a loss of rate
FIRST = 0x11  # the lowest number of a queue pair; 0 and 1 are management's


class Seat(Struct, frozen=True):
    """A NIC of a host: its interface, MAC addresses of its own and of the leaf's end, and the address to send from."""

    node: str
    interface: str
    mac: bytes
    next_mac: bytes
    address: str

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
            found.append(Seat(node.name, port.name, _octets(port.mac), _octets(port.peer_mac), address))
    if len(found) < 2:
        raise Mistake(f"fabric {plan.fabric} has {len(found)} NICs of hosts; traffic needs two (hosts_per_leaf)")
    return found


def engine(
    wanted: Wanted, places: list[Seat], open_link: Callable[[Seat], Link], first: int = FIRST
) -> tuple[Engine, Job]:
    """A workload's queue pairs on its NICs; `first` is the lowest number of a queue pair."""
    gpus = len(places) // len({each.node for each in places})
    pairs = talking(wanted, len(places) // gpus, gpus)
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
    return Engine({names[rank]: port for rank, port in ports.items()}), Job(wanted, names, gpus, ends)


def _route(source: Seat, target: Seat, own: int, peer: int) -> Route:
    return Route(source.mac, source.next_mac, source.address, target.address, port_of(own, peer))


def _octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))
