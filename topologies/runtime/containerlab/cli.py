"""The containerlab program: what it is told, and what its answers mean."""

import os
from collections.abc import Mapping
from pathlib import Path

from topologies import process
from topologies.errors import Fault, Mistake
from topologies.process import Finished
from topologies.runtime.probe.programs import ASK_NOBODY, containerlab, containerlab_path

DEPLOY_SECONDS = 1800  # for the whole of a large lab
GRACE = "1s"  # what a node's first process gets to end by itself
# What containerlab logs when a node's `exec` line fails; it goes on and reports success all the same.
FAILED_EXEC = "Failed to execute command"


def program() -> str:
    """The containerlab to run; raises Mistake where there is none that will do."""
    capability = containerlab()
    if not capability.present:
        raise Mistake(f"containerlab: {capability.lack}; try: {capability.cure}")
    return containerlab_path()


def environment(files: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment, which topology files refer to; the lab's folder goes below its record, and no question
    about newer versions leaves the machine."""
    return {**env, "CLAB_LABDIR_BASE": str(files), **ASK_NOBODY}


def deploy(topology: Path, name: str, files: Path, network: str) -> None:
    """Deploy a topology file. Ends with this process, however it ends. Raises Fault with containerlab's own words."""
    argv = ["deploy", "--topo", str(topology), "--name", name, "--skip-labdir-acl", "--format", "json"]
    if network:
        argv += ["--network", network]
    done = _run(argv, files)
    if failed := failed_commands(done.stderr):
        raise Fault(f"lab {name}: a command of a node failed\n{failed}")


def destroy(name: str, files: Path, *, keep_network: bool) -> None:
    """Remove every container of the lab of that name. Without `keep_network` containerlab also removes the management
    network that the topology file names, when nobody is in it."""
    keep = ["--keep-mgmt-net"] if keep_network else []
    _run(["destroy", "--name", name, "--cleanup", *keep], files)


def stop(name: str, node: str, files: Path) -> None:
    """Stop a node; its interfaces are put aside, without carrier."""
    _run(["stop", "--name", name, "--node", node, "--timeout", GRACE], files)


def start(name: str, node: str, files: Path) -> None:
    """Start a stopped node with its interfaces as before, and run its `exec` lines again."""
    done = _run(["start", "--name", name, "--node", node], files)
    if failed := failed_commands(done.stderr):
        raise Fault(f"{node}: a command failed\n{failed}")


def failed_commands(log: str) -> str:
    """The part of containerlab's log that tells of commands that failed in nodes; "" when none did."""
    lines = log.splitlines()
    starts = [number for number, line in enumerate(lines) if FAILED_EXEC in line]
    return "\n".join(lines[starts[0] :][:30]) if starts else ""


def _run(argv: list[str], files: Path) -> Finished:
    """Run containerlab so that the kernel ends it when this process is killed."""
    bound = ["setpriv", "--pdeathsig", "KILL", program(), *argv]
    return process.run(bound, env=environment(files, os.environ), timeout=DEPLOY_SECONDS)
