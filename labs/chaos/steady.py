"""A fabric that is up and proven steady, to be broken; the same for scenarios, soaks and a team's own tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from labs.bringup import bring_up, settle, verdict
from labs.chaos.faults.model import AnyFault
from labs.chaos.faults.table import prepare
from labs.chaos.live import Live
from telemetry.model import Difference
from topologies import deploy
from topologies.errors import Fault, Mistake
from topologies.model import Fabric
from topologies.plan import Plan
from topologies.runtime.model import Say
from topologies.runtime.store import Store

MOST = 3  # differences quoted
RESTED = 30.0  # seconds that a fabric may take to be as planned again after what was done beforehand


def planned(source: deploy.Source) -> tuple[Fabric, Plan]:
    """The fabric and the plan of a file; raises Mistake for one that has none."""
    if source.fabric is None or source.plan is None:
        raise Mistake(f"{source.path}: it must be a fabric file; a containerlab file has no plan to come back to")
    return source.fabric, source.plan


def ready(live: Live, steps: Sequence[AnyFault]) -> None:
    """Do what faults need beforehand, and wait until the fabric is as planned again. Raises Mistake, and Fault where it
    is not in time."""
    if prepare(live, steps):
        settle(live.record, live.plan, RESTED)
        refuse_unsteady(verdict(live.record, live.plan).differences)


def refuse_unsteady(found: Sequence[Difference]) -> None:
    """Raise Fault where a fabric is not as planned: nothing could be told from what is done to it."""
    if found:
        quoted = "; ".join(map(str, found[:MOST]))
        raise Fault(f"the fabric is not as planned before anything was broken ({len(found)} differences): {quoted}")


@contextmanager
def steady(
    source: deploy.Source, runtime: str, *, say: Say, at: Store, within: float = 120, keep: bool = False
) -> Iterator[Live]:
    """A fabric for the length of a block; `keep`: it stays up where the block ends well.

    Raises Mistake and Fault as `up` does, and Fault where it is not as planned: nothing could be told from it.
    """
    fabric, plan = planned(source)
    brought = bring_up(source, runtime, say=say, within=within, at=at)
    kept = False
    try:
        refuse_unsteady(brought.report.differences if brought.report else ())
        yield Live(brought.record, fabric, plan, at)
        kept = keep
    finally:
        if not kept:
            deploy.down(brought.record.name, at=at)
