"""Take a router out of service while traffic runs, as a task of Nornir."""

import getpass
import socket
from datetime import UTC, datetime

from nornir.core.task import Result, Task

from automation.draining import moves
from automation.tasks.moving import WITHIN, moving

DRAIN = "drain"


def drain(task: Task, *, min_uplinks: int | None = None, within: float = WITHIN) -> Result:
    """Drain a router of a lab; the result is a `Moved`. Raises as `automation.draining.moves.drain` does.

    `min_uplinks` is how many uplinks every node below must keep; None: half of those planned, and at least one.
    """
    since = datetime.now(UTC).isoformat(timespec="seconds")
    by = f"{getpass.getuser()} on {socket.gethostname()}"
    with moving(task, DRAIN) as (driver, fabric, facts):
        done = moves.drain(driver, fabric, facts, since=since, by=by, minimum=min_uplinks, within=within)
    return Result(host=task.host, result=done, changed=done.changed)
