"""What a router would change to run what it is meant to run; nothing is changed."""

from collections.abc import Mapping

from nornir.core.task import Result, Task

from automation.tasks.router import router


def difference(task: Task, texts: Mapping[str, str]) -> Result:
    """Compare the running configuration with the host's one of `texts`; the result's `diff` is "" where they agree."""
    device = router(task)
    device.load_replace_candidate(config=texts[task.host.name])
    try:
        found = device.compare_config()
    finally:
        device.discard_config()
    return Result(task.host, diff=found, result=found)
