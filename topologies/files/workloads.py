"""The part of a fabric file that says what runs on its hosts: strict, and made into `Workload`s."""

import re
from ipaddress import ip_address
from typing import Annotated, NoReturn

from msgspec import Meta, Struct

from topologies.durations import Duration, Size, octets, seconds
from topologies.errors import Mistake
from topologies.files.complaint import nearest, written
from topologies.files.yaml import Document
from topologies.model import Underlay
from topologies.workloads.model import WITHIN, Announce, Check, Command, Http, Limits, Stop, Tcp, Workload

Word = Annotated[
    str,
    Meta(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=40, description="Lower-case letters, digits, dashes."),
]
PortNumber = Annotated[int, Meta(ge=1, le=65535)]
Absolute = Annotated[str, Meta(pattern="^/.*[^/]$", description="An absolute path in the node.")]
User = Annotated[str, Meta(pattern=r"^[a-z_][a-z0-9_-]*$", description="A user that the node knows.")]
Signal = Annotated[str, Meta(pattern="^(TERM|INT|QUIT|HUP|USR1|USR2)$")]
ANNOUNCER = re.compile("-announce(-[0-9]+)?$")  # what is beside a workload that announces addresses is called so
OWN = "/etc/closlab/"  # where nodes of some runtimes have files that they cannot write
RESERVED = ("announce", "bgpd", "exec", "gobgpd", "health", "mgmtd", "program", "zebra", "ztp")  # logs of nodes


class LimitsPart(Struct, forbid_unknown_fields=True, frozen=True):
    """What each process may have at most; `nice` lets others go first."""

    memory: Size = "0B"
    cpus: Annotated[int, Meta(ge=0, le=1024)] = 0
    files: Annotated[int, Meta(ge=0)] = 0
    nice: Annotated[int, Meta(ge=0, le=19)] = 0


class ReadyPart(Struct, forbid_unknown_fields=True, frozen=True):
    """When a program is ready, in one way: `tcp: PORT` takes connections, `http: PORT/PATH` is answered with 200 to
    399, `command` ends with 0. PORT is a number, or a name of `ports`. A program that is not ready `within` failed."""

    tcp: str | int | None = None
    http: str | None = None
    command: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None
    within: Duration = "60s"


class StopPart(Struct, forbid_unknown_fields=True, frozen=True):
    """By which signal a program ends, and how long it may take."""

    signal: Signal = "TERM"
    within: Duration = "10s"


class AnnouncePart(Struct, forbid_unknown_fields=True, frozen=True):
    """A service address that is announced by BGP from each host of the workload for as long as it is ready there. With
    `hand_over`, TCP connections outlive changes of routes; the program then listens at the wildcard address."""

    address: str
    interval: Duration = "500ms"
    timeout: Duration = "500ms"
    rise: Annotated[int, Meta(ge=1, le=1000)] = 2
    fall: Annotated[int, Meta(ge=1, le=1000)] = 2
    hand_over: bool = False


class WorkloadPart(Struct, forbid_unknown_fields=True, frozen=True):
    """A program and where it runs. `run`, and the texts of `env` and `files`, are templates."""

    run: Annotated[tuple[str, ...], Meta(min_length=1, description="The program and its arguments.")]
    replicas: Annotated[int, Meta(ge=1)] | None = None
    ports: dict[Word, PortNumber] = {}
    racks: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    env: dict[str, str] = {}
    files: dict[Absolute, str] = {}
    user: User | None = None
    limits: LimitsPart = LimitsPart()
    after: tuple[str, ...] = ()
    ready: ReadyPart | None = None
    stop: StopPart = StopPart()
    announces: tuple[AnnouncePart, ...] = ()


def workloads(document: Document, parts: dict[str, WorkloadPart], underlay: Underlay) -> tuple[Workload, ...]:
    """The workloads of a file. Raises Mistake, with its place, for what means nothing by itself."""
    return tuple(_Reading(document, name, part, parts, underlay).workload() for name, part in parts.items())


