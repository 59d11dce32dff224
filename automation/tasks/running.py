"""What a router runs, and which FRR it is: what a backup keeps."""

from msgspec import Struct
from nornir.core.task import Result, Task

from automation.tasks.router import router


class Running(Struct, frozen=True):
    """A router's running configuration, secrets included."""

    text: str
    version: str


def running(task: Task) -> Result:
    """The running configuration and FRR's version."""
    device = router(task)
    text = device.get_config(retrieve="running")["running"]
    return Result(task.host, result=Running(text, device.get_facts()["os_version"]))
