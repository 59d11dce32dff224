"""A containerlab file of others: `closlab up` on it against `containerlab deploy` of the same file.

Both are timed until every loopback is in every kernel. closlab has no plan of such a file, so the kernels are
asked from outside.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cases import Case, fabric
from tests.bench.machine import command, free_memory, settled, watched
from tests.bench.measure import Run
from tests.bench.ours import CLOSLAB, Bench
from tests.bench.third_party_files import files, loopbacks
from topologies import deploy, process
from topologies.errors import ClosError, Fault
from topologies.runtime.netlink import Netlink
from topologies.waiting import until

WITHIN = 120  # seconds from the end of the command until all routes must be there


@dataclass(frozen=True, slots=True)
class ThirdParty:
    """One of the two ways to run the file."""

    native: bool

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why, and leaves nothing."""
        name = f"{bench.prefix}-own-{case.name}"
        fabric_file = bench.folder / f"{name}.yml"
        fabric_file.write_text(fabric(case, variant, name))
        plan = deploy.load(fabric_file).plan
        if plan is None:
            raise AssertionError("a fabric file has a plan")
        folder = bench.folder / name
        folder.mkdir(exist_ok=True)
        for path, text in files(plan, bench.env["CLOSLAB_FRR_IMAGE"]).items():
            (folder / path).write_text(text)
        return self._measured(bench, folder / "lab.clab.yml", name, loopbacks(plan))

    def _measured(self, bench: Bench, file: Path, name: str, wanted: Mapping[str, frozenset[str]]) -> Run:
        busy, before, failed = settled(), free_memory(), ""
        with watched() as up:
            try:
                _, own = command(self._up(bench, file), self._environment(bench, file))
                pids = _ours(bench, name) if self.native else _containers(bench, name)
                until("loopbacks in all kernels", lambda: _lacking(pids, wanted), within=WITHIN, longest=0.05)
            except ClosError as error:
                failed = str(error)[-1000:]
        memory = before - free_memory()
        _, down = command(self._down(bench, file, name), self._environment(bench, file), check=False)
        if failed:
            return Run(busy=busy, failed=failed)
        phases = {"command": round(own.seconds, 3), "routes": round(up.seconds - own.seconds, 3)}
        return Run(round(up.seconds, 3), round(down.seconds, 3), phases, round(memory), round(up.cpu, 2), busy)

    def _up(self, bench: Bench, file: Path) -> list[str]:
        if self.native:
            return [*CLOSLAB, "up", str(file), "--json"]
        return [bench.env["CLOSLAB_CONTAINERLAB"], "deploy", "--topo", str(file)]

    def _down(self, bench: Bench, file: Path, name: str) -> list[str]:
        if self.native:
            return [*CLOSLAB, "down", name]
        return [bench.env["CLOSLAB_CONTAINERLAB"], "destroy", "--topo", str(file), "--cleanup"]

    def _environment(self, bench: Bench, file: Path) -> dict[str, str]:
        quiet = {"CLAB_VERSION_CHECK": "disable", "CLAB_LABDIR_BASE": str(file.parent)}
        return {**bench.environment, **quiet}


def _ours(bench: Bench, name: str) -> dict[str, int]:
    """The first process of each node of a lab of closlab's."""
    shown = json.loads(process.run([*CLOSLAB, "show", name, "--json"], env=bench.environment).stdout)
    return {node["name"]: node["pid"] for node in shown["nodes"]}


def _containers(bench: Bench, name: str) -> dict[str, int]:
    """The first process of each container of a lab."""
    chosen = ["--filter", f"label=containerlab={name}"]
    ids = process.run(["docker", "ps", "--quiet", *chosen], env=bench.environment).stdout.split()
    if not ids:
        raise Fault(f"no container of lab {name} runs")
    told = json.loads(process.run(["docker", "inspect", *ids], env=bench.environment).stdout)
    return {each["Config"]["Labels"]["clab-node-name"]: each["State"]["Pid"] for each in told}


def _lacking(pids: Mapping[str, int], wanted: Mapping[str, frozenset[str]]) -> str:
    """The first node that has no route to some loopback, and to how many."""
    for node, prefixes in wanted.items():
        netns = os.open(f"/proc/{pids[node]}/ns/net", os.O_RDONLY)
        try:
            with Netlink.open(netns) as kernel:
                missing = prefixes - {route.prefix for route in kernel.routes()}
        finally:
            os.close(netns)
        if missing:
            return f"{node} lacks {len(missing)}"
    return ""
