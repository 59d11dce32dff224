"""What a router would change to run what it is meant to run; nothing is changed."""

from collections.abc import Mapping

from nornir.core.task import Result, Task

from automation.tasks.router import remembered, router
from topologies.errors import Fault


def difference(task: Task, texts: Mapping[str, str], settled: bool = False) -> Result:
    """Compare the running configuration with the host's one of `texts`; the result's `diff` is "" where they agree.

    With `settled`, raises Fault where a change waits to be confirmed: what runs then may not run for long.
    """
    device = router(task)
    if settled and (waiting := remembered(device, "pending")):
        raise Fault(f"{task.host.name}: a change by {waiting.who} is under way or waits to be confirmed")
    device.load_replace_candidate(config=texts[task.host.name])
    try:
        found = device.compare_config()
    finally:
        device.discard_config()
    return Result(task.host, diff=found, result=found)
