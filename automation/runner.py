"""The runner plugin `waves`: a canary, then batches by failure domain; it stops at the first failure.

    InitNornir(runner={"plugin": "waves", "options": {"size": 8, "journal": "change-42.jsonl"}}, ...)

What was not run is in the result with the reason, and the result as a whole has failed; Nornir's list of failed hosts
has only those that failed themselves, so a later run takes the others up. Ctrl-C, `stop()` and the file named by
`stop_file` end a run after the wave that is under way.
"""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Result, Task

from automation.journal import Journal, key, opened
from automation.waves import Member, Wave, remaining, waves
from topologies.errors import Mistake

SIZE = 8
WORKERS = 20  # threads, as Nornir's own runner has
AGAIN = "done by an earlier run, as its journal says"


class WavesResult(AggregatedResult):
    """What each host answered. `not_run` has the others with the reason; `done_before` those that a journal knows."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.waves: tuple[Wave, ...] = ()
        self.not_run: dict[str, str] = {}
        self.done_before: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a host failed, or was not run: then not all is as it was to be."""
        return bool(self.not_run) or any(each.failed for each in self.values())


class WavesRunner:
    """Nornir's plugin. `size` is the most hosts of a wave, `canary` who goes first where it is among them.

    `between` is asked after each wave but the last, and says why the next one may not begin, or "".
    """

    def __init__(
        self,
        size: int = SIZE,
        canary: str = "",
        journal: str = "",
        stop_file: str = "",
        num_workers: int = WORKERS,
        between: Callable[[], str] = str,
    ) -> None:
        for name, value in (("size", size), ("num_workers", num_workers)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise Mistake(f"runner waves: {name}={value!r}: it must be a whole number, at least 1")
        self._size, self._canary, self._workers = size, canary, num_workers
        self._journal = Path(journal) if journal else None
        self._stop_file = Path(stop_file) if stop_file else None
        self._stopped, self._between = threading.Event(), between

    def stop(self) -> None:
        """End the run after the wave that is under way, and every later one before its first wave."""
        self._stopped.set()

    def run(self, task: Task, hosts: list[Host]) -> AggregatedResult:
        """Nornir's verb: the task on every host, wave after wave."""
        if self._journal is None:
            return self._run(task, hosts, None)
        given = {**task.params, "global dry run": task.global_dry_run}  # what was tried is not done
        with opened(self._journal, key(task.name, given)) as journal:
            return self._run(task, hosts, journal)

    def _run(self, task: Task, hosts: Sequence[Host], journal: Journal | None) -> WavesResult:
        result, by_name = WavesResult(task.name), {host.name: host for host in hosts}
        done = journal.done() & by_name.keys() if journal else frozenset()
        result.done_before = tuple(name for name in by_name if name in done)
        for name in result.done_before:
            result[name] = _told(task, by_name[name], AGAIN)
        result.waves = remaining(waves([member(host) for host in hosts], size=self._size, canary=self._canary), done)
        with _interrupts(self._stopped) as interrupted:
            for number, wave in enumerate(result.waves, 1):
                if why := self._reason(result, number - 1, interrupted):
                    _leave(task, result, by_name, result.waves[number - 1 :], why)
                    break
                self._one(task, [by_name[name] for name in wave], result, journal)
        if journal and not result.failed:
            journal.forget()
        return result

    def _one(self, task: Task, hosts: Sequence[Host], result: WavesResult, journal: Journal | None) -> None:
        """Run a wave to its end: hosts side by side, and each noted as soon as it is done."""

        def work(host: Host) -> MultiResult:
            answer = task.copy().start(host)
            if journal and not answer.failed:
                with noting:
                    journal.note(host.name)
            return answer

        noting = threading.Lock()
        with ThreadPoolExecutor(min(self._workers, len(hosts))) as pool:
            for host, answer in zip(hosts, pool.map(work, hosts), strict=True):
                result[host.name] = answer

    def _reason(self, result: WavesResult, ran: int, interrupted: Callable[[], bool]) -> str:
        """Why the next wave may not begin; "" where it may."""
        if failed := [name for name, each in result.items() if each.failed]:
            return f"{', '.join(failed)} failed in wave {ran}"
        if interrupted():
            return f"stopped after wave {ran}"
        if self._stop_file and self._stop_file.exists():
            return f"stopped after wave {ran}: {self._stop_file} is there"
        return f"after wave {ran}: {why}" if ran and (why := self._between()) else ""


def member(host: Host) -> Member:
    """A host as waves see it, by the data that the inventory `closlab` gives it, or another in the same words."""
    return Member(host.name, str(host.get("failure_domain", "")), str(host.get("redundancy_group", "")))


def _leave(task: Task, result: WavesResult, hosts: dict[str, Host], left: Sequence[Wave], why: str) -> None:
    for name in (name for wave in left for name in wave):
        result.not_run[name] = why
        result[name] = _told(task, hosts[name], f"not run: {why}")


def _told(task: Task, host: Host, text: str) -> MultiResult:
    """An answer for a host on which nothing was run."""
    answer = MultiResult(task.name)
    only = Result(host, result=text)
    only.name = task.name  # type: ignore[assignment]  # Nornir itself puts text there
    answer.append(only)
    return answer


@contextmanager
def _interrupts(stopped: threading.Event) -> Iterator[Callable[[], bool]]:
    """While this lasts, the first Ctrl-C is remembered, and the second one is what it always is.

    Only the main thread may say what a signal does; in another, Ctrl-C reaches whoever waits for it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield stopped.is_set
        return
    once = threading.Event()
    former = signal.getsignal(signal.SIGINT) or signal.SIG_DFL

    def remember(number: int, frame: FrameType | None) -> None:
        once.set()
        signal.signal(signal.SIGINT, former)

    signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: once.is_set() or stopped.is_set()
    finally:
        signal.signal(signal.SIGINT, former)
