"""`closlab workload`: what runs on the hosts of a lab. What it works with is imported when it runs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import screen
from labs.cli.completing import complete_task
from labs.cli.options import AsJson, LabName
from topologies.errors import EXIT_CHECK_FAILED, EXIT_FINE, Mistake

if TYPE_CHECKING:
    from topologies.runtime.door import Door
    from topologies.workloads.model import Task
    from topologies.workloads.running import Seen

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of a workload.", autocompletion=complete_task)]
Where = Annotated[str, typer.Option("--node", metavar="NODE", help="On this host only.")]


def build() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True, help="What runs on the hosts of a lab.")
    for verb, function in (("show", show), ("start", start), ("stop", stop), ("restart", restart), ("kill", kill)):
        group.command(verb)(function)
    return group


def show(lab: LabName = "", as_json: AsJson = False) -> int:
    """Show every program of a lab's workloads and how it stands; 1 where one is not ready."""
    from labs.cli.chosen import chosen
    from topologies.workloads.running import State
    from topologies.workloads.starting import standing

    record = chosen(lab)
    seen = list(standing(record))
    if not seen:
        raise Mistake(f"lab {record.name} has no workloads; `workloads:` in a fabric file says what runs on its hosts")
    if as_json:
        screen.document({"lab": record.name, "workloads": [_report(node, each) for node, each in seen]})
    else:
        rows = [_cells(node, each) for node, each in seen]
        screen.table(("WORKLOAD", "NODE", "RACK", "ADDRESS", "PORTS", "STATE", ""), rows)
    return EXIT_FINE if all(each.state is State.READY for _, each in seen) else EXIT_CHECK_FAILED


def start(name: Name, node: Where = "", lab: LabName = "") -> int:
    """Start what does not run, and wait until it is ready."""
    from topologies.workloads import running

    return _each(name, node, lab, [running.begin], "ready")


def stop(name: Name, node: Where = "", lab: LabName = "") -> int:
    """End it by its signal, and by SIGKILL where it takes too long."""
    from topologies.workloads import running

    return _each(name, node, lab, [running.end], "stopped", ready=False)


def restart(name: Name, node: Where = "", lab: LabName = "") -> int:
    """End it, start it again, and wait until it is ready."""
    from topologies.workloads import running

    return _each(name, node, lab, [running.end, running.begin], "restarted")


def kill(name: Name, node: Where = "", lab: LabName = "") -> int:
    """Kill it where it stands, with the processes that it started."""
    from topologies.workloads import running

    return _each(name, node, lab, [running.kill], "killed", ready=False)


def _each(
    name: str, node: str, lab: str, deeds: "list[Callable[[Door, Task], None]]", done: str, *, ready: bool = True
) -> int:
    from labs.cli.chosen import chosen
    from topologies.runtime.door import enter, open_door
    from topologies.workloads.starting import found, wait_until_ready

    record = chosen(lab)
    places = found(record, name, node)
    enter(record)
    doors = [(open_door(record, place), task) for place, task in places]
    for deed in deeds:
        for door, task in doors:
            deed(door, task)
    if ready:
        wait_until_ready(doors, lambda _: None)
    for door, task in doors:
        screen.remark(f"{task.name} on {door.node}: {done}")
    return EXIT_FINE


def _report(node: str, seen: "Seen") -> dict[str, object]:
    task = seen.task
    return {
        "name": task.name,
        "workload": task.workload,
        "number": task.number,
        "node": node,
        "rack": task.rack,
        "address": task.address,
        "ports": dict(task.ports),
        "state": str(seen.state),
        "why": seen.why,
        "pid": seen.pid,
    }


def _cells(node: str, seen: "Seen") -> tuple[str, ...]:
    task = seen.task
    ports = " ".join(f"{name}:{port}" for name, port in task.ports)
    return (task.name, node, task.rack, task.address, ports, str(seen.state), seen.why)
