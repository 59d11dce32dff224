"""Impairments of a running lab's cables, by their sending ends. What is shown is what the kernel shows."""

from collections.abc import Sequence

from msgspec import structs

from labs.cables import Cable
from topologies.errors import Fault, Mistake
from topologies.impairments import backends
from topologies.impairments.model import Impairment, Seen
from topologies.lab import HOST, Veth
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord


def far_end(record: LabRecord, end: str) -> str:
    """The other end of a cable; raises Mistake where no cable between nodes of the lab ends there."""
    ours = [link for link in record.lab.links if isinstance(link, Veth)]
    for link in ours:
        if end in (a_b := (str(link.a), str(link.b))):
            return a_b[0] if end == a_b[1] else a_b[1]
    raise Mistake(f"no cable ends at {end!r}; `closlab link show` lists them all")


def impair(record: LabRecord, ends: Sequence[str], wanted: Impairment) -> list[Seen]:
    """Impair what leaves these ends, in place of what was there; returns what the kernel then shows.

    Nothing is begun before all ends were found. Raises Mistake and Fault.
    """
    backend = backends.chosen()
    places = [(_door(record, end), end.partition(":")[2], own_rate(record, end)) for end in ends]
    for door, interface, own in places:
        backends.impair(backend, door.netns, interface, wanted, own_mbps=own, holder=door.holder)
    return [backend.read(door.netns, {interface: own})[interface] for door, interface, own in places]


def impaired(record: LabRecord, ends: Sequence[str]) -> dict[str, Impairment]:
    """What is done to what leaves these ends, as the kernel shows it. Raises Mistake and Fault."""
    backend = backends.chosen()
    places = {end: (_door(record, end).netns, end.partition(":")[2]) for end in ends}
    return {
        end: backend.read(netns, {interface: own_rate(record, end)})[interface].impairment
        for end, (netns, interface) in places.items()
    }


def with_impairments(record: LabRecord, cables: Sequence[Cable]) -> list[Cable]:
    """The cables with what is done to each direction; ends that are gone or in the machine's own network have none."""
    backend, ends = backends.chosen(), [end for each in cables for end in (each.a, each.b)]
    seen: dict[str, Seen] = {}
    for node in dict.fromkeys(end.partition(":")[0] for end in ends):
        seen |= _look(record, backend, node, [end for end in ends if end.partition(":")[0] == node])
    return [structs.replace(each, a_impaired=seen.get(each.a), b_impaired=seen.get(each.b)) for each in cables]


def own_rate(record: LabRecord, end: str) -> int:
    """The rate in Mbit/s that the topology gives the cable; 0 for none."""
    for link in record.lab.links:
        if isinstance(link, Veth) and end in (str(link.a), str(link.b)):
            return link.rate_mbps or 0
    return 0


def _look(record: LabRecord, backend: backends.Backend, node: str, ends: Sequence[str]) -> dict[str, Seen]:
    """What is done to what leaves these ends of a node; nothing where it is off or its network is the machine's."""
    try:
        netns = _door(record, ends[0]).netns
    except (Fault, Mistake):
        return {}
    names = {end.partition(":")[2]: end for end in ends}
    seen = backend.read(netns, {name: own_rate(record, end) for name, end in names.items()})
    return {names[name]: found for name, found in seen.items()}


def _door(record: LabRecord, end: str) -> Door:
    """The door of an end's node; raises Mistake for the machine's own network, which is not the lab's to impair."""
    far_end(record, end)
    node = end.partition(":")[0]
    if any(each.name == node and each.kind == HOST for each in record.lab.nodes):
        raise Mistake(f"{end} is in the machine's own network, which is left alone; impair the cable's other end")
    return open_door(record, node)
