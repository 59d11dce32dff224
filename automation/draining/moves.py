"""Out of service and back, step by step; each step is a transaction that the fabric has to bear out before it is kept.

Out: mark the routes, so that all peers choose others; wait until nothing comes any more; shut the sessions. Back: open
the sessions with the routes still marked, so that the router learns all before anybody sends to it; then take the mark
away. A process that is killed between two steps leaves a router that is marked: nobody sends to it, nothing is lost,
and either command goes on from there.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct, field
from napalm.base import NetworkDriver

from automation.draining import steps
from automation.draining.fabric import Fabric, Facts
from automation.draining.impact import objections
from automation.draining.live import live
from automation.draining.transaction import commit, kept, running
from telemetry.check import check
from telemetry.model import Out, Service
from topologies.errors import Fault, Mistake


class Moved(Struct, frozen=True):
    """What became of a router: how it is out of service now, None where it is in; the seconds that each step took."""

    node: str
    changed: bool
    out: Out | None
    seconds: Mapping[str, float] = field(default_factory=dict)


def drain(
    driver: NetworkDriver, fabric: Fabric, facts: Facts, *, since: str, by: str, minimum: int | None, within: float
) -> Moved:
    """Take a router out of service. `facts` are what the fabric showed just now; each step may take `within` seconds.

    Raises Mistake, before anything is changed, where that would harm others; Fault where the fabric does not follow,
    and the router is then in service as before.
    """
    before = facts[fabric.node].out
    if before is not None and before.service is Service.DRAINED:
        return Moved(fabric.node, changed=False, out=before)
    _refuse(fabric, facts, minimum)
    known, clock, config = fabric.differing(facts), _Clock(), running(driver)
    with kept(driver, steps.marking(config), f"drain {fabric.node}", within=2 * within):
        with clock.lap("unused"):
            fabric.wait_until_unused(facts, within=within)
        with clock.lap("idle"):
            fabric.wait_until_idle(within=within)
    with clock.lap("shut"), _else_commit(driver, steps.unmarking(config), f"drain of {fabric.node} given up"):
        text = steps.shutting(config, since, by)
        with kept(driver, text, f"drain {fabric.node}", within=within):
            fabric.wait_until_so(Service.DRAINED, known, within=within)
    return Moved(fabric.node, True, Out(Service.DRAINED, since, by), clock.laps)


def undrain(driver: NetworkDriver, fabric: Fabric, facts: Facts, *, within: float) -> Moved:
    """Take a router back into service; arguments as for `drain`.

    Raises Fault where it, or the fabric around it, does not become what is planned; it is then drained as before.
    """
    before = facts[fabric.node].out
    if before is None:
        return Moved(fabric.node, changed=False, out=None)
    known, clock, config = fabric.differing(facts), _Clock(), running(driver)
    with clock.lap("open"), kept(driver, steps.opening(config), f"undrain {fabric.node}", within=within):
        fabric.wait_until_so(Service.DRAINING, known, within=within)
    again = steps.shutting(config, before.since, before.by) if before.service is Service.DRAINED else ""
    with (
        clock.lap("use"),
        _else_commit(driver, again, f"undrain of {fabric.node} given up"),
        kept(driver, steps.unmarking(config), f"undrain {fabric.node}", within=2 * within),
    ):
        fabric.wait_until_so(None, known, within=within)
        if not known:
            _prove(fabric)
    return Moved(fabric.node, True, None, clock.laps)


def _refuse(fabric: Fabric, facts: Facts, minimum: int | None) -> None:
    if found := objections(fabric.plan, live(fabric.plan, facts), fabric.node, minimum):
        reasons = "\n".join(f"  {each}" for each in found)
        raise Mistake(f"{fabric.node} is not drained, nothing was changed:\n{reasons}")


def _prove(fabric: Fabric) -> None:
    """Send probes over every path. Raises Fault where one is lost, or where anything differs after all."""
    found = [each for each in check(fabric.record, fabric.plan).differences if each.what != "drained"]
    if found:
        raise Fault(f"{fabric.node} is back, but {len(found)} things differ; the first: {found[0]}")


@contextmanager
def _else_commit(driver: NetworkDriver, text: str, why: str) -> Iterator[None]:
    """Where the block fails, have the router run these lines, if any, for good."""
    try:
        yield
    except BaseException:
        if text:
            commit(driver, text, why)
        raise


class _Clock:
    """How long each step took, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}

    @contextmanager
    def lap(self, step: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.laps[step] = time.monotonic() - begun
