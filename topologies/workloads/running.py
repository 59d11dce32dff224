"""One program of a workload in its node: started there, looked at, ended. It goes on without us.

A small script in the node (run.sh) is its parent and notes its exit code; the node's own folders hold what is known of
it, so whoever opens the node's door later finds it again.
"""

import os
import sys
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from topologies.errors import Fault
from topologies.process import failure
from topologies.runtime.door import LOGS, Door
from topologies.runtime.identity import stat_fields
from topologies.waiting import until
from topologies.workloads.checks import wrong
from topologies.workloads.model import Limits, Task

SCRIPT = Path(__file__).with_name("run.sh")
STATE = "/run/closlab"
PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ANSWER = 2.0  # seconds that one look at whether it is ready may take
GONE = 10.0  # seconds in which a killed program is gone
WORDS = 2000  # bytes of its last words that are quoted


class State(StrEnum):
    """How a program stands."""

    ABSENT = "absent"  # it was not started since its node was
    STARTING = "starting"  # it runs, and is not ready
    READY = "ready"
    ENDED = "ended"


class Seen(Struct, frozen=True):
    """A program as it stands; `why` says what lacks, or how it ended."""

    task: Task
    state: State
    why: str = ""
    pid: int = 0  # in the node

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self.state in (State.STARTING, State.READY)


def begin(door: Door, task: Task) -> None:
    """Start a program, with its files as they must be; it need not be ready. Nothing where it runs already.

    Raises Fault where the node cannot do that.
    """
    if look(door, task, ask=False).runs:
        return
    for path, text in task.files:
        _write(door, task, path, text)
    environment = {"PATH": programs(door), **dict(task.env)}
    words = (*bounds(task.limits, task.number, sorted(os.sched_getaffinity(0))), *as_user(door, task), *task.argv)
    door.run(["sh", "-c", SCRIPT.read_text(), "run", task.name, *words], env=environment)


def _write(door: Door, task: Task, path: str, text: str) -> None:
    door.run(["mkdir", "-p", os.path.dirname(path)])
    try:
        door.write(path, text.encode())
    except OSError as error:
        raise Fault(f"node {door.node}: {task.name} cannot have its file {path}: {error.strerror}") from error


def programs(door: Door) -> str:
    """Where a node's programs are looked for: this installation of closlab comes first where the node sees it."""
    own = f"{sys.prefix}/bin"
    return f"{own}:{PROGRAMS}" if door.has(f"{own}/closlab") else PROGRAMS


def as_user(door: Door, task: Task) -> tuple[str, ...]:
    """What stands before a program that is a user's; raises Fault where the node knows none of that name."""
    if not task.user:
        return ()
    told = door.run(["id", "-g", "--", task.user], check=False)
    if told.code:
        raise Fault(f"node {door.node}: {task.name} is to run as {task.user}, and there is no such user")
    return ("setpriv", f"--reuid={task.user}", f"--regid={told.stdout.strip()}", "--init-groups", "--")


def bounds(limits: Limits, number: int, processors: list[int]) -> tuple[str, ...]:
    """The programs that bound another one. Replicas with few processors have others than their neighbours, in turn."""
    most = (
        *((f"--data={limits.memory}",) if limits.memory else ()),
        *((f"--nofile={limits.files}",) if limits.files else ()),
    )
    first = (number - 1) * limits.cpus
    own = sorted({processors[(first + each) % len(processors)] for each in range(limits.cpus)})
    return (
        *(("prlimit", *most, "--") if most else ()),
        *(("taskset", "--cpu-list", ",".join(map(str, own))) if own else ()),
        *(("nice", "-n", str(limits.nice)) if limits.nice else ()),
    )


def look(door: Door, task: Task, *, ask: bool = True) -> Seen:
    """How a program stands; with `ask`, one that runs is asked whether it is ready."""
    if (code := _noted(door, task, "end")) is not None:
        return Seen(task, State.ENDED, f"exit code {code.strip()}")
    line = _noted(door, task, "pid")
    if line is None:
        return Seen(task, State.ABSENT, "it was not started")
    pid = int(line.split()[0])
    if not _lives(door, pid, line):
        return Seen(task, State.ENDED, "it was ended with its node")
    why = wrong(task.ready, door, task.address, ANSWER) if ask and task.ready else ""
    return Seen(task, State.STARTING if why else State.READY, why, pid)


def last_words(door: Door, task: Task) -> str:
    """What a program printed at last."""
    try:
        with door.open(f"{LOGS}/{task.name}.log") as log:
            log.seek(max(log.seek(0, os.SEEK_END) - WORDS, 0))
            return log.read().decode(errors="replace").strip() or "it printed nothing"
    except FileNotFoundError:
        return "it printed nothing"


def end(door: Door, task: Task) -> None:
    """End a program as it wants to be, by its signal, and by SIGKILL where it takes too long; nothing where it does not
    run. Raises Fault where it stays."""
    if not look(door, task, ask=False).runs:
        return
    signalled(door, task, task.stop.signal)
    try:
        until(f"{task.name} of {door.node} ended", lambda: _rest(door, task), within=task.stop.within)
    except Fault:
        kill(door, task)


def kill(door: Door, task: Task) -> None:
    """Kill a program and the processes that it started; nothing where it does not run. Raises Fault where it stays."""
    if look(door, task, ask=False).runs:
        signalled(door, task, "KILL")
        until(f"{task.name} of {door.node} killed", lambda: _rest(door, task), within=GONE)


def signalled(door: Door, task: Task, name: str) -> None:
    """Send a signal, by its name, to a program; SIGKILL, SIGSTOP and SIGCONT go to all processes of its group."""
    seen = look(door, task, ask=False)
    if seen.runs:
        whom = f"-{seen.pid}" if name in ("KILL", "STOP", "CONT") else str(seen.pid)
        told = door.run(["sh", "-c", 'kill -s "$1" -- "$2"', "sh", name, whom], check=False)
        if told.code and look(door, task, ask=False).runs:  # else it has ended meanwhile
            raise Fault(failure(told))


def _rest(door: Door, task: Task) -> str:
    return "it runs" if look(door, task, ask=False).runs else ""


def _noted(door: Door, task: Task, what: str) -> str | None:
    try:
        return door.read(f"{STATE}/{task.name}.{what}").decode() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _lives(door: Door, pid: int, line: str) -> bool:
    """Whether the process that a line of /proc/PID/stat was of still is."""
    try:
        now = stat_fields(door.read(f"/proc/{pid}/stat").decode())
    except (FileNotFoundError, ProcessLookupError):
        return False
    return now[19] == stat_fields(line)[19] and now[0] not in ("Z", "X")
