"""The inventory plugin `closlab`: finds out what there is, and makes Nornir's hosts, groups and defaults of it.

    InitNornir(inventory={"plugin": "closlab", "options": {"lab": "small"}})

`lab` is a running lab, `file` a fabric or containerlab file, `containerlab` a folder or file that the real containerlab
left; without any of them it is the only lab that runs. Loading joins a rootless lab, so it comes before any thread.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nornir.core.inventory import ConnectionOptions, Defaults, Group, Groups, Host, Hosts, Inventory, ParentGroups

from automation.inventory.clab import READERS
from automation.inventory.roster import Entry, Roster, Spoken, located, of_fabric, of_lab
from topologies import deploy
from topologies.errors import Mistake
from topologies.render.inventory import NAPALM
from topologies.runtime import door, store
from topologies.runtime.listening import listens
from topologies.runtime.model import LabRecord

SSH = 22
TIMEOUT = 60  # seconds for one answer, as NAPALM's own default
LEADING_SOCKETS = tuple(f"{folder}/zebra.vty" for folder in door.RUN_FOLDERS)


class ClosInventory:
    """Nornir's plugin; `username`, `password`, `port` and `timeout` (seconds) are for connections."""

    def __init__(
        self,
        lab: str = "",
        file: str = "",
        containerlab: str = "",
        username: str | None = None,
        password: str | None = None,
        port: int = SSH,
        timeout: float = TIMEOUT,
    ) -> None:
        named = {key: value for key, value in (("lab", lab), ("file", file), ("containerlab", containerlab)) if value}
        if len(named) > 1:
            raise Mistake(f"inventory closlab: {' and '.join(named)} are given; give one of them")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
            raise Mistake(f"inventory closlab: timeout={timeout!r} is no number of seconds")
        self._from, self._what = next(iter(named.items()), ("lab", ""))
        self._login = {"username": username, "password": password, "port": port}
        self._timeout = timeout

    def load(self) -> Inventory:
        """All hosts with their groups; raises Mistake for what is not there."""
        return inventory(roster(self._from, self._what), self._login, self._timeout)


def roster(source: str, what: str) -> Roster:
    """The hosts of a `lab`, a `file`, or what `containerlab` left."""
    if source == "lab":
        at = store.here()
        return of_record(at.read(what or _only(at.names())))
    return of_file(Path(what)) if source == "file" else of_outputs(Path(what))


def of_record(record: LabRecord) -> Roster:
    """The hosts of a running lab, which this process joins."""
    door.enter(record)
    fabric, plan = deploy.fabric_of(record), deploy.plan_of(record)
    found = of_fabric(fabric, plan) if fabric and plan else of_lab(record.lab, spoken(record))
    return located(found, record.nodes)


def of_file(path: Path) -> Roster:
    """The hosts that a file describes."""
    source = deploy.load(path)
    return of_fabric(source.fabric, source.plan) if source.fabric and source.plan else of_lab(source.lab)


def of_outputs(path: Path) -> Roster:
    """The hosts in a file that containerlab left, or in the one of a folder's that tells most."""
    files = [path / name for name in READERS] if path.is_dir() else [path]
    found = next((file for file in files if file.is_file()), None)
    if found is None or found.name not in READERS:
        raise Mistake(f"{path}: none of containerlab's files; there are {', '.join(READERS)}, in a lab's own folder")
    try:
        return READERS[found.name](found.read_text(), str(found))
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"cannot read {found}: {getattr(error, 'strerror', None) or error}") from error


def spoken(record: LabRecord) -> Mapping[str, Spoken]:
    """What the nodes of a running lab without a plan tell of themselves."""
    from telemetry.facts import collect

    pids = {node.name: node.init.pid for node in record.nodes if node.init}
    return {
        name: Spoken(
            frr=name in pids and any(listens(path, pids[name]) for path in LEADING_SOCKETS),
            asn=next((each.local_asn for each in seen.sessions.values()), 0),
            neighbors=tuple(
                {
                    "neighbor": each.neighbor,
                    "name": each.hostname,
                    "asn": each.peer_asn,
                    "families": list(each.families),
                }
                for each in seen.sessions.values()
            ),
        )
        for name, seen in collect(record).items()
    }


def inventory(found: Roster, login: Mapping[str, Any], timeout: float) -> Inventory:
    """The hosts in Nornir's own nouns."""
    groups = Groups({name: Group(name, data={"members": len(each)}) for name, each in found.members().items()})
    defaults = Defaults(
        **login,
        data=dict(found.shared),
        connection_options={NAPALM: ConnectionOptions(extras={"timeout": timeout, "optional_args": {}})},
    )
    hosts = Hosts({each.name: _host(each, groups, defaults, timeout) for each in found.entries})
    return Inventory(hosts, groups, defaults)


def _host(entry: Entry, groups: Groups, defaults: Defaults, timeout: float) -> Host:
    options = {"lab": entry.lab} if entry.lab else {}
    extras = {"timeout": timeout, "optional_args": options}
    return Host(
        entry.name,
        hostname=entry.hostname,
        platform=entry.platform,
        groups=ParentGroups([groups[name] for name in entry.groups]),
        data=dict(entry.data),
        connection_options={NAPALM: ConnectionOptions(extras=extras)},
        defaults=defaults,
    )


def _only(names: tuple[str, ...]) -> str:
    if len(names) != 1:
        there = f"there are {', '.join(names)}" if names else "no lab is there"
        raise Mistake(f"inventory closlab: no lab is named, and {there}; give lab, file or containerlab")
    return names[0]
