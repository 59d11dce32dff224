"""Bring a lab up until it is converged and checked: deployment, then telemetry's proof. What `closlab up` does."""

import time
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from topologies import deploy
from topologies.errors import Fault, Mistake
from topologies.plan import Plan
from topologies.runtime.model import LabRecord, Say
from topologies.runtime.store import Store, here
from topologies.waiting import until
from topologies.workloads import starting

if TYPE_CHECKING:
    from telemetry.check import CheckReport

T = TypeVar("T")
SETTLING = 30.0  # seconds that a lab without a plan may take until its sessions are up
ANNOUNCED = 30.0  # seconds in which programs that are ready are announced by BGP
LASTING = ("address-twice", "asn-twice", "program-ended")  # differences that time does not heal


class Brought(Struct, frozen=True):
    """A lab that is up. `report` is None where it was not checked; `seconds` is the whole time."""

    record: LabRecord
    plan: Plan | None
    report: "CheckReport | None"
    seconds: float

    @property
    def fine(self) -> bool:
        """Whether nothing differs from what must be."""
        return self.report is None or not self.report.differences


def bring_up(
    source: deploy.Source,
    runtime: str,
    *,
    say: Say,
    allow_host: bool = False,
    check: bool = True,
    within: float = 120,
    prepare: Callable[[Path], None] | None = None,
    then: Callable[[LabRecord], LabRecord] | None = None,
    at: Store | None = None,
) -> Brought:
    """Deploy, converge, check, start workloads. `prepare` as `deploy.up` has it; `then` is done to the lab before it
    can converge.

    Raises Fault where it does not converge in `within` seconds; the lab then stays up to be looked at. An interrupt
    takes it down.
    """
    at = at or here()
    begun = time.monotonic()
    record = deploy.up(source, runtime, say=say, allow_host=allow_host, prepare=prepare, at=at)
    report = None
    with ExitStack() as undo:
        undo.callback(deploy.down, record.name, at=at)
        try:
            if then is not None:
                record = then(record)
            if check:
                record, report = _proven(record, source.plan, within, say)
            if not (report and report.differences):
                record = _working(record, source.plan, say)
                if report and (count := len(starting.placed(record))):
                    report = replace(report, counts={**report.counts, "workloads": count})
            if check:
                with suppress(Mistake):  # somebody acts on the lab just now: times are not worth taking it down
                    deploy.remember(record, at=at)
        except Fault as error:
            undo.pop_all()
            if not at.exists(record.name):
                raise Fault(f"lab {record.name} was taken down by somebody else before it had converged") from error
            left = f"lab {record.name} is left up to be looked at; `closlab down {record.name}` removes it"
            raise Fault(f"{error}\n{left}") from error
        undo.pop_all()
    return Brought(record, source.plan, report, time.monotonic() - begun)


def verdict(record: LabRecord, plan: Plan | None, *, mesh: bool = True) -> "CheckReport":
    """What differs between a running lab and its plan; a lab without one is tested for what needs none."""
    from telemetry import check

    if plan is None:
        return check.check_without_plan(record, record.lab)
    return check.check(record, plan, mesh=mesh)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work returned, and the seconds that it took."""
    begun = time.monotonic()
    done = work()
    return done, time.monotonic() - begun


def _proven(record: LabRecord, plan: Plan | None, within: float, say: Say) -> "tuple[LabRecord, CheckReport]":
    """Wait until every planned route and session is there, or without a plan until it has settled, and check it."""
    from telemetry import check

    with ExitStack() as stack:
        if plan is None:
            _, converging = timed(lambda: settle(record, None, within, but=LASTING))
            report, checking = timed(lambda: check.check_without_plan(record, record.lab))
        else:
            from telemetry.converge import converge

            ready = stack.enter_context(
                check.probing(record, plan)
            )  # its sockets are opened while others are waited for
            _, converging = timed(lambda: converge(record, plan, within=within, say=say))
            report, checking = timed(lambda: check.check(record, plan, ready=ready, workloads=False))
    return replace(record, phases={**record.phases, "converge": converging, "check": checking}), report


def _working(record: LabRecord, plan: Plan | None, say: Say) -> LabRecord:
    """Start the lab's workloads, and wait until all are ready and every way to their service addresses is there."""
    if plan is None or not starting.placed(record):
        return record
    from telemetry.workloads import missing_ways

    seconds = starting.start(record, say=say)
    seconds += until("service addresses announced", lambda: missing_ways(record, plan), within=ANNOUNCED)
    return replace(record, phases={**record.phases, "workloads": seconds})


def settle(record: LabRecord, plan: Plan | None, within: float, but: Collection[str] = ()) -> None:
    """Wait until a check without the mesh finds nothing wrong; without a plan, then also until its routing is at rest.

    What is still wrong after `within` seconds is the check's to report; a lab without a plan may be meant so, and is
    not waited for longer than SETTLING. Differences of the kinds in `but` are not waited for. Raises Fault where
    nothing is wrong and routes still move.
    """
    from telemetry import rest

    begun = time.monotonic()
    patience = within if plan else min(within, SETTLING)

    def wrong() -> str:
        found = verdict(record, plan, mesh=False).differences
        return next((str(each) for each in found if each.what not in but), "")

    try:
        if plan is None:
            rest.wait_for_sessions(record, within=patience)
        until(f"lab {record.name} settled", wrong, within=begun + patience - time.monotonic())
    except Fault:
        return
    if plan is None:  # the check before has meanwhile used the second in which FRR gathers routes
        rest.wait_for_rest(record, within=begun + within - time.monotonic())
