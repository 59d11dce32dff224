"""The fabric as other tools know one: Ansible, Nornir and Prometheus.

Hosts carry their role, ASN, addresses and neighbours as data, and every group that a host is in is there, so that an
inventory loads as it stands. They are reached by the name that the lab gives them outside, such as clab-small-leaf1.
"""

from typing import Any

from topologies.lab import Lab
from topologies.model import TIERS, Fabric, Node
from topologies.plan import NodePlan, Plan
from topologies.render.text import json_lines, yaml

FRR_EXPORTER, NODE_EXPORTER = 9342, 9100  # the ports that these exporters listen on by default
ANSIBLE_HEAD = """ansible_host is the name of the node outside the lab. Say how you reach nodes with -e or group_vars,
for example ansible_connection=community.docker.docker when the lab runs on containerlab."""


def facts(node: Node, planned: NodePlan) -> dict[str, Any]:
    """What automation wants to know of a node."""
    place = {"pod": node.pod, "rail": node.rail, "plane": node.plane}
    return {
        "role": node.role.value,
        **{key: value for key, value in place.items() if value},
        **({"asn": planned.asn, "router_id": planned.router_id} if planned.asn is not None else {}),
        "loopbacks": list(planned.loopbacks),
        "announces": list(planned.announces),
        "interfaces": [
            {"name": i.name, "mac": i.mac, "mtu": i.mtu, "addresses": list(i.addresses), "peer": str(i.peer)}
            for i in planned.interfaces
        ],
        "neighbors": [
            {"neighbor": s.neighbor, "name": s.peer, "asn": s.peer_asn, "families": list(s.families), "bfd": s.bfd}
            for s in planned.sessions
        ],
    }


def platform(planned: NodePlan) -> str:
    """What NAPALM calls the software that routes on a node."""
    if planned.asn is None:
        return "linux"
    return "gobgp" if planned.announces_services else "frr"


def groups(node: Node) -> list[str]:
    """The groups of a node: its role, and its pod where there are pods."""
    return [node.role.value, *([f"pod{node.pod}"] if node.pod else [])]


def members(fabric: Fabric) -> dict[str, list[Node]]:
    """Each group with its nodes, the highest tier first, pods last."""
    names = [role.value for role in reversed(TIERS)] + [f"pod{pod}" for pod in sorted({n.pod for n in fabric.nodes})]
    found = {name: [node for node in fabric.nodes if name in groups(node)] for name in names}
    return {name: nodes for name, nodes in found.items() if nodes}


def ansible(fabric: Fabric, plan: Plan, lab: Lab) -> str:
    """One YAML inventory: facts at each host, a child group per role and pod."""
    hosts = {
        node.name: {"ansible_host": lab.long_name(node.name), **facts(node, plan.nodes[node.name])}
        for node in fabric.nodes
    }
    children = {name: {"hosts": dict.fromkeys(node.name for node in nodes)} for name, nodes in members(fabric).items()}
    shared = {"fabric": fabric.name, "design": fabric.design, "ecmp": plan.ecmp}
    return yaml({"all": {"vars": shared, "hosts": hosts, "children": children}}, head=ANSIBLE_HEAD)


def nornir(fabric: Fabric, plan: Plan, lab: Lab) -> dict[str, str]:
    """A whole SimpleInventory by file name, and a configuration that loads it."""
    hosts = {
        node.name: {
            "hostname": lab.long_name(node.name),
            "platform": platform(plan.nodes[node.name]),
            "groups": groups(node),
            "data": facts(node, plan.nodes[node.name]),
        }
        for node in fabric.nodes
    }
    group_data = {name: {"data": {"members": len(nodes)}} for name, nodes in members(fabric).items()}
    defaults = {"data": {"fabric": fabric.name, "design": fabric.design, "ecmp": plan.ecmp}}
    options = {"host_file": "hosts.yaml", "group_file": "groups.yaml", "defaults_file": "defaults.yaml"}
    config = {
        "inventory": {"plugin": "SimpleInventory", "options": options},
        "runner": {"plugin": "threaded", "options": {"num_workers": 20}},
        "logging": {"enabled": False},
    }
    return {
        "hosts.yaml": yaml(hosts),
        "groups.yaml": yaml(group_data),
        "defaults.yaml": yaml(defaults),
        "config.yaml": yaml(config, head="Run from this folder: InitNornir(config_file='config.yaml')"),
    }


def prometheus(fabric: Fabric, plan: Plan, lab: Lab) -> str:
    """Targets for file_sd_configs: a node exporter on every node, an FRR exporter where BGP is spoken."""
    targets = []
    for node in fabric.nodes:
        asn = plan.nodes[node.name].asn
        labels = {"fabric": fabric.name, "node": node.name, "role": node.role.value, "pod": str(node.pod)}
        frr = platform(plan.nodes[node.name]) == "frr"
        jobs = [("node", NODE_EXPORTER), *([("frr", FRR_EXPORTER)] if frr else [])]
        for job, port in jobs:
            known = {"job": job, **labels, **({"asn": str(asn)} if asn is not None else {})}
            targets.append({"targets": [f"{lab.long_name(node.name)}:{port}"], "labels": known})
    return json_lines(targets, depth=1)
