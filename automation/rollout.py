"""A change of many routers as one: on all of them, or on none.

First all are asked what would change. Then those that differ commit, each with a timer of its own that takes the change
back unless it is confirmed. Only when all have taken it, and the fabric was found to be well, all are confirmed; else
those that have it are told to go back at once. Whoever cannot be told, because it is out of reach or because this
process was killed, goes back by its timer. So nothing stays half-applied, except where a router is lost between the
verdict and its confirmation: that is said.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from msgspec import Struct
from nornir.core import Nornir
from nornir.core.task import AggregatedResult, MultiResult

from automation.orchestra import only
from automation.outcome import Answer, Outcome, State, confirmed, listed, previewed, taken_back
from automation.runner import WavesResult, WavesRunner
from automation.tasks.commit import commit
from automation.tasks.confirm import confirm
from automation.tasks.difference import difference
from automation.tasks.revert import revert
from automation.undisturbed import undisturbed

CONFIRMING = 0.2  # seconds that the confirmation of one router may take, all others' beside it


class Rollout(Struct, frozen=True, kw_only=True):
    """What is to run on which router, and how it is brought there.

    `message` names the change on the routers, and must be like no other's; `revert_in` is in seconds; `verify` says why
    the fabric is not well, or "". With `waves`, the most hosts of one, `between` is asked the same after each of them.
    `kept` is called when all routers run it, and stay with it.
    """

    texts: Mapping[str, str]
    message: str
    revert_in: int
    verify: Callable[[], str] = str
    between: Callable[[], str] = str
    waves: int = 0
    kept: Callable[[], object] = str


def preview(nornir: Nornir, texts: Mapping[str, str], *, settled: bool = False) -> Outcome:
    """What would change, or with `settled`, can be. Routers that failed in an earlier run are asked as all others."""
    return previewed(answers(nornir.run(difference, on_failed=True, texts=texts, settled=settled)))


def roll_out(nornir: Nornir, wanted: Rollout) -> Outcome:
    """Bring the change to all routers that do not run it yet, or to none."""
    seen = preview(nornir, wanted.texts, settled=True)
    todo = seen.of(State.DIFFERS)
    if seen.why:
        return seen
    if not todo:
        wanted.kept()
        return seen
    chosen = only(nornir, todo)
    back: dict[str, Answer] = {}
    begun = time.monotonic()
    with ExitStack() as undo:
        undo.callback(lambda: back.update(_take_back(chosen, wanted.message)))
        done = _commit(chosen, wanted, {each.name: each.diff for each in seen.nodes})
        why = _refusal(done) or wanted.verify() or late(time.monotonic() - begun, wanted.revert_in, len(todo))
        if not why:
            with undisturbed():  # all are told to keep it, and then it is on record
                undo.pop_all()
                return _keep(chosen, seen, wanted)
    not_run = done.not_run if isinstance(done, WavesResult) else {}
    return taken_back(seen, answers(done), not_run, back, why)


def late(passed: float, revert_in: float, hosts: int) -> str:
    """Why it is too late to confirm so many routers, "" where it is not: some timers would end on the way."""
    if passed + CONFIRMING * (hosts + 1) < revert_in:
        return ""
    return f"it took {passed:.1f} s, and routers go back by themselves after {revert_in:g} s: give them longer"


def answers(result: AggregatedResult) -> Mapping[str, Answer]:
    """What each host left, as values."""
    return {name: _answer(each) for name, each in result.items()}


def _keep(nornir: Nornir, seen: Outcome, wanted: Rollout) -> Outcome:
    outcome = confirmed(seen, answers(nornir.run(confirm, on_failed=True, message=wanted.message)))
    if outcome.fine:
        wanted.kept()
    return outcome


def _commit(nornir: Nornir, wanted: Rollout, diffs: Mapping[str, str]) -> AggregatedResult:
    if wanted.waves:
        nornir = nornir.with_runner(WavesRunner(wanted.waves, between=wanted.between))
    texts, seconds, message = wanted.texts, wanted.revert_in, wanted.message
    return nornir.run(commit, on_failed=True, texts=texts, revert_in=seconds, message=message, diffs=diffs)


def _refusal(done: AggregatedResult) -> str:
    """Why the commit cannot stay as it is, "" where every router has it."""
    if failed := sorted(done.failed_hosts):
        return f"{listed(failed)} did not take it"
    return next(iter(done.not_run.values()), "") if isinstance(done, WavesResult) else ""


def _take_back(nornir: Nornir, message: str) -> Mapping[str, Answer]:
    """Tell all routers to go back, also those that failed: they may have it all the same."""
    return answers(nornir.run(revert, on_failed=True, message=message))


def _answer(result: MultiResult) -> Answer:
    first = result[0]
    if first.failed:
        return Answer(error=str(first.exception) if first.exception else str(first.result))
    return Answer(str(first.result), first.diff)
