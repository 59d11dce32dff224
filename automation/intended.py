"""What the routing daemons of a node are meant to run, as one text for NAPALM to compare and to commit. Pure.

A lab's nodes read a file for each daemon, which is how FRR starts fast; a router shows, and takes, all of it in one.
"""

from collections.abc import Mapping

from topologies.lab import Lab, LabNode

MARK = "XFRR_"  # lines for the daemon's own reading at start, which no router shows


def intended(lab: Lab) -> Mapping[str, str]:
    """The whole configuration of every node that routes, by its name; hosts without a routing daemon are left out."""
    return {node.name: text for node in lab.nodes if (text := configuration(node))}


def configuration(node: LabNode) -> str:
    """The files of a node's daemons one after the other, "" where it has none."""
    files = {file.path: file.text for file in node.files}
    texts = [files[daemon.config] for daemon in node.daemons if daemon.config in files]
    return "\n".join(line for text in texts for line in text.splitlines() if not line.startswith(MARK))
