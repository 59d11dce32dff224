"""What the server hands out: one bundle for each switch, in the lab's own folder, which its node sees."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from topologies.durable import write_whole
from topologies.runtime.store import Store

FOLDER, SERVED, BUNDLES = "ztp", "served", "bundles"  # each in the one before; the first is below the lab's own files
FIRST_VERSION = 1


def folder(at: Store, lab: str) -> Path:
    """Where all that belongs to provisioning a lab is, on the machine."""
    return at.files(lab) / FOLDER


def publish(bundles: Path, contents: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Put new contents of bundles, by node, where the server reads them; the nodes whose bundle is a new version.

    What did not change keeps its version, so doing it twice is as good as once. Each is there whole or as it was.
    """
    new = []
    for node, files in contents.items():
        path = bundles / f"{node}.json"
        former = _read(path)
        if former is not None and former["files"] == files:
            continue
        version = FIRST_VERSION if former is None else former["version"] + 1
        write_whole(path, json.dumps({"version": version, "files": files}).encode())
        new.append(node)
    return tuple(new)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
