"""Ask routers how they stand, and change nothing: what they drifted in, and what they run, for a backup."""

import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from napalm_frr.steps import Change
from nornir.core.task import AggregatedResult

from automation import backups, drift_memory
from automation.applying import texts_of
from automation.drift import Line, lines
from automation.orchestra import routers
from automation.outcome import Answer, listed
from automation.rollout import answers
from automation.tasks.difference import difference
from automation.tasks.last_change import last_change
from automation.tasks.running import running
from topologies.errors import Fault
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store
from topologies.version import VERSION


class Drifted(Struct, frozen=True):
    """One router: the lines that differ, each with the time at which that was first seen, in seconds since the epoch,
    and the last change by transaction that the router remembers. `error` says why it could not be asked."""

    name: str
    lines: tuple[tuple[Line, float], ...] = ()
    change: Change | None = None
    error: str = ""

    @property
    def since(self) -> float:
        """When the first of its lines was seen to differ."""
        return min(when for _, when in self.lines)


def drifted(record: LabRecord, nodes: Collection[str], *, at: Store) -> tuple[Drifted, ...]:
    """How routers differ from what they are meant to run; what was seen is remembered beside the lab's record."""
    texts = texts_of(record)
    with routers(record, nodes or list(texts)) as nornir:
        found = answers(nornir.run(difference, texts=texts))
        changes = nornir.run(last_change)
    diffs = {name: each.diff for name, each in found.items() if not each.error}
    seen = drift_memory.note(at.folder(record.name), diffs, time.time())

    def one(name: str, answer: Answer) -> Drifted:
        having = tuple((line, seen.since(name, line)) for line in lines(answer.diff))
        return Drifted(name, having, _change(changes, name), answer.error)

    return tuple(one(name, answer) for name, answer in found.items())


def back_up(record: LabRecord, folder: Path, nodes: Collection[str]) -> backups.Manifest:
    """Write a backup of a lab's routers; raises Fault where one could not be asked, and then writes none."""
    backups.refuse_used(folder)
    with routers(record, nodes) as nornir:
        done = nornir.run(running)
    if failed := {name: each.error for name, each in answers(done).items() if each.error}:
        why = "; ".join(failed.values())
        raise Fault(f"no backup was written, for {listed(sorted(failed))} could not be asked: {why}")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    texts = {name: each[0].result for name, each in done.items()}
    return backups.write(folder, record.name, record.runtime, when, VERSION, texts)


def _change(found: AggregatedResult, name: str) -> Change | None:
    answer = found.get(name)
    change = None if answer is None or answer.failed else answer[0].result
    return change if isinstance(change, Change) else None
