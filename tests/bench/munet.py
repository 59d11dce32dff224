"""A peer: munet, from PyPI in an environment of its own, on the same rendered configuration files.

Timed from the start of its command to the same criterion as ours: every planned route in every kernel, every session
Established. No check follows, which is in its favour.
"""

import os
import shutil
import signal
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from telemetry.converge import converge
from tests.bench import munet_files
from tests.bench.cases import Case, fabric
from tests.bench.machine import free_memory, settled, watched
from tests.bench.measure import Run
from tests.bench.ours import ROOT, Bench
from topologies import deploy, process
from topologies.errors import ClosError, Fault, Mistake
from topologies.lab import Lab
from topologies.plan import Plan
from topologies.runtime import identity
from topologies.runtime.model import LabRecord, NodeRecord, Status
from topologies.waiting import until

VERSION = "0.17.3"
HOME = ROOT / ".cache" / "munet"
PROGRAM = HOME / "bin" / "munet"
# munet looks at /proc/1; so it gets a process 1 of its own, for it may not look at the machine's everywhere.
OWN_PIDS = ("unshare", "--pid", "--mount-proc", "--kill-child", "--fork")
TRIES = 4  # it looks for a child that it has just started, and ends where there is none yet
WITHIN = 200  # seconds until it must have converged


def install() -> None:
    """Have munet in its own environment; a no-op while it is there. Raises Mistake where it would not run."""
    if not shutil.which("pgrep"):
        raise Mistake("munet needs pgrep; apt-get install procps, or leave it out by --peers closlab,containerlab")
    if not PROGRAM.exists():
        process.run(["python3", "-m", "venv", str(HOME)])
        process.run([str(HOME / "bin" / "pip"), "install", "--quiet", f"munet=={VERSION}"], timeout=300)


@dataclass(frozen=True, slots=True)
class Munet:
    """`munet --no-cli`, ended by SIGINT."""

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why."""
        name = f"{bench.prefix}-{case.name}"
        file = bench.folder / f"{name}.yml"
        file.write_text(fabric(case, variant, name))
        source = deploy.load(file)
        if source.plan is None:
            raise AssertionError("a fabric file has a plan")
        folder = bench.folder / "munet"
        for _ in range(TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            _write(source.lab, folder)
            run = _measured(source.lab, source.plan, folder)
            if not run.failed:
                break
        return run


def _write(lab: Lab, folder: Path) -> None:
    """All files that munet and the nodes read; FRR's folders belong to FRR."""
    folder.mkdir(parents=True)
    (folder / "munet.yaml").write_text(munet_files.config(lab, str(folder / "nodes")))
    for node in lab.nodes:
        here = folder / "nodes" / node.name
        for inside in munet_files.FOLDERS:
            (here / inside).mkdir(parents=True)
            shutil.chown(here / inside, "frr", "frr")
        for path, text in munet_files.files(lab, node, str(here)).items():
            (here / path).write_text(text)
            shutil.chown(here / path, "frr", "frr")


def _measured(lab: Lab, plan: Plan, folder: Path) -> Run:
    busy, before = settled(), free_memory()
    with ExitStack() as undo:
        try:
            with watched() as up:
                with watched() as nodes:
                    program = _start(folder)
                    undo.callback(_stop, program)
                    record = _found(lab, folder / "run", program)
                converge(record, plan, within=WITHIN, say=lambda *_: None)
        except ClosError as error:
            return Run(busy=busy, failed=f"{error}\n{(folder / 'log').read_text()[-1000:]}")
        memory = before - free_memory()
        with watched() as down:
            _stop(program)
    phases = {"nodes": round(nodes.seconds, 3), "the rest": round(up.seconds - nodes.seconds, 3)}
    return Run(round(up.seconds, 3), round(down.seconds, 3), phases, round(memory), round(up.cpu, 2), busy)


def _start(folder: Path) -> subprocess.Popen[bytes]:
    """munet, beside the bench: the only program that is not run to its end, for it stays as long as its lab."""
    argv = [*OWN_PIDS, str(PROGRAM), "--no-cli", "-c", str(folder / "munet.yaml"), "-d", str(folder / "run")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)


def _stop(program: subprocess.Popen[bytes]) -> None:
    """End munet, which removes its lab; fine when it has ended."""
    for pid in _offspring(program.pid)[1:2]:
        os.kill(pid, signal.SIGINT)
    program.wait(timeout=120)


def _found(lab: Lab, folder: Path, program: subprocess.Popen[bytes]) -> LabRecord:
    """Wait until all nodes have begun their `cmd`; the lab as the rest of closlab sees labs."""

    def missing() -> str:
        if program.poll() is not None:
            raise Fault(f"munet ended, exit code {program.returncode}")
        return next((node.name for node in lab.nodes if not (folder / node.name / "cmd.out").exists()), "")

    until("munet's nodes", missing, within=WITHIN, longest=0.05)
    known = {number: pid for pid in _offspring(program.pid)[1:] for number in _numbers(pid)[1:2]}
    inits = {node.name: known[int((folder / node.name / "nspid").read_text())] for node in lab.nodes}
    return LabRecord(
        name=lab.name,
        id="munet",
        runtime="munet",
        status=Status.RUNNING,
        created=0,
        boot_id=identity.boot_id(),
        uid=os.getuid(),
        version="",
        files=str(folder),
        lab=lab,
        nodes=tuple(NodeRecord(name, name, identity.identify(pid)) for name, pid in inits.items()),
    )


def _offspring(pid: int) -> list[int]:
    """A process and all that descend from it, it first."""
    parents = {int(each.name): _parent(each) for each in Path("/proc").iterdir() if each.name.isdigit()}
    found = [pid]
    for one in found:
        found += [each for each, parent in parents.items() if parent == one]
    return found


def _parent(process: Path) -> int:
    try:
        return int(identity.stat_fields((process / "stat").read_text())[1])
    except OSError:  # it ended meanwhile
        return 0


def _numbers(pid: int) -> list[int]:
    """The numbers of a process in each PID namespace that it is in, the machine's first; none where it ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []
    return [int(field) for field in next(line for line in lines if line.startswith("NSpid:")).split()[1:]]
