"""The machine under the measurement: what it is, what it works and remembers, and whether it is quiet."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import Machine, Run, available, total, worked
from topologies import process
from topologies.errors import ClosError
from topologies.process import Finished

TICK = os.sysconf("SC_CLK_TCK")
QUIET = 0.1  # share of the machine that others may use when a run begins
WINDOW = 0.5  # seconds over which that is looked at
PATIENCE = 8.0  # seconds that a quiet moment is waited for; a run on a busy machine says so


@dataclass(slots=True)
class Watch:
    """What passed between two moments, filled when the block ends: seconds, and CPU seconds of the whole machine."""

    seconds: float = 0
    cpu: float = 0


@contextmanager
def watched() -> Iterator[Watch]:
    """Measure a block."""
    watch, begun, ticks = Watch(), time.monotonic(), _worked()[0]
    yield watch
    watch.seconds = time.monotonic() - begun
    watch.cpu = (_worked()[0] - ticks) / TICK


def free_memory() -> float:
    """MiB that the machine could still give."""
    return available(Path("/proc/meminfo").read_text())


def settled() -> float:
    """Wait until the machine is quiet, not forever; the share of it that others use then."""
    deadline = time.monotonic() + PATIENCE
    while True:
        share = _busy()
        if share <= QUIET or time.monotonic() > deadline:
            return round(share, 2)


def command(argv: Sequence[str], env: Mapping[str, str], *, check: bool = True) -> tuple[Finished, Watch]:
    """Run a whole program and measure it."""
    with watched() as watch:
        done = process.run(argv, env=env, timeout=900, check=check)
    return done, watch


def taken(figures: Callable[[], Mapping[str, float]]) -> Run:
    """A run whose figures are taken when the machine is quiet; a failed one says why."""
    busy = settled()
    try:
        with watched() as watch:
            found = figures()
    except ClosError as error:
        return Run(busy=busy, failed=str(error)[-1000:])
    return Run(up=round(watch.seconds, 3), cpu=round(watch.cpu, 2), busy=busy, figures=dict(found))


def described(versions: Mapping[str, str]) -> Machine:
    """What this machine is."""
    frr = process.run(["/usr/lib/frr/zebra", "--version"], check=False).stdout.split("\n")[0]
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        memory=total(Path("/proc/meminfo").read_text()),
        kernel=platform.release(),
        python=platform.python_version(),
        frr=frr.removeprefix("zebra version "),
        versions=dict(versions),
    )


def _worked() -> tuple[int, int]:
    return worked(Path("/proc/stat").read_text())


def _busy() -> float:
    """The share of the machine that is at work over a window of time: here it is time itself that is waited for."""
    before = _worked()
    time.sleep(WINDOW)
    after = _worked()
    return (after[0] - before[0]) / max(after[1] - before[1], 1)
