"""What the netns runtime cannot do of a containerlab file: refused where leaving it out changes what the lab means, a
warning where it does not. Also what containerlab itself adds to nodes, which a native run must add in its place.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from topologies.errors import Mistake
from topologies.files.clab.check import ends
from topologies.files.clab.kind_frr import DAEMONS, furnished
from topologies.files.clab.kinds import FOREIGN_KINDS, KINDS
from topologies.files.clab.outputs import labels
from topologies.files.clab.read import Topology, open_topology, read_file
from topologies.files.clab.schema import on
from topologies.lab import End, Lab, LabLink, LabNode, Veth

Applies: TypeAlias = Callable[[Any], bool]
FRR = "frr"  # the kind that reads the keys of FRR_READS
FRR_READS = ("startup_config", "extras")


class Verdict(Struct, frozen=True):
    """What becomes of a key. `applies` tells for which values; for others the key is fine."""

    refuse: bool
    why: str
    applies: Applies = bool


def refuse(why: str, applies: Applies = bool) -> Verdict:
    """The lab would not be what the file says."""
    return Verdict(True, why, applies)


def warn(why: str, applies: Applies = bool) -> Verdict:
    """The lab is what the file says, but for this."""
    return Verdict(False, why, applies)


OTHER_KIND = "only containerlab runs this kind; use `--runtime containerlab`"
VERDICTS: Mapping[str, Verdict] = {
    "kind": refuse(
        "only containerlab runs this kind; use `--runtime containerlab`", lambda kind: kind in FOREIGN_KINDS
    ),
    "runtime": refuse("there is no container runtime here", lambda runtime: runtime != "docker"),
    "license": refuse("nothing here reads a licence"),
    "components": refuse("line cards belong to kinds that only containerlab runs"),
    "devices": refuse("nodes see none of the machine's devices"),
    "pid_mode": refuse("each node has processes of its own"),
    "volumes": warn("the folder is the node's own and goes with it"),
    "tmpfs": warn("the folder is kept in memory with the rest of the node"),
    "cpu": warn("nodes share all processors"),
    "cpu_set": warn("nodes share all processors"),
    "memory": warn("nodes share all memory"),
    "shm_size": warn("shared memory has the kernel's own limit"),
    "cgroupns_mode": warn("nodes have no control group of their own"),
    "cgroup_parent": warn("nodes have no control group of their own"),
    "security_opts": warn("nodes are kept apart by namespaces only"),
    "image_pull_policy": warn("no image is pulled; its name chooses what a node runs"),
    "restart_policy": warn("a node that dies stays dead until it is started", lambda policy: policy.lower() != "no"),
    "auto_remove": warn("nodes stay until the lab is taken down", on),
    "certificate": warn("no certificates are issued", lambda certificate: on(certificate.issue)),
    "startup_config": warn("kind linux reads no start-up configuration; bind it where the program looks for it"),
    "type": warn("kind linux has no types"),
    "extras": warn("they belong to kinds that only containerlab runs"),
    "link_apply_mode": warn("there is no `apply` here"),
    "aliases": warn("nodes are known by their own names only"),
}


def read(path: Path, env: Mapping[str, str]) -> Lab:
    """The lab of a containerlab file as the netns runtime takes it: judged, and with what containerlab would add."""
    topology = open_topology(path, env)
    warnings = judge(topology)
    owner = env.get("SUDO_USER") or env.get("USER") or ""
    lab = as_deployed(topology.lab, lab_dir=topology.lab_dir, owner=owner)
    nodes = tuple(with_frr(node, topology) if node.kind == FRR else node for node in lab.nodes)
    return replace(lab, nodes=nodes, warnings=(*topology.lab.warnings, *warnings))


def judge(topology: Topology) -> tuple[str, ...]:
    """Warnings, one per key with the nodes that have it. Raises Mistake for the first thing to refuse."""
    warnings: dict[str, list[str]] = {}
    for name, spec in topology.specs.items():
        for key, verdict in VERDICTS.items():
            value = getattr(spec, key)
            if value is None or not verdict.applies(value) or (spec.kind == FRR and key in FRR_READS):
                continue
            said = key.replace("_", "-")
            if verdict.refuse:
                place = topology.document.at("topology", "nodes", name, said)
                shown = f" {value}" if isinstance(value, str) else ""
                raise Mistake(f"{place}: node {name!r} has {said}{shown}: {verdict.why}; {instead(key)}")
            warnings.setdefault(f"{said}: {verdict.why}", []).append(name)
    found = [f"{text} ({', '.join(names)})" for text, names in warnings.items()]
    return (*found, *addresses_unset(topology.lab), *lab_wide(topology))


def with_frr(node: LabNode, topology: Topology) -> LabNode:
    """A node of kind frr with what containerlab gives it. Raises Mistake where its startup-config cannot be had."""
    place = topology.document.at("topology", "nodes", node.name, "startup-config")
    config = node.startup_config
    if "://" in config and "\n" not in config:
        raise Mistake(f"{place}: node {node.name!r} has its startup-config on a server; nothing is fetched here")
    text = config if "\n" in config or not config else read_file(config)
    extras = topology.specs[node.name].extras
    return furnished(node, text, (extras.frr.daemons if extras and extras.frr else None) or DAEMONS, place)


def instead(key: str) -> str:
    """What may stand in the place of a refused key."""
    allowed = {"kind": ", ".join(KINDS), "runtime": "docker"}
    return f"allowed: {allowed[key]}" if key in allowed else "take the key out"


def lab_wide(topology: Topology) -> tuple[str, ...]:
    """Warnings about keys of the lab as a whole."""
    mgmt, settings = topology.file.mgmt, topology.file.settings
    found = []
    if mgmt and on(mgmt.external_access):
        found.append("external-access: the management network of a lab leads nowhere")
    if mgmt and (mgmt.ipv4_range or mgmt.ipv6_range or mgmt.driver_opts):
        found.append("mgmt: address ranges and driver options are the container engine's own")
    if settings and settings.certificate_authority:
        found.append("certificate-authority: no certificates are issued")
    return tuple(found)


def addresses_unset(lab: Lab) -> tuple[str, ...]:
    """A warning for addresses on links that no node sets itself: containerlab leaves them to kinds that do."""
    addressed = [end for link in lab.links for end in ends(link) if end.addresses]
    if not addressed:
        return ()
    named = ", ".join(str(end) for end in addressed[:3])
    return (f"ipv4/ipv6 of links: containerlab sets them for no node of kind linux; use exec ({named}...)",)


def as_deployed(lab: Lab, *, lab_dir: str, owner: str = "") -> Lab:
    """The lab as containerlab would deploy it: its variables in the nodes, no addresses on the links."""
    counts = {node.name: 0 for node in lab.nodes}
    for link in lab.links:
        for end in ends(link):
            counts[end.node] += 1
    known = {node.name: labels(lab, node, lab_dir=lab_dir, owner=owner) for node in lab.nodes}
    return replace(
        lab,
        nodes=tuple(replace(node, env=variables(node, known[node.name], counts[node.name])) for node in lab.nodes),
        links=tuple(bare(link) for link in lab.links),
    )


def variables(node: LabNode, known: Mapping[str, str], interfaces: int) -> tuple[tuple[str, str], ...]:
    """A node's variables with containerlab's own, which win: its labels, and how many links it has."""
    found = {f"CLAB_LABEL_{variable(key)}": value for key, value in known.items()}
    return tuple({**dict(node.env), **found, "CLAB_INTFS": str(interfaces)}.items())


def variable(label: str) -> str:
    """A label as part of a variable's name: - + . / become _, other signs go."""
    return re.sub(r"[^A-Za-z0-9_]", "", re.sub(r"[-+./]", "_", label)).upper()


def bare(link: LabLink) -> LabLink:
    """A link without addresses."""
    if not isinstance(link, Veth):
        return replace(link, end=without_addresses(link.end))
    return replace(link, a=without_addresses(link.a), b=without_addresses(link.b))


def without_addresses(end: End) -> End:
    """An end without addresses."""
    return replace(end, addresses=())
