"""What the netns runtime cannot honour, refused by name before anything is made."""

from topologies.errors import Mistake
from topologies.lab import Dummy, Lab, LabNode, MgmtLink, Veth

KINDS = ("bridge", "frr", "linux")
LINKS = (Veth, Dummy, MgmtLink)


def refuse(lab: Lab) -> None:
    """Raise Mistake for the first thing in a lab that cannot be left out without changing what it means."""
    for node in lab.nodes:
        if lack := _lack(node):
            raise Mistake(f"node {node.name}: {lack}")
    for link in lab.links:
        if not isinstance(link, LINKS):
            there = ", ".join(kind.__name__.lower() for kind in LINKS)
            raise Mistake(f"a link of type {type(link).__name__.lower()}: the netns runtime has {there}")
    if any(isinstance(link, MgmtLink) for link in lab.links) and lab.mgmt.skip_when_unused:
        raise Mistake("a link to mgmt-net, but mgmt has skip-when-unused")


def _lack(node: LabNode) -> str:
    if node.kind not in KINDS:
        return f"kind {node.kind!r}; the netns runtime has {', '.join(KINDS)}"
    if node.network_mode not in ("", "none"):
        return f"network-mode {node.network_mode!r}; the netns runtime has none and the management network"
    unknown = {
        "ports": node.ports,
        "exec": node.exec,
        "cmd": node.cmd,
        "entrypoint": node.entrypoint,
        "startup-config": node.startup_config,
        "stages": (*node.waits, *node.stage_execs),
        "user": node.user,
    }
    return ", ".join(f"the netns runtime has no {name} yet" for name, value in unknown.items() if value)
