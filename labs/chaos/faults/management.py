"""Faults of the management network: what an operator reaches nodes by, and packets of the fabric do not use."""

from labs.chaos.faults.model import ManagementCut
from labs.chaos.live import Injected, Live
from labs.chaos.places import unmanaged
from topologies.errors import Fault
from topologies.runtime.management import Port, eth0, port


def management_cut(live: Live, step: ManagementCut) -> Injected:
    """Lower the ports of the management switch; seen where the nodes have no carrier, and do not answer."""
    ports = [port(live.record, node) for node in unmanaged(step, live.fabric)]
    if mute := [each.node for each in ports if _mute(each)]:
        raise Fault(f"{', '.join(mute)}: no answer over the management network before it was cut")

    def put(*, up: bool) -> None:
        for each in ports:
            each.set(up=up)

    def reached() -> str:
        return next((f"{each.node} is still reached" for each in ports if _carrier(live, each) or _heard(each)), "")

    def unreached() -> str:
        return next((f"{each.node} is not reached" for each in ports if not _carrier(live, each) or _mute(each)), "")

    put(up=False)
    where = ", ".join(each.node for each in ports)
    return Injected(f"management of {where}", reached, lambda: put(up=True), unreached)


def _carrier(live: Live, each: Port) -> bool:
    return eth0(live.record, each.node).carrier


def _heard(each: Port) -> bool:
    """Whether a node answers; one without an address there never does."""
    return bool(each.address) and each.answers()


def _mute(each: Port) -> bool:
    """Whether a node with an address there does not answer."""
    return bool(each.address) and not each.answers()
