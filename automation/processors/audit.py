"""An audit log: one JSON line for each host and task, of who did what when and what came of it.

Lines are only ever appended, whole and under a lock, and are on disk before the run goes on: two processes may write
the same log, and after a kill at most the last line is cut short; what is written next begins a line of its own.
Passwords and keys of FRR are masked; long results are cut, and say so.
"""

import getpass
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from napalm_frr.config import sanitized
from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Task

from automation.locking import locked
from automation.processors.silent import Silent
from automation.runner import WavesResult

MARKS = ("+ ", "- ")
LONGEST = 20_000  # characters of a diff, a result or an error


class Audit(Silent):
    """Writes to `path`; `what` is in every line, such as the lab and the command."""

    def __init__(self, path: Path, what: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._who = f"{_user()} on {socket.gethostname()}, process {os.getpid()}"
        self._what = dict(what or {})

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """A host is done with a task; its subtasks are in their own lines."""
        self._write(task, host.name, result)

    def subtask_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """A host is done with a part of a task."""
        self._write(task, host.name, result)

    def task_completed(self, task: Task, result: AggregatedResult) -> None:
        """What was not run is on record too."""
        if isinstance(result, WavesResult):
            for name, why in result.not_run.items():
                self._line(task, name, outcome="not run", error=why)

    def _write(self, task: Task, host: str, result: MultiResult) -> None:
        first = result[0]
        error = str(first.exception or first.result) if first.failed else ""
        outcome = "failed" if first.failed else "changed" if first.changed else "ok"
        answer = None if first.failed else first.result
        self._line(task, host, outcome=outcome, error=error, diff=str(first.diff or ""), result=answer)

    def _line(self, task: Task, host: str, *, outcome: str, error: str, diff: str = "", result: Any = None) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        head = {"time": now, "who": self._who, **self._what, "task": task.name, "host": host, "outcome": outcome}
        body = {"diff": _text(diff), "result": _text(result), "error": _text(error)}
        append(self._path, msgspec.json.encode({**head, **body}))


def append(path: Path, line: bytes) -> None:
    """Put a line at the end of a log, on disk; raises Mistake where that cannot be."""
    with locked(path, what="audit log", wait=True), path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _text(value: Any) -> str:
    """A value for people to read; nothing is ""."""
    text = _masked("" if value is None else value if isinstance(value, str) else _json(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def _masked(text: str) -> str:
    """Without secrets, also in the lines of a difference, which begin with what becomes of them."""
    return "".join(
        f"{line[:2]}{sanitized(line[2:])}" if line[:2] in MARKS else sanitized(line)
        for line in text.splitlines(keepends=True)
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _user() -> str:
    with suppress(OSError, KeyError):  # an account without a name
        return getpass.getuser()
    return f"user {os.getuid()}"
