"""Which lab, which node, which end of a cable the user means."""

from collections.abc import Sequence
from pathlib import Path

from topologies import deploy
from topologies.errors import Mistake
from topologies.runtime import door, store
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store, Unreadable


def choose(names: Sequence[str], wanted: str = "") -> str:
    """The lab that is wanted, or else the only one there is; raises Mistake that lists them otherwise."""
    if wanted:
        if wanted not in names:
            raise Mistake(f"no lab {wanted!r}; there is {', '.join(names) or 'none'}")
        return wanted
    if not names:
        raise Mistake("no lab is there; `closlab up FILE` brings one up")
    if len(names) > 1:
        raise Mistake(f"several labs are there: {', '.join(names)}; say which by --lab NAME")
    return names[0]


def chosen(wanted: str = "", also: str = "", at: Store | None = None) -> LabRecord:
    """The record of the lab that is meant, named once or twice; this process joins it, where it is a rootless one."""
    if wanted and also and wanted != also:
        raise Mistake(f"two labs are named, {wanted} and --lab {also}: say which")
    at, wanted = at or store.here(), wanted or also
    record = at.read(choose(at.names(), wanted))
    door.enter(record)
    return record


def by_name_or_file(wanted: str, at: Store) -> str | None:
    """The lab that a name or a file stands for; None when there is nothing of that lab.

    The file as it was at `up` counts first, so that a lab is found also after its file was changed.
    """
    if at.begun(wanted):
        return wanted
    path = Path(wanted)
    if not path.is_file():
        return None
    for entry in at.every():
        if not isinstance(entry, Unreadable) and entry.lab.file and Path(entry.lab.file) == path.absolute():
            return entry.name
    name = deploy.load(path).lab.name
    return name if at.begun(name) else None


def end_of(text: str) -> tuple[str, str]:
    """NODE:INTERFACE in two; raises Mistake where it is not that."""
    node, colon, interface = text.partition(":")
    if not (node and colon and interface):
        raise Mistake(f"{text!r}: an end of a cable is NODE:INTERFACE, such as leaf1:eth1")
    return node, interface
