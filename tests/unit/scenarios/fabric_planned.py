"""One node of a small planned fabric."""

from topologies.files.fabric import parse_fabric
from topologies.plan import NodePlan
from topologies.planning import plan

FILE = """\
name: x
design: leaf-spine
spines: 2
leaves: 2
hosts_per_leaf: 1
underlay: {{numbering: {numbering}, services: {services}}}
"""


def node(name: str, *, numbering: str = "unnumbered", services: bool = False) -> NodePlan:
    """A node as planned."""
    text = FILE.format(numbering=numbering, services=str(services).lower())
    return plan(parse_fabric(text, "x.yml")).nodes[name]
