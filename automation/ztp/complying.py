"""Whether changes that wait on switches may be kept: NAPALM's compliance report on each, told to the server.

A switch cannot do that itself, for it has no NAPALM. So whoever watches a fabric being provisioned has its switches
compared while their timers run, and the server hands on what came of it. What a report finds may be a neighbour that
is a moment late, so it is believed only after PATIENCE.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence

from nornir.core import Nornir
from nornir.core.task import MultiResult

from automation.orchestra import only, routers
from automation.tasks.validate import CONNECTION, validate
from automation.validation.report import Finding, unanswered
from automation.validation.rules import Rule, rules
from automation.ztp.standing import Standing
from automation.ztp.states import State
from automation.ztp.watching import Desk
from topologies.plan import Plan
from topologies.runtime.model import LabRecord

AT_ONCE = 8  # switches compared between two looks at all of them
PATIENCE = 10.0  # seconds until what a report finds is believed
NAMED = 3  # findings named to a switch

Attempt = tuple[str, str, str, int]


class Judge:
    """Compares the switches of one lab with its plan."""

    def __init__(self, record: LabRecord, plan: Plan) -> None:
        self._record, self._plan = record, plan
        self._nornir: Nornir | None = None  # not before it is needed: switches have better to do with the time
        self._failing: dict[Attempt, float] = {}  # since when, in seconds
        self._ruled: set[Attempt] = set()

    def __call__(self, desk: Desk, found: Iterable[Standing]) -> None:
        """Compare some of those that wait for it, and rule. Raises Fault where the server does not answer."""
        found = tuple(found)
        waiting = [each for each in found if each.state is State.COMPLYING and attempt(each) not in self._ruled]
        # Whoever was found not to comply before must not hold up those that were not looked at yet.
        turn = sorted(waiting, key=lambda each: self._failing.get(attempt(each), 0))[:AT_ONCE]
        absent = frozenset(each.node for each in found if each.state is State.QUARANTINED)
        for each, findings in self._compared(turn, absent):
            now = time.monotonic()
            if not findings or now - self._failing.setdefault(attempt(each), now) > PATIENCE:
                desk.rule(each, told(findings))
                self._ruled.add(attempt(each))

    def _compared(
        self, switches: Sequence[Standing], absent: Collection[str]
    ) -> Sequence[tuple[Standing, Sequence[Finding]]]:
        if not switches:
            return ()
        self._nornir = self._nornir or routers(self._record)
        self._nornir.data.reset_failed_hosts()
        every: Mapping[str, list[Rule]] = rules(self._plan, self._record.lab.management(), absent)
        done = only(self._nornir, {each.node for each in switches}).run(validate, rules=every)
        return [(each, self._findings(each.node, done[each.node])) for each in switches]

    def _findings(self, node: str, result: MultiResult) -> Sequence[Finding]:
        if (error := result[0].exception) is None:
            return tuple(result[0].result)
        assert self._nornir is not None
        host = self._nornir.inventory.hosts[node]
        if CONNECTION in host.connections:  # it may lead to processes that a power cut took
            host.close_connection(CONNECTION)
        return [unanswered(node, error)]


def attempt(standing: Standing) -> Attempt:
    """The change that a switch waits with."""
    return standing.serial, standing.mac, standing.life, standing.moves


def told(findings: Sequence[Finding]) -> str:
    """Findings in a sentence, "" for none. Pure."""
    words = [
        f"{f'{each.rule} {each.where}'.strip()} should be {each.expected}, and is {each.found}"
        for each in findings[:NAMED]
    ]
    more = f" and {len(findings) - NAMED} more" if len(findings) > NAMED else ""
    return "; ".join(words) + more
