"""Take a commit back that waits to be confirmed, and nobody else's."""

from nornir.core.task import Result, Task

from automation.tasks.router import remembered, router

REVERTED, NOTHING = "reverted", "nothing to revert"


def revert(task: Task, message: str) -> Result:
    """Roll the commit of that message back, at once; fine where it does not wait: never made, or over."""
    device = router(task)
    waiting = remembered(device, "pending")
    if waiting is None or waiting.message != message:
        return Result(task.host, result=NOTHING)
    device.rollback()
    return Result(task.host, changed=True, result=REVERTED)
