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
underlay: {{numbering: {numbering}, services: {services}, bfd: {bfd}}}
"""


def node(name: str, *, numbering: str = "unnumbered", services: bool = False, bfd: bool = False) -> NodePlan:
    """A node as planned."""
    text = FILE.format(numbering=numbering, services=str(services).lower(), bfd=str(bfd).lower())
    return plan(parse_fabric(text, "x.yml")).nodes[name]
