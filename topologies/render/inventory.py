"""The fabric as other tools know one: Ansible, Nornir and Prometheus.

Hosts carry their role, ASN, addresses and neighbours as data, and every group that a host is in is there, so that an
inventory loads as it stands. They are reached by the name that the lab gives them outside, such as clab-small-leaf1.
"""

from typing import Any

from topologies.lab import Lab
from topologies.model import TIERS, Fabric, Node
from topologies.plan import NodePlan, Plan
from topologies.render.places import Place, of_fabric
from topologies.render.text import json_lines, yaml

FRR_EXPORTER, NODE_EXPORTER = 9342, 9100  # the ports that these exporters listen on by default
ANSIBLE_HEAD = """ansible_host is the name of the node outside the lab. Say how you reach nodes with -e or group_vars,
for example ansible_connection=community.docker.docker when the lab runs on containerlab."""


NAPALM = "napalm"  # nornir-napalm's name for its connections
FRR, GOBGP, LINUX = "frr", "gobgp", "linux"  # platforms: what speaks BGP, and what does not


def facts(node: Node, planned: NodePlan, place: Place) -> dict[str, Any]:
    """What automation wants to know of a node."""
    numbers = {"pod": node.pod, "rail": node.rail, "plane": node.plane}
    return {
        "role": node.role.value,
        **{key: value for key, value in numbers.items() if value},
        **standing(place),
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


def standing(place: Place) -> dict[str, str]:
    """What a node shares its fate with; what it has not is left out."""
    known = {
        "rack": place.rack,
        "redundancy_group": place.redundancy_group,
        "failure_domain": place.failure_domain,
    }
    return {key: value for key, value in known.items() if value}


def platform(planned: NodePlan) -> str:
    """NAPALM's name for what a node runs; no driver is for a host without a routing daemon."""
    if planned.asn is None:
        return LINUX
    return GOBGP if planned.announces_services else FRR


def all_facts(fabric: Fabric, plan: Plan) -> dict[str, dict[str, Any]]:
    """The facts of every node by its name."""
    places = of_fabric(fabric)
    return {node.name: facts(node, plan.nodes[node.name], places[node.name]) for node in fabric.nodes}


def shared(fabric: Fabric, plan: Plan) -> dict[str, Any]:
    """What is true of the whole fabric."""
    return {"fabric": fabric.name, "design": fabric.design, "ecmp": plan.ecmp}


def groups(node: Node) -> list[str]:
    """The groups of a node: its role, and its pod, rail and plane where there are any."""
    numbers = {"pod": node.pod, "rail": node.rail, "plane": node.plane}
    return [node.role.value, *(f"{key}{number}" for key, number in numbers.items() if number)]


def members(fabric: Fabric) -> dict[str, list[Node]]:
    """Each group with its nodes, the highest tier first, then pods, rails and planes."""
    names = [role.value for role in reversed(TIERS)]
    for key in ("pod", "rail", "plane"):
        names += [f"{key}{number}" for number in sorted({getattr(node, key) for node in fabric.nodes})]
    found = {name: [node for node in fabric.nodes if name in groups(node)] for name in names}
    return {name: nodes for name, nodes in found.items() if nodes}


def ansible(fabric: Fabric, plan: Plan, lab: Lab) -> str:
    """One YAML inventory: facts at each host, a child group per role and pod."""
    known = all_facts(fabric, plan)
    hosts = {node.name: {"ansible_host": lab.long_name(node.name), **known[node.name]} for node in fabric.nodes}
    children = {name: {"hosts": dict.fromkeys(node.name for node in nodes)} for name, nodes in members(fabric).items()}
    return yaml({"all": {"vars": shared(fabric, plan), "hosts": hosts, "children": children}}, head=ANSIBLE_HEAD)


def napalm(node: str, lab: str) -> dict[str, Any]:
    """How NAPALM's drivers, for FRR and for GoBGP, are told of a node of a running lab."""
    return {"hostname": node, "extras": {"optional_args": {"lab": lab}}}


def nornir(fabric: Fabric, plan: Plan, lab: Lab) -> dict[str, str]:
    """A whole SimpleInventory by file name, and a configuration that loads it."""
    known = all_facts(fabric, plan)
    hosts = {
        node.name: {
            "hostname": lab.long_name(node.name),
            "platform": platform(plan.nodes[node.name]),
            "groups": groups(node),
            "data": known[node.name],
            "connection_options": {NAPALM: napalm(node.name, lab.name)},
        }
        for node in fabric.nodes
    }
    group_data = {name: {"data": {"members": len(nodes)}} for name, nodes in members(fabric).items()}
    defaults = {"data": shared(fabric, plan)}
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
        frr = platform(plan.nodes[node.name]) == FRR
        jobs = [("node", NODE_EXPORTER), *([("frr", FRR_EXPORTER)] if frr else [])]
        for job, port in jobs:
            known = {"job": job, **labels, **({"asn": str(asn)} if asn is not None else {})}
            targets.append({"targets": [f"{lab.long_name(node.name)}:{port}"], "labels": known})
    return json_lines(targets, depth=1)
