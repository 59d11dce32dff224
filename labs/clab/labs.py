"""Which labs and nodes the flags mean: by file, by name, or all; long names of nodes as containerlab makes them."""

from argparse import Namespace
from pathlib import Path

from topologies import deploy
from topologies.errors import Mistake
from topologies.runtime import door, store
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store, Unreadable

PATTERNS = ("*.clab.yml", "*.clab.yaml")


def topology(asked: Namespace, folder: Path | None = None) -> Path:
    """The topology file: the one given, or the only one in the folder given or in this one. Raises Mistake."""
    given = Path(asked.topo) if "topo" in asked else (folder or Path.cwd())
    if not given.is_dir():
        return given
    found = sorted(path for pattern in PATTERNS for path in given.glob(pattern))
    if len(found) != 1:
        names = ", ".join(path.name for path in found)
        raise Mistake(f"{given}: {f'several topology files: {names}' if found else 'no *.clab.yml'}; -t names one")
    return found[0]


def lab_name(asked: Namespace) -> str:
    """The lab that the flags name, be it deployed or not; a file's own lab by what was recorded of it, if it was."""
    if "name" in asked:
        return str(asked.name)
    path = topology(asked)
    for entry in store.here().every():
        if not isinstance(entry, Unreadable) and entry.lab.file and Path(entry.lab.file) == path.absolute():
            return entry.name
    return deploy.load(path).lab.name


def records(asked: Namespace, at: Store) -> list[LabRecord]:
    """The deployed labs that the flags mean, none if theirs is not deployed. Raises Mistake where they mean nothing."""
    if getattr(asked, "all", False):
        return [entry for entry in at.every() if not isinstance(entry, Unreadable)]
    if "name" not in asked and "topo" not in asked:
        raise Mistake("say which lab: --topo FILE, --name LAB, or --all")
    name = lab_name(asked)
    return [at.read(name)] if at.exists(name) else []


def one_record(asked: Namespace) -> LabRecord:
    """The deployed lab that the flags mean, or the only one there is; this process joins it. Raises Mistake."""
    at = store.here()
    names = at.names()
    name = lab_name(asked) if "name" in asked or "topo" in asked or len(names) != 1 else names[0]
    record = at.read(name)
    door.enter(record)
    return record


def node_of(asked: Namespace, name: str) -> tuple[LabRecord, str]:
    """The lab and the short name of a node, found by its long name in any lab or its short one in the lab meant."""
    for entry in store.here().every():
        if not isinstance(entry, Unreadable):
            for node in entry.nodes:
                if node.long_name == name:
                    door.enter(entry)
                    return entry, node.name
    record = one_record(asked)
    if name not in (known := [node.name for node in record.lab.nodes]):
        raise Mistake(f"lab {record.name}: no node {name!r}; there are {', '.join(sorted(known))}")
    return record, name
