"""The door of the node that this process itself runs in: a program of the lab, such as one that a workload starts."""

import os
from collections.abc import Sequence

from topologies.lab import LabNode
from topologies.runtime import identity
from topologies.runtime.door import Door
from topologies.runtime.model import NodeRecord


class Inside(Door):
    """Everything works as through any door, and nothing has to be entered."""

    def __init__(self, node: str) -> None:
        super().__init__(None, NodeRecord(node, node), LabNode(name=node), identity.identify(os.getpid()))

    def _enter(self, argv: Sequence[str]) -> list[str]:
        return list(argv)
