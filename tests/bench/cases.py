"""What is measured: fabrics by size, and how a variant of one differs. Pure."""

import re
from dataclasses import dataclass

from topologies.errors import Mistake

PLAIN = "numbered"  # IPv4 and IPv6, no BFD: the variant that is compared with others' tools
VARIANTS = {
    PLAIN: "numbering: numbered",
    "unnumbered": "numbering: unnumbered",
    "bfd": "numbering: numbered\n  bfd: true",
    "ipv4": "numbering: numbered\n  ipv6: false",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A leaf-spine fabric without hosts, or what is no fabric and has a name."""

    spines: int
    leaves: int
    label: str = ""

    @property
    def name(self) -> str:
        """Its size as people say it."""
        return self.label or f"{self.spines}x{self.leaves}"

    @property
    def nodes(self) -> int:
        """How many routers it has."""
        return self.spines + self.leaves

    @property
    def links(self) -> int:
        """How many cables it has."""
        return self.spines * self.leaves


NO_FABRIC = Case(0, 0, "commands")
"""For what is measured without any fabric."""


def case(name: str) -> Case:
    """The case of a name such as 4x16; Mistake for another."""
    if not (found := re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", name)):
        raise Mistake(f"--cases: {name!r} is not SPINESxLEAVES, such as 4x16")
    return Case(int(found[1]), int(found[2]))


def fabric(wanted: Case, variant: str, name: str) -> str:
    """The fabric file; the one in topologies/fabrics says the same for the plain variant."""
    return (
        f"name: {name}\ndesign: leaf-spine\nspines: {wanted.spines}\nleaves: {wanted.leaves}\n"
        f"underlay:\n  {VARIANTS[variant]}\n"
    )
