"""The driver behind a host of Nornir's, typed; tasks that need more of it than NAPALM has ask here."""

from napalm_frr import FRRDriver
from napalm_frr.steps import Change
from nornir.core.task import Task

from topologies.errors import Mistake
from topologies.render.inventory import NAPALM


def router(task: Task) -> FRRDriver:
    """The open driver of the task's host; raises Mistake where the host's platform is another than frr."""
    device = task.host.get_connection(NAPALM, task.nornir.config)
    if not isinstance(device, FRRDriver):
        raise Mistake(f"{task.host.name}: its platform is {task.host.platform!r}; this is for frr")
    return device


def remembered(device: FRRDriver, which: str) -> Change | None:
    """The change that is `pending` on the router, or the `last` one that ended."""
    return device._commits().change(which)
