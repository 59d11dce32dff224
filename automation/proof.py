"""Is a fabric well after a change? It is given time to settle, and then what it is must be what was planned."""

import time
from collections.abc import Collection
from contextlib import suppress

from telemetry import check, rest
from telemetry.check import CheckReport
from telemetry.model import Difference
from topologies.errors import Fault
from topologies.plan import Plan
from topologies.runtime.model import LabRecord
from topologies.waiting import until


def proven(record: LabRecord, plan: Plan, *, within: float) -> CheckReport:
    """Check a lab against its plan once it has settled, or after `within` seconds.

    A change may show only when routes have been taken back, so that nothing differs is believed when nothing moves.
    """
    ends = time.monotonic() + within

    def wrong() -> str:
        return next(map(str, check.check(record, plan, mesh=False).differences), "")

    with suppress(Fault):  # it still moves: it may be well later
        rest.wait_for_rest(record, within=within)
        if (report := check.check(record, plan)).fine:
            return report
    with suppress(Fault):  # what is wrong by then, the check tells
        until(f"lab {record.name} settled", wrong, within=max(0, ends - time.monotonic()))
        rest.wait_for_rest(record, within=max(0, ends - time.monotonic()))
    return check.check(record, plan)


def halfway(record: LabRecord, plans: Collection[Plan], *, within: float) -> tuple[Difference, ...]:
    """What is wrong while some routers have a change and others do not: what differs from every one of these plans."""
    found: tuple[Difference, ...] = ()

    def wrong() -> str:
        nonlocal found
        found = shared([check.check(record, plan, mesh=False).differences for plan in plans])
        return next(map(str, found), "")

    with suppress(Fault):
        until(f"lab {record.name} settled", wrong, within=within)
    return found


def shared(found: Collection[tuple[Difference, ...]]) -> tuple[Difference, ...]:
    """The differences of the first that each of the others has too, whatever was expected there."""
    first, *others = found
    known = [{(each.node, each.subject, each.what) for each in other} for other in others]
    return tuple(each for each in first if all((each.node, each.subject, each.what) in other for other in known))
