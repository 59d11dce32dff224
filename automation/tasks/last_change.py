"""The last change by transaction that a router remembers; it forgets with a restart, as its /run does."""

from nornir.core.task import Result, Task

from automation.tasks.router import remembered, router


def last_change(task: Task) -> Result:
    """The result is napalm_frr's Change, or None."""
    return Result(task.host, result=remembered(router(task), "last"))
