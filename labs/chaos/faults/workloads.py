"""Faults of what runs on hosts: killed, hung, stopped as an operator does; and more requests than at other times."""

from collections.abc import Callable, Iterable

from labs.chaos.faults.model import Surge, WorkloadHung, WorkloadKilled, WorkloadStopped
from labs.chaos.live import Injected, Live
from topologies.errors import Fault
from topologies.runtime import identity
from topologies.runtime.door import Door
from topologies.workloads import running
from topologies.workloads.model import Task
from topologies.workloads.running import State
from topologies.workloads.starting import found

AnyWorkload = WorkloadKilled | WorkloadStopped | WorkloadHung
Doors = list[tuple[Door, Task]]


def workload_killed(live: Live, step: WorkloadKilled) -> Injected:
    """Kill it where it runs."""
    doors = _doors(live, step)
    for door, task in doors:
        running.kill(door, task)
    return _injected(doors, lambda: _still(doors), lambda: _started(doors), lambda: _unready(doors))


def workload_stopped(live: Live, step: WorkloadStopped) -> Injected:
    """Have it end by its own signal; from then on it is not ready, for as long as it has something to finish."""
    doors = _doors(live, step)
    for door, task in doors:
        running.signalled(door, task, task.stop.signal)

    def again() -> None:
        for door, task in doors:
            running.end(door, task)
        _started(doors)

    return _injected(doors, lambda: _in(doors, State.READY), again, lambda: _unready(doors))


def workload_hung(live: Live, step: WorkloadHung) -> Injected:
    """Stop it, and the processes that it started, where they stand."""
    doors = _doors(live, step)

    def tell(signal: str) -> None:
        for door, task in doors:
            running.signalled(door, task, signal)

    tell("STOP")
    return _injected(doors, lambda: _moving(doors, hung=True), lambda: tell("CONT"), lambda: _moving(doors, hung=False))


def surge(live: Live, step: Surge) -> Injected:
    """Nothing is done: clients know from the beginning when it comes."""
    return Injected(step.requests, lambda: "", lambda: None, lambda: "")


def _injected(
    doors: Doors, unseen: Callable[[], str], heal: Callable[[], None], unhealed: Callable[[], str]
) -> Injected:
    return Injected(", ".join(f"{task.name} on {door.node}" for door, task in doors), unseen, heal, unhealed)


def _doors(live: Live, step: AnyWorkload) -> Doors:
    """Where it runs; raises Fault where it does not, for then nothing can be done to it."""
    doors = [(live.door(node), task) for node, task in found(live.record, step.workload, step.host)]
    for door, task in doors:
        if not running.look(door, task, ask=False).runs:
            raise Fault(f"step {step.name!r}: {task.name} does not run on {door.node}")
    return doors


def _started(doors: Doors) -> None:
    for door, task in doors:
        running.begin(door, task)


def _still(doors: Doors) -> str:
    return _named(
        f"{task.name} on {door.node} runs" for door, task in doors if running.look(door, task, ask=False).runs
    )


def _in(doors: Doors, state: State) -> str:
    return _named(
        f"{task.name} on {door.node} is {state}" for door, task in doors if running.look(door, task).state is state
    )


def _unready(doors: Doors) -> str:
    seen = [(door, running.look(door, task)) for door, task in doors]
    return _named(
        f"{each.task.name} on {door.node}: {each.why}" for door, each in seen if each.state is not State.READY
    )


def _moving(doors: Doors, *, hung: bool) -> str:
    return _named(f"{task.name} on {door.node}" for door, task in doors if _stopped(door, task) is not hung)


def _stopped(door: Door, task: Task) -> bool:
    inside = running.look(door, task, ask=False).pid
    return any(bool(identity.stopped(each.pid)) for each in door.processes() if each.inside == inside)


def _named(all: Iterable[str]) -> str:
    return ", ".join(all)
