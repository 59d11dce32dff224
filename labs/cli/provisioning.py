"""What the user sees of switches that provision themselves: a table that moves on a terminal, else a line a move."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from automation.ztp.standing import Standing
from automation.ztp.states import State
from labs.cli import screen
from labs.cli.reports import Report

if TYPE_CHECKING:
    from labs.provision import Show
    from labs.replacing import Replaced
    from topologies.runtime.model import Say

HEAD = 2  # lines of a terminal beside bars and switches: the columns' names, and the last, which stays free
TIMED = tuple(state for state in State if state is not State.READY)
COLUMNS = ("SWITCH", "SERIAL", "MGMT", "STATE", *(state.upper() for state in TIMED), "WHY")


@contextmanager
def live() -> "Iterator[tuple[Say, Show]]":
    """A `Say` and a `Show` for as long as the block lasts; on a terminal they are one display, or each would draw over
    the other."""
    if not sys.stderr.isatty():
        told: dict[tuple[str, str], tuple[State, str]] = {}
        yield screen.plain, lambda found: _tell(found, told)
        return
    from rich.console import Console, Group
    from rich.live import Live

    bars, console = screen.bars(), Console(stderr=True)
    # No refreshing thread: joining a user namespace is for processes with one thread only.
    with Live(bars, console=console, auto_refresh=False, transient=True) as area:

        def show(found: Sequence[Standing]) -> None:
            table = screen.grid(*used(fitting(found, console.height - len(bars.tasks) - HEAD)), wrapped=1)
            area.update(Group(bars, table), refresh=True)

        yield screen.advancing(bars, area.refresh), show


def fitting(found: Sequence[Standing], lines: int) -> Sequence[Standing]:
    """As many as there are lines for: those that are ready go first, in the order that they have."""
    spare = max(len(found) - max(lines, 1), 0)
    ready = [each for each in found if each.state is State.READY][:spare]
    kept = [each for each in found if each not in ready]
    return kept[: max(lines, 1)]


def show_switches(found: Sequence[Standing]) -> None:
    """Where all switches stand, as a result; states that none was in are left out."""
    screen.table(*used(found), wrapped=1)


def show_replaced(done: "Replaced") -> None:
    """What became of a switch that was replaced."""
    from labs.cli.ending import proofs, show_differences, took

    steps = {"drain": "drained", "renew": "a new one in its place", "provision": "provisioned", "check": "checked"}
    for step, spent in done.seconds.items():
        if step != "drain" or done.drained:
            screen.result(f"{steps[step]:<22}  {took(spent)}")
    for name, value in proofs(done.report):
        screen.result(f"{name:<22}  {value}")
    show_differences(done.report)
    place = f"serial {done.serial} now, in place of {done.former}" if done.serial else "another machine now"
    but = "" if done.report.fine else ", but not all is as planned: see above"
    screen.verdict(f"{done.node} is {place}{but}", good=done.report.fine)


def replaced_report(done: "Replaced") -> Report:
    """The same for JSON."""
    from labs.cli.ending import check_report

    return {
        "lab": done.lab,
        "node": done.node,
        "former": done.former,
        "serial": done.serial,
        "drained": done.drained,
        "seconds": {step: round(spent, 3) for step, spent in done.seconds.items()},
        "check": check_report(done.report),
    }


def used(found: Sequence[Standing]) -> tuple[list[str], list[list[str]]]:
    """The columns that have anything in them, and their rows."""
    cells = rows(found)
    kept = [at for at, column in enumerate(COLUMNS) if any(row[at] for row in cells) or column == "STATE"]
    return [COLUMNS[at] for at in kept], [[row[at] for at in kept] for row in cells]


def rows(found: Sequence[Standing]) -> list[list[str]]:
    """A row for each switch, its seconds in each state among them."""
    return [
        [
            each.node or "?",
            each.serial,
            each.address,
            each.state.value,
            *(f"{each.seconds[state]:.2f}" if state in each.seconds else "" for state in TIMED),
            each.why,
        ]
        for each in found
    ]


def switch_reports(found: Sequence[Standing]) -> list[Report]:
    """The same for JSON."""
    return [
        {
            "node": each.node,
            "serial": each.serial,
            "mac": each.mac,
            "address": each.address,
            "state": each.state.value,
            "why": each.why,
            "seconds": {state.value: round(seconds, 3) for state, seconds in each.seconds.items()},
        }
        for each in found
    ]


def _tell(found: Sequence[Standing], told: dict[tuple[str, str], tuple[State, str]]) -> None:
    """A line for each switch that moved since the last look."""
    for each in found:
        if each.mac and told.get((each.serial, each.mac)) != (each.state, each.why):
            told[each.serial, each.mac] = (each.state, each.why)
            screen.remark(f"ztp: {each.node or each.serial} {each.state}{f': {each.why}' if each.why else ''}")
