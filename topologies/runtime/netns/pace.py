"""How the processes of a starting lab share the processors with each other.

Its daemons wake each other all the time, and each one that is woken may push another off its processor: 20,000 switches
at 8 x 32 that nobody needed. As batch jobs (SCHED_BATCH, sched(7)) they let each other finish, and need 4 to 8 % less
processor time. Once a lab is up they are scheduled as everything else, so that daemons answer as on a router.
"""

import os
from collections.abc import Collection
from contextlib import suppress


def hurry() -> None:
    """Make this process, and what it starts from now on, batch jobs; nothing where that is forbidden."""
    _schedule(0, os.SCHED_BATCH)


def calm_down() -> None:
    """Have this process scheduled as usual again."""
    _schedule(0, os.SCHED_OTHER)


def calm(*pids: int) -> None:
    """Have these processes, or all that /proc shows, scheduled as usual again, threads made meanwhile too."""
    while batch := [task for task in _tasks(pids) if _policy(task) == os.SCHED_BATCH]:
        if not all(_schedule(task, os.SCHED_OTHER) for task in batch):
            return


def _tasks(pids: Collection[int]) -> list[int]:
    found = []
    for pid in pids or (each for each in os.listdir("/proc") if each.isdigit()):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            found += [int(task) for task in os.listdir(f"/proc/{pid}/task")]
    return found


def _policy(task: int) -> int:
    with suppress(ProcessLookupError):
        return os.sched_getscheduler(task)
    return os.SCHED_OTHER


def _schedule(task: int, policy: int) -> bool:
    """Set the policy of a thread; False where a stricter ground, such as a container's, does not let us."""
    try:
        os.sched_setscheduler(task, policy, os.sched_param(0))
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True
