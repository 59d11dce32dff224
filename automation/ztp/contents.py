"""What each switch of a fabric is to get: its planned lab node, plan and cables as the files of its bundle. Pure."""

from collections.abc import Collection, Mapping

from automation.intended import configuration
from automation.ztp import cabling, expected, system
from automation.ztp.bundle import CABLING, CONFIGURATION, EXPECTED, SYSTEM
from automation.ztp.cabling import Cabling, Planned
from automation.ztp.system import System
from topologies.lab import Lab, LabNode, Veth
from topologies.model import Role
from topologies.plan import NodePlan, Plan

SEED = "fib_multipath_hash_seed"  # the one kernel setting that differs from switch to switch


def switches(lab: Lab) -> tuple[LabNode, ...]:
    """The nodes that provision themselves: all that route but hosts."""
    return tuple(node for node in lab.nodes if node.daemons and node.role is not Role.HOST)


def contents(lab: Lab, plan: Plan) -> Mapping[str, Mapping[str, str]]:
    """The files of every switch's bundle, by node; serial numbers are for the server to fill in, who may change."""
    names = {node.name for node in switches(lab)}
    return {name: _files(lab, name, plan.nodes[name], names) for name in names}


def _files(lab: Lab, name: str, planned: NodePlan, names: Collection[str]) -> Mapping[str, str]:
    node = next(each for each in lab.nodes if each.name == name)
    return {
        CONFIGURATION: configuration(node) + "\n",
        SYSTEM: system.write(_system(lab, node)),
        CABLING: cabling.write(_cabling(planned, names)),
        EXPECTED: expected.write(planned),
    }


def _system(lab: Lab, node: LabNode) -> System:
    ends = [end for link in lab.links if isinstance(link, Veth) for end in (link.a, link.b) if end.node == node.name]
    return System(
        hostname=node.hostname or node.name,
        addresses=(*node.addresses, *((end.interface, address) for end in ends for address in end.addresses)),
        sysctls=tuple((name, value) for name, value in node.sysctls if SEED in name),
        neighbours=tuple((each.interface, each.address, each.mac) for each in node.neighbours),
    )


def _cabling(planned: NodePlan, names: Collection[str]) -> Cabling:
    """A far end that is no switch need not be heard: a host that is off holds nobody up."""
    ports = tuple(
        Planned(
            port=each.name,
            node=each.peer.node,
            serial=each.peer.node,
            far_port=each.peer.interface,
            heard=each.peer.node in names,
        )
        for each in planned.interfaces
    )
    return Cabling(planned.name, ports, {})
