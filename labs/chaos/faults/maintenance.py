"""What is done to a fabric on purpose, and must not be felt: a switch is drained, and undrained."""

from collections.abc import Callable
from typing import Any

from labs.chaos.faults.model import Drained
from labs.chaos.live import Injected, Live
from labs.extras import equip

WITHIN = 60.0  # seconds that each step of a move may take


def drained(live: Live, step: Drained) -> Injected:
    """Drain a switch; it is out of service when this returns, so there is nothing more to be seen."""
    equip()
    from automation.tasks.drain import drain
    from automation.tasks.undrain import undrain

    _move(live, step.node, drain, min_uplinks=None)
    return Injected(step.node, lambda: "", lambda: _move(live, step.node, undrain), lambda: "")


def _move(live: Live, node: str, task: Callable[..., Any], **options: Any) -> None:
    """Run a task on one router, in this thread; raises what the task raised."""
    from nornir.plugins.runners import SerialRunner

    from automation.orchestra import routers

    nornir = routers(live.record, [node]).with_runner(SerialRunner())
    done = nornir.run(task, within=WITHIN, **options)[node][0]
    if done.exception is not None:
        raise done.exception
