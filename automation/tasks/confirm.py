"""Keep a commit that waits for it."""

from nornir.core.task import Result, Task

from automation.tasks.router import remembered, router
from topologies.errors import Fault


def confirm(task: Task, message: str) -> Result:
    """Confirm the commit of that message; raises Fault where another one waits or none does, as after its time."""
    device = router(task)
    waiting = remembered(device, "pending")
    if waiting is None or waiting.message != message:
        last = remembered(device, "last")
        told = f"the last change, {last.message!r}, was {last.outcome}" if last else "none was made"
        raise Fault(f"{task.host.name}: the change does not wait to be confirmed any more: {told}")
    device.confirm_commit()
    return Result(task.host, changed=True, result="confirmed")
