"""What a lab's file wants of its running network beyond nodes and cables: impairments, modes of load balancing.

Refused before anything of the lab is made where the machine cannot; made once its nodes run, alike on all runtimes.
"""

from collections.abc import Iterator

from msgspec import Struct

from topologies.balancing.model import Balance
from topologies.errors import Mistake
from topologies.impairments.model import Impairment
from topologies.lab import BRIDGE, HOST, End, Lab, Veth
from topologies.runtime.model import LabRecord


class Impaired(Struct, frozen=True):
    """An end of a cable, what is done to packets that leave it, and the cable's own rate in Mbit/s, 0 for none."""

    end: End
    wanted: Impairment
    own_mbps: float


def refuse_impossible(lab: Lab) -> None:
    """Raise Mistake with what of a lab this machine cannot make."""
    place = lab.file or f"lab {lab.name}"
    if balances := _balances(lab):
        from topologies.balancing import switches

        switches.refuse_impossible(balances.values(), place=f"{place}: ")
    if impaired := list(_impaired(lab)):
        from topologies.impairments import backends

        backend, kinds = backends.chosen(), {node.name: node.kind for node in lab.nodes}
        for each in impaired:
            if (kind := kinds[each.end.node]) in (BRIDGE, HOST):
                raise Mistake(f"{place}: {each.end}: a node of kind {kind} sends unimpaired; impair the other end")
            try:
                backends.refuse(backend, each.wanted, own_mbps=each.own_mbps, flag="")
            except Mistake as error:
                raise Mistake(f"{place}: {each.end}: {error}") from None


def make(record: LabRecord) -> None:
    """Have a lab that just came up be as its file says. This process joins it, where it is a rootless one."""
    balances, impaired = _balances(record.lab), list(_impaired(record.lab))
    if not (balances or impaired):
        return
    from topologies.balancing import switches
    from topologies.impairments import backends
    from topologies.runtime.door import enter, open_door

    enter(record)
    switches.make(record, balances)
    for each in impaired:
        door, interface, own = open_door(record, each.end.node), each.end.interface, each.own_mbps
        backends.impair(backends.chosen(), door.netns, interface, each.wanted, own_mbps=own, holder=door.holder)


def _balances(lab: Lab) -> dict[str, Balance]:
    return {node.name: node.balance for node in lab.nodes if node.balance != Balance()}


def _impaired(lab: Lab) -> Iterator[Impaired]:
    for link in lab.links:
        if isinstance(link, Veth):
            for end in (link.a, link.b):
                if end.impaired is not None and end.impaired != Impairment():
                    yield Impaired(end, end.impaired, link.rate_mbps or 0)
