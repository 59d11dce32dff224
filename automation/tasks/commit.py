"""Have a router run what it is meant to run, for as long as nobody confirms it at most."""

from collections.abc import Mapping

from nornir.core.task import Result, Task

from automation.tasks.router import router


def commit(
    task: Task, texts: Mapping[str, str], revert_in: int, message: str, diffs: Mapping[str, str] | None = None
) -> Result:
    """Commit the host's one of `texts`, to be confirmed within `revert_in` seconds; nothing where it runs already.

    Fails with FRR's words where FRR does not take it: then the router runs what it ran before. `diffs` are the
    differences where they were just looked at; they are only told, the router itself sees whether they still hold.
    """
    device = router(task)
    device.load_replace_candidate(config=texts[task.host.name])
    found = device.compare_config() if diffs is None else diffs[task.host.name]
    if found:
        device.commit_config(message=message, revert_in=revert_in)
    else:
        device.discard_config()
    return Result(task.host, diff=found, changed=bool(found), result="committed" if found else "unchanged")
