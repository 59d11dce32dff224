"""closlab as its users run it: whole commands, on either runtime."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.cases import Case, fabric
from tests.bench.machine import command, free_memory, settled
from tests.bench.measure import Run
from topologies.process import failure

CLOSLAB = (sys.executable, "-m", "labs.cli")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a measurement works: a folder of its own, a prefix of lab names, what programs find in their environment,
    and how a container engine is started again that cannot take a lab down."""

    folder: Path
    prefix: str
    env: dict[str, str] = field(default_factory=dict)
    again: Callable[[], object] = lambda: None

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment with records of labs in the folder."""
        return {**os.environ, **self.env, "CLOSLAB_STATE": str(self.folder / "state"), "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True, slots=True)
class Closlab:
    """`closlab up FILE --json`, then `closlab down`."""

    runtime: str

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why, and leaves nothing."""
        name = f"{bench.prefix}-{case.name}"
        file = bench.folder / f"{name}.yml"
        file.write_text(fabric(case, variant, name))
        return deployed(bench, file, name, self.runtime)


@dataclass(frozen=True, slots=True)
class Command:
    """A whole command that runs no lab: what an interpreter, its imports and a command line cost."""

    argv: tuple[str, ...]

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; neither case nor variant matters."""
        busy = settled()
        done, watch = command(self.argv, bench.environment, check=False)
        if done.code:
            return Run(busy=busy, failed=failure(done)[-1000:])
        return Run(up=round(watch.seconds, 3), cpu=round(watch.cpu, 2), busy=busy)


def deployed(bench: Bench, file: Path, name: str, runtime: str) -> Run:
    """Bring a file up and take it down; `command` is what the phases leave: the interpreter, reading, planning."""
    busy, before = settled(), free_memory()
    up = [*CLOSLAB, "up", str(file), "--runtime", runtime, "--within", "300", "--json"]
    done, watch = command(up, bench.environment, check=False)
    memory = before - free_memory()
    gone, down = command([*CLOSLAB, "down", name], bench.environment, check=False)
    if gone.code:
        bench.again()
        command([*CLOSLAB, "down", name], bench.environment, check=False)
    if done.code or gone.code:
        return Run(busy=busy, failed=failure(done if done.code else gone)[-1000:])
    told = json.loads(done.stdout)
    phases = dict(told["lab"]["phases"])
    phases = {"command": watch.seconds - sum(phases.values()), **phases}
    return Run(
        up=round(watch.seconds, 3),
        down=round(down.seconds, 3),
        phases={phase: round(seconds, 3) for phase, seconds in phases.items()},
        memory=round(memory),
        cpu=round(watch.cpu, 2),
        busy=busy,
    )
