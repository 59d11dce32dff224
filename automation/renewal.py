"""Whether a new version of a fabric file can be taken to the running lab by configuration alone. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from topologies.errors import Mistake
from topologies.lab import Lab, LabLink, LabNode, Veth

CONFIGURED = ("files", "labels")  # of a node: what its daemons read, and what others are told of it
MOST = 5  # reasons that are told


def refuse_rebuilding(old: Lab, new: Lab, place: str) -> None:
    """Raise Mistake where the new lab differs in more than configurations, naming what."""
    reasons = list(rebuilding(old, new))
    if reasons:
        told = reasons[:MOST] + ([f"and {len(reasons) - MOST} more"] if len(reasons) > MOST else [])
        cure = f"`closlab down {old.name}`, then `closlab up {place}`"
        raise Mistake(f"{place}: more than configuration changed: {'; '.join(told)}; {cure}")


def rebuilding(old: Lab, new: Lab) -> Iterator[str]:
    """What a running lab cannot be changed into: nodes, cables, addresses, programs."""
    if old.name != new.name:
        yield f"it is called {new.name}, the lab {old.name}"
    before, after = ({node.name: node for node in lab.nodes} for lab in (old, new))
    yield from (f"node {name} is new" for name in after if name not in before)
    yield from (f"node {name} is gone" for name in before if name not in after)
    yield from _cables(old.links, new.links)
    for name in (each for each in before if each in after):
        yield from (f"{what} of {name} changed" for what in _changed(before[name], after[name]))
    if old.mgmt != new.mgmt:
        yield "the management network changed"


def _cables(old: Sequence[LabLink], new: Sequence[LabLink]) -> Iterator[str]:
    before, after = _named(old), _named(new)
    yield from (f"cable {name} is new" for name in after if name not in before)
    yield from (f"cable {name} is gone" for name in before if name not in after)
    yield from (f"cable {name} changed" for name in before if name in after and before[name] != after[name])


def _named(links: Sequence[LabLink]) -> Mapping[str, LabLink]:
    return {f"{link.a}-{link.b}" if isinstance(link, Veth) else str(link.end): link for link in links}


def _changed(old: LabNode, new: LabNode) -> Iterator[str]:
    names = [name for name in LabNode.__struct_fields__ if name not in CONFIGURED]
    yield from (name for name in names if getattr(old, name) != getattr(new, name))
    if [file.path for file in old.files] != [file.path for file in new.files]:
        yield "the list of files"
    elif old.files != new.files and not any(daemon.config for daemon in new.daemons):
        yield "what its programs read"  # and only what FRR reads is taken to one that runs
