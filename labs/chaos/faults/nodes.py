"""Faults of nodes and of the daemons on them: no power, frozen, killed, hung, restarted with another configuration."""

import os
import signal
from collections.abc import Sequence

from labs.chaos.faults.model import (
    DaemonHung,
    DaemonKilled,
    DaemonReconfigured,
    PowerCut,
    SwitchDead,
    SwitchPaused,
)
from labs.chaos.live import Injected, Live
from labs.chaos.places import cut_off
from topologies.errors import Fault, Mistake
from topologies.runtime import identity
from topologies.runtime.door import NodeProcess
from topologies.runtime.model import Action, Life

WITHIN = 5.0  # seconds that a killed process may take to be gone


def switch_dead(live: Live, step: SwitchDead) -> Injected:
    """Cut the power of a node."""
    return _dead(live, [step.node])


def power_cut(live: Live, step: PowerCut) -> Injected:
    """Cut the power of several nodes, one right after the other."""
    return _dead(live, cut_off(step, live.fabric))


def switch_paused(live: Live, step: SwitchPaused) -> Injected:
    """Freeze the processes of a node."""
    live.act(step.node, Action.PAUSE)
    return Injected(
        step.node,
        lambda: _not(live, [step.node], Life.PAUSED),
        lambda: live.act(step.node, Action.RESUME),
        lambda: _not(live, [step.node], Life.RUNNING),
    )


def daemon_killed(live: Live, step: DaemonKilled) -> Injected:
    """Kill a daemon; it is started again at the end."""
    identity.stop(_process(live, step.node, step.daemon).pid, signal.SIGKILL, within=WITHIN)

    def gone() -> str:
        return f"{step.daemon} runs on {step.node}" if _found(live, step.node, step.daemon) else ""

    return Injected(
        f"{step.daemon} on {step.node}",
        gone,
        lambda: live.restart(step.node, step.daemon),
        lambda: _silent(live, step.node, step.daemon),
    )


def daemon_hung(live: Live, step: DaemonHung) -> Injected:
    """Stop a daemon where it stands."""
    running = _process(live, step.node, step.daemon)
    identity.signal_number(running.pid, signal.SIGSTOP)

    def runs() -> str:
        return "" if identity.stopped(running.pid) else f"{step.daemon} on {step.node} goes on"

    return Injected(
        f"{step.daemon} on {step.node}",
        runs,
        lambda: identity.signal_number(running.pid, signal.SIGCONT),
        lambda: _silent(live, step.node, step.daemon),
    )


def daemon_reconfigured(live: Live, step: DaemonReconfigured) -> Injected:
    """Restart a daemon with its file changed; at the end with the file as it was."""
    path = f"/etc/frr/{step.daemon}.conf"
    door = live.door(step.node)
    try:
        before = door.read(path)
    except OSError as error:
        raise Mistake(f"step {step.name!r}: cannot read {path} of {step.node}: {error.strerror}") from error
    after = before.replace(step.find.encode(), step.put.encode())
    if after == before:
        raise Mistake(f"step {step.name!r}: {path} of {step.node} has no {step.find!r}")

    def restart(content: bytes) -> None:
        live.door(step.node).write(path, content)
        live.restart(step.node, step.daemon)

    def lacks(content: bytes) -> str:
        other = live.door(step.node).read(path) != content
        return f"{path} of {step.node} is another" if other else _silent(live, step.node, step.daemon)

    restart(after)
    return Injected(
        f"{step.daemon} on {step.node}", lambda: lacks(after), lambda: restart(before), lambda: lacks(before)
    )


def _dead(live: Live, nodes: Sequence[str]) -> Injected:
    for node in nodes:
        live.act(node, Action.KILL)

    def boot() -> None:
        for node in reversed(nodes):
            live.act(node, Action.START)

    return Injected(
        ", ".join(nodes), lambda: _not(live, nodes, Life.DEAD), boot, lambda: _not(live, nodes, Life.RUNNING)
    )


def _not(live: Live, nodes: Sequence[str], wanted: Life) -> str:
    other = [f"{node} is {life}" for node in nodes if (life := live.life(node)) is not wanted]
    return ", ".join(other)


def _process(live: Live, node: str, daemon: str) -> NodeProcess:
    found = _found(live, node, daemon)
    if found is None:
        there = ", ".join(live.door(node).daemons()) or "none"
        raise Mistake(f"{node} runs no daemon {daemon!r}; there are {there}")
    return found


def _found(live: Live, node: str, daemon: str) -> NodeProcess | None:
    for process in live.door(node).processes():
        if process.argv and os.path.basename(process.argv[0]) == daemon:
            return process
    return None


def _silent(live: Live, node: str, daemon: str) -> str:
    """Why a daemon does not answer, "" where it does."""
    try:
        live.door(node).vty(daemon, "show version", timeout=1)
    except Fault as error:
        return str(error)
    return ""
