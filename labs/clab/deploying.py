"""`deploy`, `redeploy` and `destroy`, with the lab's folder beside its topology file."""

import json
import os
from argparse import Namespace
from pathlib import Path

from labs.clab import folder
from labs.clab.inspecting import show, shown
from labs.clab.labs import lab_name, topology
from labs.cli import screen
from topologies import deploy as deployment
from topologies.errors import EXIT_FINE, Mistake
from topologies.files.clab import inventories, outputs
from topologies.runtime import store
from topologies.runtime.model import LabRecord

RUNTIME = "netns"
WRITTEN = "clab-folder.json"  # kept with the record: what was written beside the topology file


def deploy(asked: Namespace) -> int:
    """Deploy a lab and show it; with --reconfigure one of that name is destroyed first."""
    source = deployment.load(topology(asked), runtime=RUNTIME, name=getattr(asked, "name", ""))
    for warning in source.lab.warnings:
        screen.remark(f"warning: {warning}")
    allowed = asked.allow_host or deployment.allows_host(os.environ)
    if asked.reconfigure:
        _destroy(source.lab.name, cleanup=True)
    with screen.progress() as say:
        record = deployment.up(source, RUNTIME, say=say, allow_host=allowed)
    for warning in record.lab.warnings:
        if warning not in source.lab.warnings:
            screen.remark(f"warning: {warning}")
    _write_folder(record)
    show([shown(record)], asked.format)
    return EXIT_FINE


def redeploy(asked: Namespace) -> int:
    """Destroy a lab and deploy it again."""
    asked.reconfigure = True
    return deploy(asked)


def destroy(asked: Namespace) -> int:
    """Destroy the labs that are meant; fine when they are not there."""
    if asked.all and "name" in asked:
        raise Mistake("--all and --name do not go together")
    for name in store.here().names() if asked.all else (lab_name(asked),):
        if not _destroy(name, cleanup=asked.cleanup):
            screen.remark(f"lab {name} is not deployed, nothing to do")
    return EXIT_FINE


def _destroy(name: str, *, cleanup: bool) -> bool:
    at = store.here()
    noted = at.files(name) / WRITTEN
    paths = json.loads(noted.read_text()) if noted.exists() else []
    gone = deployment.down(name, at=at)
    if gone and cleanup:
        folder.remove(paths)
    return gone


def _write_folder(record: LabRecord) -> None:
    """Write what other tools read of a lab, and note its paths first, so that they can be removed."""
    lab = shown(record)
    place = Path(lab.lab_dir)
    files = {
        "topology-data.json": outputs.topology_data(lab),
        "ansible-inventory.yml": inventories.ansible(lab),
        "nornir-simple-inventory.yml": inventories.nornir(lab),
    }
    noted = store.here().files(record.name)
    noted.mkdir(exist_ok=True)
    (noted / WRITTEN).write_text(json.dumps([str(place / name) for name in files]))
    folder.write(place, files)
