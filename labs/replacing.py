"""One switch in another's place: out of service, off, a new one in its place that provisions itself, checked.

Each step may be cut off: what follows from it is on record or with the lab's server before the next begins, and the
same command goes on from there. The serial number that is made up for the new switch follows from the former one, so
it is the same again.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from automation.ztp.factory import SERVER, fresh, renumbered
from automation.ztp.serials import refuse_nonsense, successor
from automation.ztp.standing import Standing
from automation.ztp.watching import Desk, expected, provisioned
from labs.bringup import settle, timed, verdict
from labs.provision import Show, judge
from topologies import deploy
from topologies.errors import Fault, Mistake
from topologies.lab import LabNode
from topologies.plan import Plan
from topologies.runtime.door import open_door
from topologies.runtime.model import Action, LabRecord, Life
from topologies.runtime.store import Store

if TYPE_CHECKING:
    from telemetry.check import CheckReport

BGP = "\nrouter bgp "


class Replaced(Struct, frozen=True):
    """What was done. Serial numbers are "" in a lab that does not provision itself; `seconds` each step took."""

    lab: str
    node: str
    former: str
    serial: str
    drained: bool
    seconds: Mapping[str, float]
    report: "CheckReport"


class Replacement(Struct, frozen=True):
    """A switch that is to be replaced, and what is known of it beforehand."""

    record: LabRecord
    plan: Plan
    node: str
    former: str
    serial: str
    at: Store

    @property
    def provisions(self) -> bool:
        """Whether the new switch provisions itself."""
        return bool(self.serial)

    @property
    def wanted(self) -> LabNode:
        """The node as it is on record."""
        return next(each for each in self.record.lab.nodes if each.name == self.node)


def planned(record: LabRecord, node: str, serial: str = "", *, at: Store) -> Replacement:
    """What a replacement would be. Raises Mistake where it cannot be, before anything is done."""
    plan = deploy.plan_of(record)
    if plan is None:
        raise Mistake(f"lab {record.name} has no plan, so nobody knows what is to be in the place of {node}")
    if node not in plan.switches:
        raise Mistake(f"lab {record.name}: {node} is no switch of it; there are {', '.join(plan.switches)}")
    if SERVER not in {each.name for each in record.lab.nodes}:
        if serial:
            why = "it was not brought up by `closlab up --ztp`, and its switches have no serial numbers"
            raise Mistake(f"--serial {serial}: lab {record.name}: {why}")
        return Replacement(record, plan, node, "", "", at)
    former = expected(record)[node]
    serial = serial or successor(record.name, node, former)
    _refuse_serial(record, node, former, serial)
    return Replacement(record, plan, node, former, serial, at)


def replace_switch(wanted: Replacement, *, show: Show, within: float) -> Replaced:
    """Replace it; each wait is for `within` seconds at most.

    Raises Mistake where the switch cannot be spared now, nothing is changed then; Fault where the new one does not
    become a member, it is then left as it is.
    """
    name, clock = wanted.record.name, dict[str, float]()
    drained, clock["drain"] = timed(lambda: _drain(wanted, within))
    record, clock["renew"] = timed(lambda: _renew(wanted))
    if wanted.provisions:
        _, clock["provision"] = timed(lambda: _provision(wanted, record, show, within))

    def proven() -> "CheckReport":
        settle(record, wanted.plan, within)
        return verdict(record, wanted.plan)

    report, clock["check"] = timed(proven)
    return Replaced(name, wanted.node, wanted.former, wanted.serial, drained, clock, report)


def _refuse_serial(record: LabRecord, node: str, former: str, serial: str) -> None:
    refuse_nonsense(serial, "--serial")
    if serial == former:
        raise Mistake(f"--serial {serial}: that is the switch that is to be replaced; a new one has another number")
    holders = Desk(record).status().holders
    if taken := [each for each, holder in holders.items() if holder == serial and each != node]:
        raise Mistake(f"--serial {serial}: lab {record.name}: that is {taken[0]}")


def _drain(wanted: Replacement, within: float) -> bool:
    """Have nobody use the switch any more; whether there was anything to do. Raises Mistake where others need it."""
    record, node = wanted.record, wanted.node
    life = deploy.standing(record, busy=False)[1][node]
    if life is Life.PAUSED:
        raise Mistake(f"{node} is paused, and cannot be drained: `closlab node resume {node}`, or `node kill`, first")
    if life is Life.DEAD or BGP not in open_door(record, node).vty("bgpd", "show running-config"):
        return False
    from nornir.plugins.runners import SerialRunner

    from automation.orchestra import routers
    from automation.tasks.drain import drain

    # In this thread, which is the one that a signal ends: a drain that is cut off is taken back.
    done = routers(record, [node]).with_runner(SerialRunner()).run(drain, within=within)[node][0]
    if isinstance(done.exception, Mistake):
        raise Mistake(f"{done.exception}\n`closlab node kill {node}` first, where it is to be replaced all the same")
    if done.exception is not None:
        raise done.exception
    return True


def _renew(wanted: Replacement) -> LabRecord:
    """Have the new switch in its place, on, and allowed to be there."""
    record, node = wanted.record, wanted.node
    if deploy.standing(record, busy=False)[1][node] is not Life.DEAD:
        deploy.act(record.name, node, Action.KILL, at=wanted.at)
    if not wanted.provisions:
        return deploy.renew(record.name, wanted.wanted, kept=wanted.wanted, at=wanted.at)
    Desk(record).approve(wanted.serial, node)
    new, kept = fresh(wanted.wanted, wanted.serial), renumbered(wanted.wanted, wanted.serial)
    return deploy.renew(record.name, new, kept=kept, at=wanted.at)


def _provision(wanted: Replacement, record: LabRecord, show: Show, within: float) -> None:
    def show_it(found: tuple[Standing, ...]) -> None:
        show(tuple(each for each in found if each.node == wanted.node))

    try:
        serials = {wanted.node: wanted.serial}
        provisioned(record, serials, within=within, show=show_it, judge=judge(record, wanted.plan))
    except Fault as error:
        left = f"{wanted.node} is serial {wanted.serial} now, and goes on by itself; `closlab ztp status` shows it"
        raise Fault(f"{error}\n{left}") from error