class _Reading:
    """One workload as it is read."""

    def __init__(
        self, document: Document, name: str, part: WorkloadPart, all: dict[str, WorkloadPart], underlay: Underlay
    ) -> None:
        self._document, self._name, self._part, self._all, self._underlay = document, name, part, all, underlay

    def workload(self) -> Workload:
        """All of it."""
        part = self._part
        self._refuse_place()
        ready = self._ready()
        within = seconds(part.ready.within) if part.ready else WITHIN
        limits = part.limits
        return Workload(
            name=self._name,
            run=part.run,
            replicas=len(part.hosts) or part.replicas or 1,
            ports=tuple(part.ports.items()),
            racks=part.racks,
            hosts=part.hosts,
            env=tuple(part.env.items()),
            files=tuple(part.files.items()),
            user=part.user or "",
            limits=Limits(octets(limits.memory), limits.cpus, limits.files, limits.nice),
            after=part.after,
            ready=ready,
            within=within,
            stop=Stop(part.stop.signal, seconds(part.stop.within)),
            announces=tuple(self._announce(number, each, ready) for number, each in enumerate(part.announces)),
        )

    def _refuse_place(self) -> None:
        part = self._part
        if self._name in RESERVED or ANNOUNCER.search(self._name):
            self._refuse("a log that nodes have has that name; choose another", key=True)
        if part.hosts and (part.racks or part.replicas is not None):
            self._refuse("`hosts` names them all, so `racks` and `replicas` say nothing", "hosts")
        if twice := next((each for each in part.hosts if part.hosts.count(each) > 1), ""):
            self._refuse(f"{twice} is there twice; a host runs one of a workload", "hosts")
        for path in part.files:
            if path.startswith(OWN):
                self._refuse(f"{OWN} is closlab's own; choose another folder, such as /srv", "files", path, key=True)
        for number, name in enumerate(part.after):
            if name not in self._all:
                there = ", ".join(self._all)
                self._refuse(f"no workload {name!r}{nearest(name, self._all)}; there are {there}", "after", number)

    def _ready(self) -> Check | None:
        """The check that the file names; without one, that the first port takes connections."""
        part = self._part.ready
        if part is None or part == ReadyPart(within=part.within):
            first = next(iter(self._part.ports.values()), None)
            return None if first is None else Tcp(first)
        if [part.tcp, part.http, part.command].count(None) != 2:
            self._refuse("say it in one way: `tcp`, `http` or `command`", "ready")
        if part.command is not None:
            return Command(part.command)
        if part.tcp is not None:
            return Tcp(self._port(str(part.tcp), "tcp"))
        port, _, path = str(part.http).partition("/")
        return Http(self._port(port, "http"), f"/{path}")

    def _port(self, text: str, key: str) -> int:
        port = self._part.ports.get(text) or (int(text) if text.isdecimal() else 0)
        if not 0 < port < 1 << 16:
            there = ", ".join(self._part.ports) or "none"
            self._refuse(f"no port {text!r}; a number, or one of `ports`: there are {there}", "ready", key)
        return port

    def _announce(self, number: int, part: AnnouncePart, ready: Check | None) -> Announce:
        where = ("announces", number)
        if not self._underlay.services:
            self._refuse("hosts announce addresses where `underlay: {services: true}` says so", *where)
        if ready is None:
            self._refuse("an address is announced while its program is ready, so it needs `ready` or `ports`", *where)
        try:
            address = ip_address(part.address)
        except ValueError:
            self._refuse(f"{part.address!r} is no address; it is a single one, without a length", *where, "address")
        pools = self._underlay.pools
        pool = pools.services4 if address.version == 4 else pools.services6
        if address not in pool:
            self._refuse(f"{address} is not in {pool}, the pool of service addresses", *where, "address")
        times = seconds(part.interval), seconds(part.timeout)
        return Announce(str(address), *times, part.rise, part.fall, part.hand_over)

    def _refuse(self, why: str, *path: str | int, key: bool = False) -> NoReturn:
        raise Mistake(placed_at(self._document, why, ("workloads", self._name, *path), key=key))


def placed_at(document: Document, why: str, path: tuple[str | int, ...], *, key: bool = False) -> str:
    """What is wrong, after its place in the file and its path."""
    at = document.at_key(*path) if key else document.at(*path)
    return f"{at}: {written(path)}: {why}"
