"""Take a drained router back into service, as a task of Nornir."""

from nornir.core.task import Result, Task

from automation.draining import moves
from automation.tasks.moving import WITHIN, moving

UNDRAIN = "undrain"


def undrain(task: Task, *, within: float = WITHIN) -> Result:
    """Undrain a router of a lab; the result is a `Moved`. Raises as `automation.draining.moves.undrain` does."""
    with moving(task, UNDRAIN) as (driver, fabric, facts):
        done = moves.undrain(driver, fabric, facts, within=within)
    return Result(host=task.host, result=done, changed=done.changed)
