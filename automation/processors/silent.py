"""A processor that does nothing: the others say only what they care for."""

from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Task


class Silent:
    """All six of Nornir's events, passed over."""

    def task_started(self, task: Task) -> None:
        """A run begins."""

    def task_completed(self, task: Task, result: AggregatedResult) -> None:
        """A run is over on all hosts."""

    def task_instance_started(self, task: Task, host: Host) -> None:
        """A host begins."""

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """A host is done."""

    def subtask_instance_started(self, task: Task, host: Host) -> None:
        """A host begins a part of its task."""

    def subtask_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """A host is done with a part of its task."""
