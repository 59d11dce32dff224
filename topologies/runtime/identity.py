"""Processes that cannot be confused with later ones of the same number, and their certain end."""

import os
import select
import signal
from pathlib import Path

from topologies.errors import Fault
from topologies.runtime.model import Process

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Names this run of the machine's kernel."""
    return BOOT_ID.read_text().strip()


def stat_fields(text: str) -> list[str]:
    """The fields of /proc/PID/stat from the third (state) on; the second may hold spaces and brackets."""
    return text.rpartition(")")[2].split()


def identify(pid: int) -> Process:
    """The process that has this number now; ProcessLookupError when there is none."""
    fields = _stat(pid)
    if fields is None:
        raise ProcessLookupError(f"no process {pid}")
    return Process(pid, int(fields[19]))


def state(process: Process, boot: str) -> str:
    """The state letter of a process (proc(5)); "" when it is gone or the number belongs to another one now."""
    fields = _stat(process.pid)
    same = fields is not None and int(fields[19]) == process.started and boot == boot_id()
    return fields[0] if fields is not None and same else ""


def alive(process: Process, boot: str) -> bool:
    """Whether the process still is, zombies not counted."""
    return state(process, boot) not in ("", "Z", "X")


def end(process: Process, boot: str, *, within: float = 30) -> None:
    """Kill a process, and with the first of a PID namespace all others in it; returns when it is gone. Idempotent.

    The number is pinned before its identity is looked at, so that no stranger can be hit. Raises Fault when it stays.
    """
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if alive(process, boot):
            _signal(handle, signal.SIGKILL)
            if not _gone(handle, within):
                raise Fault(f"process {process.pid} is still there {within:g} s after SIGKILL")
    finally:
        os.close(handle)
    reap(process.pid)


def stop(pid: int, first: signal.Signals, *, within: float) -> None:
    """Ask a process to end, and kill it where it has not ended `within` seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        _signal(handle, first)
        if not _gone(handle, within):
            _signal(handle, signal.SIGKILL)
            _gone(handle, within)
    finally:
        os.close(handle)


def ask(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process of this boot; fine when it is gone. The number is pinned, as in `end`."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if alive(process, boot_id()):
            _signal(handle, number)
    finally:
        os.close(handle)


def stopped(pid: int) -> bool | None:
    """Whether a process is stopped; None when it is gone or about to be."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else fields[0] == "T"


def signal_number(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process; fine when it is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def reap(pid: int) -> None:
    """Take the exit code of a child of ours; nothing where it is somebody else's child."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _stat(pid: int) -> list[str] | None:
    try:
        return stat_fields(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def _signal(handle: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return


def _gone(handle: int, within: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(within * 1000))
