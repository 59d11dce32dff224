"""The nouns of what runs on hosts: workloads as wanted, and each one's programs on the hosts that were found for it.

All values are frozen. Times are seconds, sizes bytes.
"""

from typing import TypeAlias

from msgspec import Struct

WITHIN = 60.0  # that a program may take until it is ready, unless it is said otherwise


class Command(Struct, frozen=True, forbid_unknown_fields=True, tag="command"):
    """A program in the node, which is well when it ends with 0."""

    argv: tuple[str, ...]


class Tcp(Struct, frozen=True, forbid_unknown_fields=True, tag="tcp"):
    """A port that takes connections, at the service's own address."""

    port: int


class Http(Struct, frozen=True, forbid_unknown_fields=True, tag="http"):
    """A path that is answered with a status from 200 to 399, at the service's own address."""

    port: int
    path: str = "/"


Check: TypeAlias = Command | Tcp | Http
"""How it is found out whether a service is well."""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What each process of a program may have at most: bytes of its own memory (RLIMIT_DATA), processors, open files;
    and how it stands back for others, as `nice` counts. 0 leaves it as it is."""

    memory: int = 0
    cpus: int = 0
    files: int = 0
    nice: int = 0


class Stop(Struct, frozen=True, forbid_unknown_fields=True):
    """How a program is ended: by a signal, and by SIGKILL where it has not ended `within`."""

    signal: str = "TERM"
    within: float = 10.0


class Announce(Struct, frozen=True, forbid_unknown_fields=True):
    """A service address that the hosts of a workload announce while it is well there: looked at every `interval`, in a
    row `rise` times well and `fall` times not. `hand_over`: packets of connections that a host does not know go on to
    the others."""

    address: str
    interval: float = 0.5
    timeout: float = 0.5
    rise: int = 2
    fall: int = 2
    hand_over: bool = False


class Workload(Struct, frozen=True, kw_only=True):
    """A program that is wanted on hosts, so many times. `run`, and the texts of `env` and `files`, are templates.

    It goes to `hosts` in their order, or to hosts of `racks` (leaves by name), () for any, spread over racks. It is
    started after the workloads named in `after` are ready. `ready` None: it is when it runs.
    """

    name: str
    run: tuple[str, ...]
    replicas: int = 1
    ports: tuple[tuple[str, int], ...] = ()
    racks: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    user: str = ""
    limits: Limits = Limits()
    after: tuple[str, ...] = ()
    ready: Check | None = None
    within: float = WITHIN
    stop: Stop = Stop()
    announces: tuple[Announce, ...] = ()


class Replica(Struct, frozen=True):
    """One of a workload's programs and where it runs: on a host of a rack, reached at `address`. `number` counts from 1
    within the workload."""

    workload: Workload
    number: int
    node: str
    rack: str
    address: str
    address6: str = ""


class Task(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program of a node as it is started there: every template is filled in. `name` is its own on the node, `order`
    the round in which it is started; `address` is where its `ready` check and others reach it."""

    name: str
    workload: str
    number: int
    argv: tuple[str, ...]
    rack: str = ""
    address: str = ""
    ports: tuple[tuple[str, int], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    user: str = ""
    limits: Limits = Limits()
    order: int = 0
    ready: Check | None = None
    within: float = WITHIN
    stop: Stop = Stop()
    announces: str = ""  # the service address that this program announces, of an announcer
