"""Keep a commit that waits for it."""

from napalm.base.exceptions import CommitError
from napalm_frr.steps import KEPT
from nornir.core.task import Result, Task

from automation.tasks.router import remembered, router
from topologies.errors import Fault

CONFIRMED = "confirmed"


def confirm(task: Task, message: str) -> Result:
    """Confirm the commit of that message; raises Fault where another one waits or none does, as after its time.

    A router that cannot write its startup configuration keeps the change until it restarts: the result says so.
    """
    device = router(task)
    waiting = remembered(device, "pending")
    if waiting is None or waiting.message != message:
        last = remembered(device, "last")
        told = f"the last change, {last.message!r}, was {last.outcome}" if last else "none was made"
        raise Fault(f"{task.host.name}: the change does not wait to be confirmed any more: {told}")
    try:
        device.confirm_commit()
    except CommitError as error:
        done = remembered(device, "last")
        if done is None or (done.message, done.outcome) != (message, KEPT):
            raise
        return Result(task.host, changed=True, result=str(error))
    return Result(task.host, changed=True, result=CONFIRMED)
