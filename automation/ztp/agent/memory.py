"""The agent's memory: on disk whole or not at all, so that a switch that loses power goes on where it was."""

import json
from dataclasses import asdict
from pathlib import Path

from automation.ztp.agent.model import Memory, Moved
from automation.ztp.states import State
from topologies.durable import write_whole


class Disk:
    """The folder where a switch keeps what it must find again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "memory.json"

    def write(self, memory: Memory) -> None:
        """Keep it; on the disk when this returns. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._path, json.dumps(asdict(memory)).encode())

    def read(self) -> Memory:
        """What was kept last; that of a new switch where there is nothing, or nothing that can be read.

        Nothing wrong can follow from forgetting: what a switch does, it does again.
        """
        try:
            return decoded(self._path.read_text())
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return Memory()


def decoded(text: str) -> Memory:
    """A memory out of its file; ValueError, TypeError or KeyError where it is none."""
    data = json.loads(text)
    unsent = tuple(Moved(**{**move, "state": State(move["state"])}) for move in data["unsent"])
    return Memory(**{**data, "state": State(data["state"]), "unsent": unsent})
