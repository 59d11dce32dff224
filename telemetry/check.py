"""Is a running lab what it must be? `check` asks, compares with the plan, and sends probes over every path.

`differences` (pure) is the comparison; `telemetry.mesh` is the data plane. A lab without a plan is compared with
its own file and with itself (`telemetry.compare_lab`, `telemetry.compare_asn`).
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from msgspec import Struct, field
from msgspec.structs import replace

from telemetry.beside import absences, deviations, expected, out_of_service
from telemetry.compare import differences
from telemetry.compare_asn import asn_differences, sharing
from telemetry.compare_lab import lab_differences
from telemetry.counting import counts
from telemetry.facts import collect
from telemetry.mesh import Exchange, judge_mesh, ready_mesh, run_mesh
from telemetry.model import Difference, NodeFacts, Out
from telemetry.origins import own_prefixes
from telemetry.probes import MeshSummary
from topologies.aside import Held, held
from topologies.lab import Lab
from topologies.plan import Plan
from topologies.runtime.door import enter
from topologies.runtime.model import LabRecord
from topologies.workloads.starting import placed

__all__ = ["CheckReport", "Difference", "check", "check_without_plan", "differences"]


class CheckReport(Struct, frozen=True):
    """The outcome: what differs, what the mesh sent and lost (None: not run), seconds per phase, and how much was found
    to be there (nodes, links, sessions, bfd, routes)."""

    differences: tuple[Difference, ...]
    mesh: MeshSummary | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def fine(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


@contextmanager
def probing(record: LabRecord, plan: Plan) -> Iterator[Held[Exchange]]:
    """Have a mesh made ready in a child, so that a check need not wait for its sockets; while there is one thread."""
    enter(record)
    with held("mesh", lambda: ready_mesh(record, plan)) as ready:
        yield ready


def check(
    record: LabRecord,
    plan: Plan,
    *,
    mesh: bool = True,
    ready: Held[Exchange] | None = None,
    workloads: bool = True,
) -> CheckReport:
    """Compare a running lab with its plan; with `mesh`, also send probes between all loopbacks and hosts, those that
    are `ready` where some are; with `workloads`, look at those that the lab has.

    The probes fly while the daemons are asked, so the seconds of `mesh` are those that it took longer.
    """
    clock = _Clock()
    enter(record)
    with ExitStack() as stack:
        probed = (ready or stack.enter_context(probing(record, plan))) if mesh else None
        if probed is not None:
            probed.begin()
        facts = collect(record, plan.nodes)
        clock.lap("facts")
        out = out_of_service(facts)
        report = (
            _check_beside(record, plan, facts, out, mesh=mesh, clock=clock)
            if out
            else _check_whole(record, plan, facts, probed, clock=clock)
        )
    programs = len(placed(record)) if workloads else 0
    if not programs:
        return report
    from telemetry.workloads import UNREADY, workload_differences

    found = workload_differences(record, plan, facts, out)
    clock.lap("workloads")
    programs -= sum(each.what in UNREADY for each in found)
    counted = {**report.counts, "workloads": programs}
    return replace(report, differences=(*report.differences, *found), timings=clock.laps, counts=counted)


def _check_whole(
    record: LabRecord, plan: Plan, facts: Mapping[str, NodeFacts], probed: Held[Exchange] | None, *, clock: "_Clock"
) -> CheckReport:
    """Compare all of it with its plan, and judge the probes that flew meanwhile, if any did."""
    found = differences(plan, facts)
    clock.lap("compare")
    if probed is None:
        return CheckReport(found, None, clock.laps, counts(record.lab, facts))
    summary, lost = judge_mesh(record, plan, facts, probed.result())
    clock.lap("mesh")
    return CheckReport((*found, *lost), summary, clock.laps, counts(record.lab, facts))


def _check_beside(
    record: LabRecord,
    plan: Plan,
    facts: Mapping[str, NodeFacts],
    out: Mapping[str, Out],
    *,
    mesh: bool,
    clock: "_Clock",
) -> CheckReport:
    """The same beside routers that are out of service: one difference each, and then what else is not as it must be."""
    found = (*absences(out), *deviations(plan, facts, out))
    rest = expected(plan, out)
    clock.lap("compare")
    if not mesh:
        return CheckReport(found, None, clock.laps, counts(record.lab, facts))
    summary, lost = judge_mesh(record, rest, facts, run_mesh(record, rest))
    clock.lap("mesh")
    return CheckReport((*found, *lost), summary, clock.laps, counts(record.lab, facts))


def check_without_plan(record: LabRecord, lab: Lab) -> CheckReport:
    """Test what can be tested without a plan: nodes, links, daemons, configured sessions, addresses, AS numbers."""
    clock = _Clock()
    facts = collect(record)
    own = own_prefixes(record, sharing(facts))
    clock.lap("facts")
    found = (*lab_differences(lab, facts), *asn_differences(lab, facts, own))
    clock.lap("compare")
    return CheckReport(found, None, clock.laps, counts(record.lab, facts))


class _Clock:
    """How long each phase took, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, phase: str) -> None:
        now = time.monotonic()
        self.laps[phase] = now - self._last
        self._last = now
