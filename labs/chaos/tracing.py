"""The ways of flows through a running lab, by asking every kernel on them for its choice."""

from collections.abc import Sequence
from contextlib import ExitStack

from labs.chaos.live import Live
from labs.chaos.model import Flow
from telemetry.facts import open_doors
from telemetry.model import NodeFacts
from telemetry.paths import Flow as Asked
from telemetry.paths import Path, Tracer
from topologies.errors import Fault

PORTS = 49152  # the first source port; each flow between two addresses has the next
PORT = 4791


def traced(live: Live, flows: Sequence[Flow]) -> list[tuple[Flow, Path]]:
    """The way of each flow now. Where cables lead is taken from the plan; a node that is off has no way on."""
    doors, _ = open_doors(live.record, live.plan.nodes)
    with ExitStack() as stack:
        kernels = {}
        facts = {}
        for name, door in doors.items():
            try:
                kernels[name] = stack.enter_context(door.netlink())
            except OSError:
                continue  # it died meanwhile
            links = {link.name: link for link in kernels[name].links()}
            cables = {each.name: each.peer for each in live.node(name).interfaces}
            facts[name] = NodeFacts(name, links=links, cables=cables)
        tracer = Tracer(kernels, facts)
        return [(flow, _way(tracer, flow)) for flow in flows]


def _way(tracer: Tracer, flow: Flow) -> Path:
    asked = Asked(flow.source_address, flow.target_address, (PORTS + flow.number, PORT))
    try:
        return tracer.trace(flow.source, asked, flow.target)
    except (KeyError, Fault) as error:  # a node on the way is off, or has no such interface any more
        return Path((), (flow.source,), str(error))
