"""What became of a change on each router, and of the change as a whole. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    """How a change ended on a router, or how it stands before one."""

    UNCHANGED = "unchanged"  # it runs already
    DIFFERS = "differs"  # nothing was tried
    CONFIRMED = "confirmed"
    UNSAVED = "unsaved"  # confirmed, and it could not write what it is to start with
    REVERTED = "reverted"  # committed, and taken back
    REFUSED = "refused"  # not taken by FRR, or not reached: it runs what it ran
    NOT_RUN = "not run"  # another one failed before
    WAITING = "waiting"  # neither confirmed nor taken back by us: its own timer takes it back
    UNKNOWN = "unknown"  # it could not be asked


class NodeOutcome(Struct, frozen=True):
    """One router: what would change or has changed, and what it said where it failed."""

    name: str
    state: State
    diff: str = ""
    error: str = ""


class Outcome(Struct, frozen=True):
    """All routers. `why` says why the change is not in force; "" where it is, or where there was none to make."""

    nodes: tuple[NodeOutcome, ...]
    why: str = ""

    @property
    def fine(self) -> bool:
        """Whether nothing went wrong; a preview with differences is fine."""
        return not self.why

    @property
    def changed(self) -> tuple[str, ...]:
        """The routers that run something new, and keep it."""
        return self.of(State.CONFIRMED, State.UNSAVED)

    @property
    def failures(self) -> tuple[NodeOutcome, ...]:
        """The routers that said why something did not work."""
        return tuple(each for each in self.nodes if each.error)

    def of(self, *states: State) -> tuple[str, ...]:
        """The routers in these states."""
        return tuple(each.name for each in self.nodes if each.state in states)


class Answer(Struct, frozen=True):
    """What a task left of one router."""

    text: str = ""
    diff: str = ""
    error: str = ""


def previewed(answers: Mapping[str, Answer]) -> Outcome:
    """What would change; a router that could not be asked makes the whole unknown."""
    nodes = tuple(NodeOutcome(name, _standing(each), each.diff, each.error) for name, each in answers.items())
    silent = [each.name for each in nodes if each.state is State.UNKNOWN]
    return Outcome(nodes, f"{listed(silent)} could not be compared; nothing was changed" if silent else "")


def _standing(answer: Answer) -> State:
    if answer.error:
        return State.UNKNOWN
    return State.DIFFERS if answer.diff else State.UNCHANGED


def taken_back(
    seen: Outcome, committed: Mapping[str, Answer], not_run: Iterable[str], back: Mapping[str, Answer], why: str
) -> Outcome:
    """After a commit that does not stay: who runs again what ran before, and who is left to its timer."""
    left = set(not_run)

    def after(node: NodeOutcome) -> NodeOutcome:
        if node.name in left:
            return NodeOutcome(node.name, State.NOT_RUN, node.diff)
        if node.state is not State.DIFFERS:
            return node
        said = committed.get(node.name, Answer()).error
        if failed := back.get(node.name, Answer()).error:
            return NodeOutcome(node.name, State.WAITING, node.diff, said or failed)
        return NodeOutcome(node.name, State.REFUSED if said else State.REVERTED, node.diff, said)

    return Outcome(tuple(map(after, seen.nodes)), why)


def confirmed(seen: Outcome, answers: Mapping[str, Answer]) -> Outcome:
    """After everything was confirmed, or nearly."""

    def after(node: NodeOutcome) -> NodeOutcome:
        if node.state is not State.DIFFERS:
            return node
        answer = answers[node.name]
        if answer.error:
            return NodeOutcome(node.name, State.WAITING, node.diff, answer.error)
        saved = answer.text == State.CONFIRMED
        return NodeOutcome(
            node.name, State.CONFIRMED if saved else State.UNSAVED, node.diff, "" if saved else answer.text
        )

    nodes = tuple(map(after, seen.nodes))
    lost = [each.name for each in nodes if each.state is State.WAITING]
    return Outcome(nodes, f"{listed(lost)} could not be confirmed, all others run it" if lost else "")


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names in a sentence; of many, how many more there are."""
    rest = len(names) - most
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:most])} and {rest} more"
