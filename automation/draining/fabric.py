"""The fabric around a router that leaves or comes back: asked again and again until it is as it must be."""

import time
from collections.abc import Mapping
from contextlib import ExitStack

from msgspec import Struct

from automation.draining.quiet import IDLE_WINDOW, SHOW, Quiet, forwarded
from automation.draining.traffic import still_sent
from telemetry.beside import deviations, expected, out_of_service
from telemetry.facts import collect
from telemetry.model import NodeFacts, Out, Service, What
from topologies.errors import Fault, Mistake
from topologies.plan import Plan
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.waiting import until

EVERY, LONGEST = 0.05, 0.5  # seconds between two looks at a whole fabric, at first and at most

Facts = Mapping[str, NodeFacts]
Known = frozenset[tuple[str, str]]  # (node, subject) of what differed before


class Fabric(Struct, frozen=True):
    """A running fabric, and the router in it that is to move. Waits are in seconds, and end in a Fault."""

    record: LabRecord
    plan: Plan
    node: str

    def look(self) -> dict[str, NodeFacts]:
        """What all nodes show now. Raises Fault where the router cannot be asked."""
        facts = collect(self.record, self.plan.nodes)
        if (seen := facts[self.node]).paused or seen.lacks:
            why = "it is paused" if seen.paused else "; ".join(f"{what}: {why}" for what, why in seen.lacks)
            raise Fault(f"{self.node} cannot be asked: {why}")
        return facts

    def differing(self, facts: Facts) -> Known:
        """What differs already, beside the routers that are out of service."""
        return frozenset((each.node, each.subject) for each in deviations(self.plan, facts, out_of_service(facts)))

    def wait_until_unused(self, facts: Facts, *, within: float) -> None:
        """Wait until no peer sends anything to the router for which it has another way."""
        out = out_of_service(facts) | {self.node: Out(Service.DRAINING)}
        rest = expected(self.plan, out)
        with ExitStack() as stack:
            peers = {
                each.peer: stack.enter_context(open_door(self.record, each.peer).netlink())
                for each in self.plan.nodes[self.node].sessions
                if not facts[each.peer].lacks
            }
            names = {peer: facts[peer].names for peer in peers}

            def missing() -> str:
                for peer, kernel in peers.items():
                    if sent := still_sent(rest.nodes[peer], self.node, kernel.routes(), names[peer]):
                        return f"{peer} still sends {sent[0]} to it" + (f" and {len(sent) - 1} more" * (len(sent) > 1))
                return ""

            until(f"no peer of {self.node} uses it any more", missing, within=within)

    def wait_until_idle(self, *, within: float) -> None:
        """Wait until the router has forwarded nothing for IDLE_WINDOW seconds."""
        door = open_door(self.record, self.node)
        quiet = Quiet(forwarded(door.run(SHOW).stdout), time.monotonic())

        def missing() -> str:
            nonlocal quiet
            count, now = forwarded(door.run(SHOW).stdout), time.monotonic()
            passed, quiet = count - quiet.forwarded, quiet.seen(count, now)
            return "" if quiet.idle(now) else f"it forwarded {passed} datagrams since the last look"

        until(f"{self.node} forwards nothing for {IDLE_WINDOW:g} s", missing, within=within + IDLE_WINDOW)

    def wait_until_so(self, service: Service | None, known: Known, *, within: float) -> None:
        """Wait until the router is in that state, and nothing else differs but what did before."""

        def missing() -> str:
            facts = self.look()
            out = out_of_service(facts)
            found = out[self.node].service if self.node in out else None
            if found is not service:
                return f"{self.node} is {found or 'in service'}"
            new = [each for each in deviations(self.plan, facts, out) if (each.node, each.subject) not in known]
            return next(map(str, sorted(new, key=lambda each: each.what is not What.SESSION_DOWN)), "")

        wanted = f"{self.node} is {service or 'in service'}, and all else as planned"
        until(wanted, missing, within=within, every=EVERY, longest=LONGEST)

    def refuse_others(self) -> None:
        """Raise Mistake where the router is none: only switches leave, and come back."""
        nodes = self.plan.nodes
        if self.node not in self.plan.switches:
            known = f"{self.node} is a {nodes[self.node].role}" if self.node in nodes else f"no node {self.node!r}"
            raise Mistake(f"lab {self.record.name}: {known}; there are the switches {', '.join(self.plan.switches)}")
