"""Ask routers which prefixes they bring into BGP themselves."""

from collections.abc import Collection

from telemetry.facts import open_doors
from telemetry.frr import FAMILIES, parse_own
from topologies.runtime.model import LabRecord

EMPTY_PATH = "^$"  # what a router brings in itself, and what iBGP tells; FRR 8 has no shorter question


def own_prefixes(record: LabRecord, nodes: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The prefixes that each of these nodes brings into BGP, in both families. Raises Fault where one is silent."""
    doors, _ = open_doors(record, nodes)
    return {
        name: tuple(
            prefix
            for family in FAMILIES.values()
            for prefix in parse_own(door.vty("bgpd", f"show bgp {family} unicast regexp {EMPTY_PATH} json"))
        )
        for name, door in doors.items()
    }
