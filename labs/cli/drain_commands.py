"""Commands that take routers out of service and back: drain, undrain.

What they work with is imported when they run, so that `--help` is quick.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labs.cli import screen
from labs.cli.options import AsJson, LabName, NodeName, seconds
from topologies.errors import EXIT_FINE

if TYPE_CHECKING:
    from automation.draining.moves import Moved

Within = Annotated[
    float, typer.Option("--within", metavar="SECONDS", parser=seconds, help="How long each step may take.")
]
STEPS = {"unused": "no longer used", "idle": "idle", "shut": "sessions shut", "open": "sessions open", "use": "in use"}


def drain(
    node: NodeName,
    *,
    min_uplinks: Annotated[
        int | None,
        typer.Option("--min-uplinks", min=0, help="What each node below keeps.", show_default="half of those planned"),
    ] = None,
    within: Within = 60,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Take a switch out of service while traffic runs, losing nothing; refused where it would cut anything off."""
    from automation.tasks.drain import drain as task

    name, moved = _moved(task, node, lab, min_uplinks=min_uplinks, within=within)
    _show(name, moved, f"{node} is {moved.out}" if moved.changed else f"{node} is {moved.out} already", as_json=as_json)
    return EXIT_FINE


def undrain(node: NodeName, *, within: Within = 60, lab: LabName = "", as_json: AsJson = False) -> int:
    """Take a drained switch back into service, and see that all is as planned."""
    from automation.tasks.undrain import undrain as task

    name, moved = _moved(task, node, lab, within=within)
    _show(name, moved, f"{node} is in service{'' if moved.changed else ' already'}", as_json=as_json)
    return EXIT_FINE


def _moved(task: Callable[..., Any], node: str, lab: str, **options: Any) -> "tuple[str, Moved]":
    """Run a task on one node; the lab's name, and what became of the node. Raises what the task raised."""
    from labs.cli.orchestra import orchestra

    record, nornir = orchestra(lab, [node])
    done = nornir.run(task, **options)[node][0]
    if done.exception is not None:
        raise done.exception
    return record.name, done.result


def _show(lab: str, moved: "Moved", verdict: str, *, as_json: bool) -> None:
    if as_json:
        out = moved.out
        state = {"service": str(out.service), "since": out.since, "by": out.by} if out else None
        taken = {step: round(spent, 3) for step, spent in moved.seconds.items()}
        screen.document(
            {"lab": lab, "node": moved.node, "changed": moved.changed, "out_of_service": state, "seconds": taken}
        )
        return
    for step, spent in moved.seconds.items():
        screen.result(f"{STEPS[step]:<14}  {spent:.2f} s")
    screen.verdict(verdict, good=True)
