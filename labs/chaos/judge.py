"""Expectations against a recording: one verdict each. Pure."""

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum

from labs.chaos.expressions.checking import checked
from labs.chaos.expressions.evaluate import FUNCTIONS, NoValue, Scope, call_value, evaluate
from labs.chaos.expressions.model import Binary, Call, Expression, Negation
from labs.chaos.model import Recording, Verdict
from labs.chaos.series import COUNT, RATE, SECONDS, SERIES, series

MOST = 3  # differences quoted


class Standing(StrEnum):
    """What is expected of every run, unless a scenario tolerates it."""

    STEADY = "steady"  # nothing is lost before the first fault
    PLAN = "plan"  # all is as planned in the end
    LEAK = "leak"  # no route comes that no plan has
    TRAFFIC = "traffic"  # every workload goes on to the end


def judge(expectations: Sequence[str], recording: Recording, *, tolerated: Collection[str] = ()) -> tuple[Verdict, ...]:
    """A verdict on each standing expectation that is not tolerated, and on each of these. Raises Mistake for one that
    means nothing."""
    steps = [episode.name for episode in recording.episodes]
    scope = Scope(series(recording), recording.episodes, recording.ended)
    expected = [each for each in Standing if each is not Standing.TRAFFIC or recording.traffic]
    standing = [each for each in expected if each not in tolerated]
    return (
        *(_standing(each, recording) for each in standing),
        *(_verdict(text, checked(text, steps), scope) for text in expectations),
    )


def _standing(which: Standing, recording: Recording) -> Verdict:
    match which:
        case Standing.STEADY:
            first = min((episode.injected for episode in recording.episodes), default=recording.ended)
            lost = [each for each in recording.probes.outages if each.begun < first]
            count = sum(each.lost for each in lost)
            return _said("steady before the first fault", f"{count} probes lost", bad=bool(lost))
        case Standing.PLAN:
            found = recording.differences
            text = "; ".join(str(each) for each in found[:MOST]) + (
                f"; {len(found) - MOST} more" if found[MOST:] else ""
            )
            return _said("as planned in the end", text or "nothing differs", bad=bool(found))
        case Standing.LEAK:
            leaked = dict.fromkeys(f"{e.subject} on {e.node}" for e in recording.events if e.kind == "leaked")
            return _said("no route leaked", ", ".join(list(leaked)[:MOST]) or "none", bad=bool(leaked))
        case Standing.TRAFFIC:
            failed = [f"{each.wanted.name}: {each.failed}" for each in recording.traffic if each.failed]
            count = sum(len(each.iterations) for each in recording.traffic)
            return _said("workloads go on", "; ".join(failed) or f"{count} iterations", bad=bool(failed))


def _said(expectation: str, measured: str, *, bad: bool) -> Verdict:
    return Verdict(expectation, not bad, measured, measured if bad else "", standing=True)


def _verdict(text: str, expression: Expression, scope: Scope) -> Verdict:
    measured = ", ".join(dict.fromkeys(_measured(expression, scope)))
    try:
        holds = bool(evaluate(expression, scope))
    except NoValue as error:
        return Verdict(text, holds=False, measured=measured, why=str(error))
    return Verdict(text, holds, measured, "" if holds else measured)


def _measured(found: Expression, scope: Scope) -> Iterator[str]:
    """The figure of every function in an expression."""
    match found:
        case Call():
            try:
                yield f"{found.text} = {figure(call_value(found, scope), _unit(found))}"
            except NoValue:
                yield f"{found.text} has no value"
        case Binary():
            yield from _measured(found.left, scope)
            yield from _measured(found.right, scope)
        case Negation():
            yield from _measured(found.of, scope)


def _unit(call: Call) -> str:
    return COUNT if call.function == "count" else FUNCTIONS[call.function].unit or SERIES[call.series].unit


def figure(value: float, unit: str) -> str:
    """A value as a person reads it: such as 85 us, 412 ms, 1.25 s, 17."""
    if unit == RATE:
        return f"{value / 1e6:.3g} Mbit/s"
    if unit != SECONDS:
        return f"{value:.6g}"
    if abs(value) >= 1:
        return f"{value:.3g} s"
    return f"{value * 1000:.3g} ms" if abs(value) >= 0.001 or not value else f"{value * 1e6:.3g} us"
