"""Forty routers asked, compared and changed: by closlab's Nornir, and by FRR's own programs on each router.

The lab is brought up before the clock runs. FRR's programs are started in all nodes side by side, which is as fast as a
script can have them: their answers are thrown away, where ours are parsed, compared and checked against the plan.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.intended import intended
from tests.bench.cases import PLAIN, Case, fabric
from tests.bench.machine import command, settled
from tests.bench.measure import Run
from tests.bench.ours import CLOSLAB, Bench
from topologies import deploy
from topologies.errors import ClosError
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store

WORKS = ("facts", "diff", "apply")
AT_ONCE = 16  # as many nodes as closlab asks side by side
FOLDER = "/run/bench"
LINE = "  ecmp: 32\n"  # what an apply changes, on every router
FACTS = """
import sys
from nornir import InitNornir
from nornir_napalm.plugins.tasks import napalm_get
inventory = {"plugin": "closlab", "options": {"lab": sys.argv[1]}}
with InitNornir(inventory=inventory, logging={"enabled": False}) as nornir:
    done = nornir.run(napalm_get, getters=["bgp_neighbors", "bgp_neighbors_detail", "bgp_config"])
    sys.exit(done.failed or len(done) != int(sys.argv[2]))
"""
RELOAD = f"/usr/lib/frr/frr-reload.py {{}} --confdir {FOLDER} {FOLDER}/frr.conf"
BY_HAND: Mapping[str, tuple[str, ...]] = {
    "facts": ("vtysh -c 'show bgp vrf all neighbors json' -c 'show running-config'",),
    "diff": (RELOAD.format("--test"),),
    "apply": (RELOAD.format("--reload"), RELOAD.format("--test")),
}
"""What each work is by FRR's programs, one after the other on all nodes; the second is what verifies the first."""


@dataclass(frozen=True, slots=True)
class Orchestrated:
    """One of the two ways to do the works; the variant says which of them."""

    own: bool

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run on a lab of its own; a failed one says why, and leaves nothing."""
        name = f"{bench.prefix}-auto-{case.name}"
        file, other = bench.folder / f"{name}.yml", bench.folder / f"{name}-new.yml"
        file.write_text(fabric(case, PLAIN, name))
        other.write_text(fabric(case, PLAIN, name) + LINE)
        try:
            command([*CLOSLAB, "up", str(file), "--within", "300"], bench.environment)
            record = Store(Path(bench.environment["CLOSLAB_STATE"])).read(name)
            words = self._ours(variant, name, other, case) if self.own else self._theirs(variant, record, other)
            busy = settled()
            _, watch = command(words, bench.environment)
        except ClosError as error:
            return Run(failed=str(error)[-1000:])
        finally:
            command([*CLOSLAB, "down", name], bench.environment, check=False)
        return Run(up=round(watch.seconds, 3), cpu=round(watch.cpu, 2), busy=busy)

    def _ours(self, work: str, lab: str, other: Path, case: Case) -> Sequence[str]:
        if work == "facts":
            return [sys.executable, "-c", FACTS, lab, str(case.nodes)]
        return [*CLOSLAB, "diff", "--lab", lab] if work == "diff" else [*CLOSLAB, "apply", str(other)]

    def _theirs(self, work: str, record: LabRecord, other: Path) -> Sequence[str]:
        wanted = deploy.load(other).lab if work == "apply" else record.lab
        for node, text in intended(wanted).items():
            door = open_door(record, node)
            door.run(["mkdir", "-p", FOLDER])
            door.write(f"{FOLDER}/frr.conf", text.encode())
        pids = [str(node.init.pid) for node in record.nodes if node.init]
        return ["sh", "-ec", "; ".join(on_all(pids, each) for each in BY_HAND[work])]


def on_all(pids: Sequence[str], line: str) -> str:
    """A line for a shell that runs another in all nodes side by side."""
    enter = "nsenter --target={} --mount --uts --ipc --net --pid -- sh -c"
    return f"printf '%s\\n' {' '.join(pids)} | xargs -P{AT_ONCE} -I{{}} {enter} {shlex.quote(line)} >/dev/null 2>&1"
