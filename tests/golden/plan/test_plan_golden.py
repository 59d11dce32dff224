"""Whole plans, line by line. `CLOSLAB_GOLDEN=write pytest tests/golden/plan` writes them anew; then read the diff."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from topologies.files.fabric import parse_fabric
from topologies.plan import NodePlan, PlannedSession
from topologies.planning import plan

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.yml"))


def lines(node: NodePlan) -> Iterator[str]:
    """A node's plan as text, one fact a line."""
    yield f"{node.name}: {node.role} pod {node.pod} asn {node.asn} id {node.router_id} seed {node.hash_seed}"
    yield f"  loopbacks {' '.join(node.loopbacks)}"
    yield f"  announces {' '.join(node.announces)}"
    yield f"  probed at {' '.join(node.probe_addresses)}"
    for i in node.interfaces:
        limit = f" rate {i.rate_mbps}" if i.rate_mbps else ""
        yield f"  interface {i.name} {i.mac} mtu {i.mtu}{limit} {' '.join((*i.addresses, 'to', str(i.peer)))}"
    yield from (f"  session {session_line(session)}" for session in node.sessions)
    yield from (f"  route {r.prefix} of {r.origin} over {' '.join(sorted(r.interfaces))}" for r in node.routes)
    for s in node.static_routes:
        yield f"  static {s.prefix} table {s.table} via {' '.join(f'{gateway}%{name}' for gateway, name in s.via)}"
    yield from (f"  rule from {rule.source} table {rule.table}" for rule in node.source_rules)


def session_line(session: PlannedSession) -> str:
    """A session as text."""
    flags = [name for name in ("bfd", "passive", "extended_nexthop") if getattr(session, name)]
    return f"{session.neighbor} on {session.interface}: {session.peer} AS {session.peer_asn} " + " ".join(
        (*session.families, *flags)
    )


def test_there_are_cases() -> None:
    """Every design has one."""
    assert {parse_fabric(case.read_text(), str(case)).design for case in CASES} == {"leaf-spine", "three-tier", "rail"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_plan_is_as_written(case: Path) -> None:
    """Nothing of a plan changes unnoticed."""
    wanted = plan(parse_fabric(case.read_text(), str(case)))
    text = "".join(f"{line}\n" for node in wanted.nodes.values() for line in lines(node))
    golden = case.with_suffix(".txt")
    if os.environ.get("CLOSLAB_GOLDEN") == "write":
        golden.write_text(text)

    assert text == golden.read_text()
