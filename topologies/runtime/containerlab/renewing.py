"""Another machine in a node's place: a container made as the former one was, with nothing of that on its disk.

The former container goes before its successor is made, for both would be the node. So the description of it lies in the
lab's folder from before until the record names the new one: whatever ends this process on the way, the node counts as
dead until then, and renewing it again goes on from the description. Its links are put aside meanwhile, by containerlab,
as those of any node that is off.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from topologies.durable import write_whole
from topologies.errors import Fault
from topologies.runtime.containerlab import api, cli, engine
from topologies.runtime.containerlab.engine import Container
from topologies.runtime.model import LabRecord, Life

FOLDER = "renewing"  # below the lab's files


def renew(record: LabRecord, node: str, container: Container | None) -> None:
    """Have a new container in a node's place, and running. Raises Fault where nobody knows how to make it."""
    files, description = Path(record.files), _description(record, node)
    if not description.exists():
        if container is None:
            raise Fault(f"lab {record.name}: node {node} has no container any more, and none can be made like it")
        description.parent.mkdir(exist_ok=True)
        write_whole(description, json.dumps(recipe(engine.told(container.id))).encode())
    made = json.loads(description.read_text())
    if container is not None:
        if container.life is not Life.DEAD:  # a renewal that was cut off late
            cli.stop(record.name, node, files)
        engine.remove((container.id,))
    api.create(made["name"], made["body"])
    cli.start(record.name, node, files)


def renewing(record: LabRecord) -> frozenset[str]:
    """The nodes whose renewal was begun and is not on record."""
    return frozenset(path.stem for path in (Path(record.files) / FOLDER).glob("*.json"))


def renewed(record: LabRecord, node: str) -> None:
    """Forget how a node is made: its new container is on record."""
    with suppress(FileNotFoundError):
        _description(record, node).unlink()


def recipe(told: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a container like one of which `docker inspect` told this: its name, and what the engine is to be sent.

    An address that it was given in a network for itself stays its own; one that was free is given anew.
    """
    networks = told["NetworkSettings"]["Networks"]
    ends = {name: {"IPAMConfig": end.get("IPAMConfig")} for name, end in networks.items()}
    body = {**told["Config"], "HostConfig": told["HostConfig"], "NetworkingConfig": {"EndpointsConfig": ends}}
    return {"name": told["Name"].lstrip("/"), "body": body}


def _description(record: LabRecord, node: str) -> Path:
    return Path(record.files) / FOLDER / f"{node}.json"
