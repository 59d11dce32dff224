"""Processes of a container that the engine's pause does not reach.

The engine freezes the container's control group. What entered the node by its namespaces, such as a daemon that was
restarted by `topologies.runtime.door`, is in the control group of whoever started it, and is stopped one by one.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path


def pause(init: int) -> None:
    """Stop what belongs to a container by its PID namespace alone."""
    for pid in outside(init):
        _signal(pid, signal.SIGSTOP)


def resume(init: int) -> None:
    """Let go on what `pause` stopped."""
    for pid in outside(init):
        _signal(pid, signal.SIGCONT)


def outside(init: int) -> list[int]:
    """The processes in the PID namespace of a container's first process, but not in its control group."""
    home, group = _namespace(init), _group(init)
    pids = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return [pid for pid in pids if home and _namespace(pid) == home and _group(pid) not in ("", group)]


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:  # it ended meanwhile
        return ""


def _group(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:  # it ended meanwhile
        return ""


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
