"""What each switch of a fabric is to get: its planned lab node, plan and cables as the files of its bundle. Pure."""

from collections.abc import Mapping

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


def contents(lab: Lab, plan: Plan, serials: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """The files of every switch's bundle, by node. `serials` has those of the switches; a host's is its name."""
    return {node.name: _files(lab, node, plan.nodes[node.name], serials) for node in switches(lab)}


def _files(lab: Lab, node: LabNode, planned: NodePlan, serials: Mapping[str, str]) -> Mapping[str, str]:
    return {
        CONFIGURATION: configuration(node) + "\n",
        SYSTEM: system.write(_system(lab, node)),
        CABLING: cabling.write(_cabling(node, planned, serials)),
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


def _cabling(node: LabNode, planned: NodePlan, serials: Mapping[str, str]) -> Cabling:
    """A far end that is no switch need not be heard: a host that is off holds nobody up."""
    ports = tuple(
        Planned(
            port=each.name,
            node=each.peer.node,
            serial=serials.get(each.peer.node, each.peer.node),
            far_port=each.peer.interface,
            heard=each.peer.node in serials,
        )
        for each in planned.interfaces
    )
    return Cabling(node.name, ports, {serial: name for name, serial in serials.items()})
