"""What the commands report, as plain values: the one source of both the JSON (docs/json.md) and the tables. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

from topologies.lab import LabLink, LabNode, Veth, kind_of
from topologies.runtime.model import LabRecord, Life, NodeRecord, Status
from topologies.runtime.store import Unreadable
from topologies.seal import openings

Report = dict[str, object]


def lab_report(record: LabRecord, status: Status, lives: Mapping[str, Life]) -> Report:
    """A lab in one line."""
    return {
        "name": record.name,
        "runtime": record.runtime,
        "status": str(status),
        "nodes": len(record.lab.nodes),
        "running": sum(life is Life.RUNNING for life in lives.values()),
        "links": len(record.lab.links),
        "created": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds"),
        "file": record.lab.file,
        "open": list(openings(record.lab, record.runtime)),
        "planned": bool(record.fabric_text),
        "uid": record.uid,
        "version": record.version,
        "phases": {phase: round(seconds, 3) for phase, seconds in record.phases.items()},
    }


def unreadable_report(entry: Unreadable) -> Report:
    """A lab whose record cannot be read."""
    return {"name": entry.name, "why": entry.why}


def node_reports(record: LabRecord, lives: Mapping[str, Life]) -> list[Report]:
    """Each node as wanted and as it stands."""
    deployed = {node.name: node for node in record.nodes}
    return [_node(node, deployed.get(node.name), lives.get(node.name, Life.DEAD)) for node in record.lab.nodes]


def _node(node: LabNode, deployed: NodeRecord | None, life: Life) -> Report:
    labels = dict(node.labels)
    return {
        "name": node.name,
        "long_name": deployed.long_name if deployed else "",
        "role": str(node.role or ""),
        "kind": node.kind,
        "image": node.image,
        "state": str(life),
        "asn": int(labels["closlab-asn"]) if "closlab-asn" in labels else None,
        "address": labels.get("closlab-address", ""),
        "mgmt_ipv4": deployed.mgmt_ipv4 if deployed else "",
        "mgmt_ipv6": deployed.mgmt_ipv6 if deployed else "",
        "profile": deployed.profile if deployed else "",
        "pid": deployed.init.pid if deployed and deployed.init else None,
        "daemons": [daemon.name for daemon in node.daemons if not daemon.optional],
    }


def link_report(link: LabLink) -> Report:
    """One cable as wanted; `ends` has one end where the other is not a node's."""
    ends = [link.a, link.b] if isinstance(link, Veth) else [link.end]
    rate = link.rate_mbps if isinstance(link, Veth) else None
    return {"type": kind_of(link), "ends": [str(end) for end in ends], "mtu": link.mtu, "rate_mbps": rate}


def counted(count: int, noun: str) -> str:
    """A number with its noun in the right form."""
    return f"{count} {noun if count == 1 else {'leaf': 'leaves'}.get(noun, f'{noun}s')}"


def ago(created: str, now: datetime) -> str:
    """How long ago that was, in the largest unit that fits."""
    seconds = int((now - datetime.fromisoformat(created)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"
