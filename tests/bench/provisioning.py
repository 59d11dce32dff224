"""Forty switches from power-on to checked: by themselves, and configured by FRR's own programs after a plain start.

The plain start has daemons with nothing to do, as a switch has them, but names and addresses already, and nobody looks
whether cables are right, what is configured is genuine, or comes back after a restart. Both end with the same check.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from msgspec.structs import replace

from automation.intended import intended
from automation.ztp.factory import EMPTY
from labs.bringup import bring_up
from tests.bench.automating import FOLDER, on_all
from tests.bench.cases import Case, fabric
from tests.bench.machine import command, settled
from tests.bench.measure import Run
from tests.bench.ours import CLOSLAB, Bench
from tests.bench.tables import MEDIAN, WORST
from topologies import deploy, process
from topologies.errors import ClosError
from topologies.lab import Lab
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord

CONFIG = "/etc/frr/frr.conf"  # vtysh reads it at boot
PROGRAMS: Mapping[str, str] = {
    "vtysh -b": "vtysh -b",
    "frr-reload": f"/usr/lib/frr/frr-reload.py --reload --confdir {FOLDER} {CONFIG}",
}


@dataclass(frozen=True, slots=True)
class Provisioned:
    """`closlab up --ztp`; the phases are the command's, and each state's median and worst."""

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why, and leaves nothing."""
        name = f"{bench.prefix}-ztp-{case.name}"
        file = bench.folder / f"{name}.yml"
        file.write_text(fabric(case, variant, name))
        busy = settled()
        try:
            words = [*CLOSLAB, "up", "--ztp", str(file), "--within", "300", "--json"]
            done, watch = command(words, bench.environment)
            status, _ = command([*CLOSLAB, "ztp", "status", name, "--json"], bench.environment)
        except ClosError as error:
            return Run(busy=busy, failed=str(error)[-1000:])
        finally:
            _, down = command([*CLOSLAB, "down", name], bench.environment, check=False)
        phases = json.loads(done.stdout)["lab"]["phases"] | states(json.loads(status.stdout)["switches"])
        return Run(
            up=round(watch.seconds, 3),
            down=round(down.seconds, 3),
            phases={phase: round(seconds, 3) for phase, seconds in phases.items()},
            cpu=round(watch.cpu, 2),
            busy=busy,
        )


@dataclass(frozen=True, slots=True)
class ByHand:
    """The same fabric by one of FRR's programs on every node, side by side."""

    program: str

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why, and leaves nothing."""
        name = f"{bench.prefix}-hand-{case.name}"
        file = bench.folder / f"{name}.yml"
        file.write_text(fabric(case, variant, name))
        busy = settled()
        words = [sys.executable, "-m", "tests.bench.provisioning", str(file), PROGRAMS[self.program]]
        try:
            _, watch = command(words, bench.environment)
        except ClosError as error:
            return Run(busy=busy, failed=str(error)[-1000:])
        finally:
            _, down = command([*CLOSLAB, "down", name], bench.environment, check=False)
        return Run(up=round(watch.seconds, 3), down=round(down.seconds, 3), cpu=round(watch.cpu, 2), busy=busy)


def states(switches: list[dict[str, Any]]) -> dict[str, float]:
    """The median and the worst of each state, out of what `ztp status` tells. Pure."""
    names = dict.fromkeys(state for each in switches for state in each["seconds"])
    found: dict[str, float] = {}
    for state in names:
        every = [each["seconds"][state] for each in switches if state in each["seconds"]]
        found |= {f"{state} {MEDIAN}": median(every), f"{state} {WORST}": max(every)}
    return found


def emptied(lab: Lab) -> Lab:
    """The lab with routing daemons that have nothing to do."""
    configs = {daemon.config for node in lab.nodes for daemon in node.daemons if daemon.config}
    return replace(
        lab,
        nodes=tuple(
            replace(node, files=tuple(replace(f, text=EMPTY) if f.path in configs else f for f in node.files))
            for node in lab.nodes
        ),
    )


def by_hand(file: Path, program: str) -> int:
    """Start a fabric with empty daemons, have a program configure each, and check; the exit code."""
    source = deploy.load(file)
    texts = intended(source.lab)

    def configure(record: LabRecord) -> LabRecord:
        for node, text in texts.items():
            door = open_door(record, node)
            door.write(CONFIG, f"{text}\n".encode())
            door.run(["mkdir", "-p", FOLDER])  # frr-reload wants a folder where nothing forbids it
        pids = [str(node.init.pid) for node in record.nodes if node.init]
        process.run(["sh", "-ec", on_all(pids, program)], timeout=300)
        return record

    done = bring_up(replace(source, lab=emptied(source.lab)), "netns", say=lambda *_: None, within=300, then=configure)
    return 0 if done.fine else 1


if __name__ == "__main__":
    sys.exit(by_hand(Path(sys.argv[1]), sys.argv[2]))
