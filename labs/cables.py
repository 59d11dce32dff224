"""The cables of a running lab, both ends as the kernel has them."""

from collections.abc import Mapping

from msgspec import Struct

from topologies.errors import Fault
from topologies.impairments.model import Seen as Impaired
from topologies.lab import Veth
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord

Seen = Mapping[tuple[str, str], tuple[str, int]]
"""(node, interface) -> its state in one word, its MTU in bytes."""


class Cable(Struct, frozen=True):
    """One cable: its ends as NODE:IF and each one's state."""

    a: str
    a_state: str
    b: str
    b_state: str
    mtu: int
    rate_mbps: int | None
    a_impaired: Impaired | None = None  # None where it was not asked or cannot be
    b_impaired: Impaired | None = None

    def touches(self, end: str) -> bool:
        """Whether it ends at this node or interface; "" is touched by all."""
        return not end or any(side == end or side.startswith(f"{end}:") for side in (self.a, self.b))

    def report(self) -> dict[str, object]:
        """The cable for JSON."""
        ends = [
            {"end": end, "state": state, "impairment": impaired.report() if impaired else None}
            for end, state, impaired in (
                (self.a, self.a_state, self.a_impaired),
                (self.b, self.b_state, self.b_impaired),
            )
        ]
        return {"ends": ends, "mtu": self.mtu, "rate_mbps": self.rate_mbps}

    def cells(self) -> list[str]:
        """The cable as a row of a table."""
        rate = f"{self.rate_mbps} Mbit/s" if self.rate_mbps else ""
        return [self.a, self.a_state, self.b, self.b_state, str(self.mtu), rate, self._impaired()]

    def _impaired(self) -> str:
        """Such as `leaf1:eth1 sends with loss 1 %`."""
        sides = ((self.a, self.a_impaired), (self.b, self.b_impaired))
        said = [(end, seen.text()) for end, seen in sides if seen]
        return "; ".join(f"{end} sends with {text}" for end, text in said if text)


def cables(record: LabRecord) -> list[Cable]:
    """All cables between nodes, as they stand now."""
    seen = look(record)
    found = []
    for link in record.lab.links:
        if isinstance(link, Veth):
            a_state, mtu = seen.get((link.a.node, link.a.interface), ("gone", link.mtu))
            b_state, _ = seen.get((link.b.node, link.b.interface), ("gone", link.mtu))
            found.append(Cable(str(link.a), a_state, str(link.b), b_state, mtu, link.rate_mbps))
    return found


def look(record: LabRecord) -> Seen:
    """Each interface of each node that can be entered: up, down, or no carrier."""
    seen: dict[tuple[str, str], tuple[str, int]] = {}
    for node in record.lab.nodes:
        try:
            with open_door(record, node.name).netlink() as kernel:
                links = kernel.links()
        except Fault:
            continue  # a dead node; its ends show as gone
        for link in links:
            state = ("up" if link.carrier else "no carrier") if link.up else "down"
            seen[node.name, link.name] = (state, link.mtu)
    return seen
