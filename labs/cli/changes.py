"""What `diff`, `apply`, `drift`, `backup` and `restore` print."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from automation.applying import Applied
from automation.backups import Manifest
from automation.drift import Line
from automation.drifting import Drifted
from automation.outcome import NodeOutcome, Outcome, State, listed
from labs.cli import screen
from labs.cli.ending import check_report, show_differences
from labs.cli.reports import Report, counted

if TYPE_CHECKING:
    from napalm_frr.steps import Change

MOST = 12  # differences that are unlike, shown as text; JSON has all
KEPT_BACK = {  # a state -> what is said of the routers in it, where a change did not stay
    State.REVERTED: "went back",
    State.REFUSED: "did not take it, and runs what it ran",
    State.NOT_RUN: "not touched",
    State.WAITING: "to go back when the timer there ends",
}


def node_report(node: NodeOutcome) -> Report:
    """A router in JSON."""
    return {"name": node.name, "state": str(node.state), "diff": node.diff, "error": node.error}


def previewed(outcome: Outcome) -> Report:
    """What would change, in JSON."""
    differs = any(each.diff for each in outcome.nodes)
    return {"fine": outcome.fine and not differs, "why": outcome.why, "nodes": list(map(node_report, outcome.nodes))}


def applied_report(done: Applied) -> Report:
    """What has become of a change, in JSON."""
    return {
        "fine": done.outcome.fine,
        "applied": bool(done.outcome.changed),
        "renewed": done.renewed,
        "why": done.outcome.why,
        "nodes": list(map(node_report, done.outcome.nodes)),
        "check": check_report(done.report),
    }


def show_preview(lab: str, outcome: Outcome) -> None:
    """Differences router by router; those that are the same for several are said once."""
    show_diffs(outcome.nodes)
    show_errors(outcome)
    if outcome.why:
        screen.verdict(f"{lab}: {outcome.why}", good=False)
        return
    differing = outcome.of(State.DIFFERS)
    told = f"{counted(len(differing), 'router')} of {len(outcome.nodes)}" if differing else "no router"
    differ = "differs" if len(differing) < 2 else "differ"
    screen.verdict(f"{lab}: {told} {differ} from what is meant", good=not differing)


def show_applied(lab: str, done: Applied) -> None:
    """What has become of a change."""
    outcome = done.outcome
    show_diffs(outcome.nodes)
    show_errors(outcome)
    show_differences(done.report)
    if outcome.why:
        for state, words in KEPT_BACK.items():
            if names := outcome.of(state):
                screen.result(f"{listed(names)}: {words}")
        if kept := outcome.changed:
            screen.result(f"{listed(kept)}: runs it, and keeps it")
        screen.verdict(f"{lab}: not applied: {outcome.why}", good=False)
        return
    if unsaved := outcome.of(State.UNSAVED):
        screen.result(f"{listed(unsaved)}: it runs, and would not after a restart")
    plan = ", and has a new plan" if done.renewed else ""
    if not outcome.changed:
        screen.verdict(f"{lab}: nothing to change: all {len(outcome.nodes)} routers run it already{plan}", good=True)
        return
    proof = ", checked" if done.report else ""
    screen.verdict(f"{lab}: {counted(len(outcome.changed), 'router')} changed{proof} and confirmed{plan}", good=True)


def show_diffs(nodes: Sequence[NodeOutcome]) -> None:
    """The differences, with the routers that have each."""
    diffs = list(dict.fromkeys(each.diff for each in nodes if each.diff))
    for diff in diffs[:MOST]:
        names = [each.name for each in nodes if each.diff == diff]
        screen.result(f"{', '.join(names)}:\n{indented(diff)}\n")
    if len(diffs) > MOST:
        screen.result(f"... and {len(diffs) - MOST} more, unlike these; --json has all\n")


def show_errors(outcome: Outcome) -> None:
    """What routers said that failed."""
    for each in outcome.failures:
        screen.result(f"{each.error if each.error.startswith(each.name) else f'{each.name}: {each.error}'}\n")


def indented(text: str) -> str:
    """Lines below a heading."""
    return "\n".join(f"  {line}" for line in text.splitlines())


def drift_report(found: Sequence[Drifted]) -> Report:
    """Drift in JSON."""
    return {
        "fine": not any(each.lines or each.error for each in found),
        "nodes": [
            {
                "name": each.name,
                "since": moment(each.since) if each.lines else "",
                "lines": [line_report(line, when) for line, when in each.lines],
                "last_change": change_report(each.change),
                "error": each.error,
            }
            for each in found
        ],
    }


def line_report(line: Line, when: float) -> Report:
    """A line that differs, in JSON."""
    return {"what": line.what, "line": line.line, "within": list(line.within), "since": moment(when)}


def change_report(change: "Change | None") -> Report | None:
    """The last change that a router remembers, in JSON."""
    if change is None:
        return None
    when = moment(float(change.when)) if change.when else ""
    return {"who": change.who, "message": change.message, "outcome": change.outcome, "when": when}


def show_drift(lab: str, found: Sequence[Drifted]) -> None:
    """Drift, a line each."""
    rows = [
        (each.name, line.what, " / ".join((*line.within, line.line)), moment(when))
        for each in found
        for line, when in each.lines
    ]
    if rows:
        screen.table(("ROUTER", "", "LINE", "SEEN SINCE"), rows)
        screen.result("")
    for each in found:
        if each.error:
            screen.result(each.error)
        elif each.lines and each.change:
            screen.result(f"{each.name}: its last transaction: {told(each.change)}")
    drifting = [each.name for each in found if each.lines]
    silent = [each.name for each in found if each.error]
    words = [f"{counted(len(drifting), 'router')} drifted: {listed(drifting)}"] if drifting else []
    words += [f"{listed(silent)} could not be asked"] if silent else []
    screen.verdict(f"{lab}: {'; '.join(words) or 'no router drifted'}", good=not words)


def told(change: "Change") -> str:
    """A change in a line."""
    when = moment(float(change.when)) if change.when else "at an unknown time"
    return f"{change.message or 'without a message'}, by {change.who}, {change.outcome} {when}"


def manifest_report(manifest: Manifest) -> Report:
    """A backup's manifest, in JSON."""
    found: Report = msgspec.to_builtins(manifest)
    return {key: value for key, value in found.items() if key != "version"}


def moment(when: float) -> str:
    """A time in ISO 8601, UTC."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")
