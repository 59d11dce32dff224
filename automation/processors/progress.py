"""Progress of a run: bars of rich, or whatever else says how many hosts are done."""

import threading
from contextlib import AbstractContextManager
from types import TracebackType

from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Task
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from automation.processors.silent import Silent
from topologies.runtime.model import Say


class Counting(Silent):
    """Tells `say` the task, how many hosts are done, and how many there are."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._done = self._all = 0

    def task_started(self, task: Task) -> None:
        """Begin to count."""
        self._done, self._all = 0, len(task.nornir.inventory.hosts)

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """One more."""
        with self._lock:
            self._done += 1
            self._say(task.name, self._done, self._all)


class RichProgress(Silent, AbstractContextManager["RichProgress"]):
    """A bar for each run, with the hosts that failed; used as a context manager, it clears the terminal's line.

    No thread refreshes it, so that a rootless lab can still be joined meanwhile.
    """

    def __init__(self, console: Console | None = None) -> None:
        columns = (TextColumn("{task.description:<20}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
        failed = TextColumn("{task.fields[failed]}", style="red")
        self._bars = Progress(*columns, failed, console=console or Console(stderr=True), auto_refresh=False)
        self._ids: dict[str, TaskID] = {}
        self._failed: dict[str, list[str]] = {}

    def __enter__(self) -> "RichProgress":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def task_started(self, task: Task) -> None:
        """A new bar."""
        self._failed[task.name] = []
        self._ids[task.name] = self._bars.add_task(task.name, total=len(task.nornir.inventory.hosts), failed="")
        self._bars.refresh()

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """One more host; a failed one is named."""
        names = self._failed[task.name]
        if result.failed:
            names.append(host.name)
        self._bars.update(self._ids[task.name], advance=1, failed=", ".join(names), refresh=True)

    def task_completed(self, task: Task, result: AggregatedResult) -> None:
        """The bar shows as many hosts as there were: those that were skipped are none of them."""
        self._bars.update(self._ids[task.name], total=max(len(result), 1), refresh=True)
