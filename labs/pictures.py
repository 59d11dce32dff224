"""A lab as a picture, with the state of its nodes and cables while it runs."""

from collections.abc import Callable, Collection, Iterable, Mapping

from labs.cables import Cable, cables
from topologies import deploy
from topologies.errors import Mistake
from topologies.lab import Lab
from topologies.render.graph.drawing import Drawing, State, States, drawing
from topologies.runtime.model import LabRecord, Life


def _svg(picture: Drawing) -> str:
    from topologies.render.graph.svg import svg

    return svg(picture)


def _mermaid(picture: Drawing) -> str:
    from topologies.render.graph.mermaid import mermaid

    return mermaid(picture)


def _dot(picture: Drawing) -> str:
    from topologies.render.graph.dot import dot

    return dot(picture)


FORMATS: dict[str, Callable[[Drawing], str]] = {"svg": _svg, "mermaid": _mermaid, "dot": _dot}


def picture(lab: Lab, form: str, states: States | None = None) -> str:
    """The lab as text of that format; raises Mistake for a format that there is not."""
    if form not in FORMATS:
        raise Mistake(f"--format: no format {form!r}; there are {', '.join(FORMATS)}")
    return FORMATS[form](drawing(lab, states))


def running(record: LabRecord) -> States:
    """How a deployed lab stands now."""
    _, lives = deploy.standing(record, busy=False)
    return as_states(lives, cables(record), silent(record))


def as_states(lives: Mapping[str, Life], found: Iterable[Cable], silent: Collection[str]) -> States:
    """Nodes by their life, cables by both their ends: one that is not up on both sides is down, one whose BGP session
    is down is impaired."""
    nodes = {name: State.UP if life is Life.RUNNING else State.DOWN for name, life in lives.items()}
    ends = {cable.a: state_of(cable, silent) for cable in found}
    return States(nodes, ends)


def state_of(cable: Cable, silent: Collection[str]) -> State:
    """How one cable stands."""
    if not cable.a_state == cable.b_state == "up":
        return State.DOWN
    return State.IMPAIRED if cable.a in silent or cable.b in silent else State.UP


def silent(record: LabRecord) -> set[str]:
    """The ends of cables, as NODE:IF, over which a planned session is not Established; none without a plan."""
    plan = deploy.plan_of(record)
    if plan is None:
        return set()
    from telemetry.facts import collect

    facts = collect(record, plan.nodes)
    return {
        f"{name}:{session.interface}"
        for name, node in plan.nodes.items()
        for session in node.sessions
        if not ((seen := facts[name].sessions.get(session.neighbor)) and seen.established)
    }
