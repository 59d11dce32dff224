"""Batch jobs and back, with real processes and threads."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from topologies.runtime.netns import pace

THREADS = "import sys, threading; threading.Thread(target=sys.stdin.read).start(); print('up', flush=True)"


def policies(pid: int) -> set[int]:
    """How the threads of a process are scheduled."""
    return {os.sched_getscheduler(int(task)) for task in os.listdir(f"/proc/{pid}/task")}


@pytest.fixture
def hurried() -> Iterator[subprocess.Popen[bytes]]:
    """A program with two threads that was started by a process in a hurry."""
    pace.hurry()
    try:
        program = subprocess.Popen([sys.executable, "-c", THREADS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    finally:
        pace.calm_down()
    with program:
        assert program.stdout is not None
        program.stdout.readline()
        yield program
        assert program.stdin is not None
        program.stdin.close()


def test_what_a_process_in_a_hurry_starts_is_a_batch_job(hurried: subprocess.Popen[bytes]) -> None:
    """With all its threads; who started it is as before once it has calmed down."""
    assert policies(hurried.pid) == {os.SCHED_BATCH}
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_all_are_calmed(hurried: subprocess.Popen[bytes]) -> None:
    """Every thread of every process that is seen."""
    pace.calm(hurried.pid)

    assert policies(hurried.pid) == {os.SCHED_OTHER}


def test_where_it_is_forbidden_nothing_is_changed(
    hurried: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stricter ground costs time, and no lab."""

    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    pace.hurry()
    pace.calm(hurried.pid)

    assert policies(hurried.pid) == {os.SCHED_BATCH}
