"""A node of a running lab, on either runtime: its daemons by their vty sockets, programs in its namespaces."""

import os
from collections.abc import Sequence
from functools import cache, lru_cache
from threading import Lock

from napalm.base.exceptions import CommandErrorException, ConnectionException

from napalm_frr.transport import Target
from topologies.errors import ClosError
from topologies.process import Finished
from topologies.runtime import door, store
from topologies.runtime.door import Door
from topologies.runtime.model import LabRecord
from topologies.runtime.store import RECORD, Store

_READING = Lock()


@cache
def labs(setting: str | None) -> Store:
    """Where labs are remembered, found once for each CLOSLAB_STATE: joining a lab makes an ordinary user root in it."""
    return store.here({"CLOSLAB_STATE": setting} if setting else None)


def recorded(at: Store, name: str) -> LabRecord:
    """The record of a lab, read again only when its file is another: one is opened for each of many routers."""
    try:
        file = (at.folder(name) / RECORD).stat()
    except OSError:
        return at.read(name)  # it knows what to say
    with _READING:
        return _read(at, name, (file.st_ino, file.st_mtime_ns, file.st_size))


@lru_cache(maxsize=4)
def _read(at: Store, name: str, stamp: tuple[int, int, int]) -> LabRecord:
    return at.read(name)


def open_lab(target: Target) -> "LabTransport":
    """The node that the target's host name names, in the lab that its optional arguments name.

    Raises ConnectionException for a lab or node that is not there. A lab of the `netns` runtime that runs without root
    is joined by this process, which a process can do only before it has threads: those that it starts later are in.
    """
    name = str(target.options["lab"])
    try:
        record = recorded(labs(os.environ.get("CLOSLAB_STATE")), name)
        door.enter(record)
        return LabTransport(door.open_door(record, target.hostname), target.timeout)
    except ClosError as error:
        raise ConnectionException(f"{error}; `closlab show` lists labs and nodes") from error
    except OSError as error:
        cure = "open the first driver before there are threads, or use nornir's serial runner"
        raise ConnectionException(f"lab {name}: {target.hostname}: {error.strerror}; {cure}") from error


class LabTransport:
    """A node by its door."""

    def __init__(self, node: Door, timeout: float) -> None:
        self._node = node
        self._timeout = timeout

    def ask(self, daemon: str, command: str, *, timeout: float | None = None) -> str:
        """What a daemon answers to a command."""
        try:
            return self._node.vty(daemon, command, timeout=timeout or self._timeout)
        except (ClosError, OSError) as error:
            raise CommandErrorException(f"{self._node.node}: {error}") from error

    def run(
        self, argv: Sequence[str], *, input: str | None = None, check: bool = True, timeout: float | None = None
    ) -> Finished:
        """Run a program in the node to its end."""
        try:
            return self._node.run(argv, input=input, check=check, timeout=timeout or self._timeout)
        except ClosError as error:
            raise CommandErrorException(f"{self._node.node}: {error}") from error

    def daemons(self) -> Sequence[str]:
        """Those that take calls. vtysh would tell too, and takes longer than all the rest of a question."""
        try:
            found = self._node.daemons()
        except (ClosError, OSError) as error:
            raise CommandErrorException(f"{self._node.node}: {error}") from error
        if not found:
            raise CommandErrorException(f"{self._node.node}: no daemon of FRR takes calls")
        return found

    def close(self) -> None:
        """Nothing stays open between two questions."""
