"""In which order a change goes over a fabric, so that no wave takes away what the fabric cannot do without. Pure.

- The first wave is one host, the canary: one that others stand in for, where there is such a host.
- Each later wave stays within one failure domain: what it breaks, it breaks there.
- No wave has two hosts of one redundancy group: whatever hangs on them keeps a way.
- Hosts keep their order, so that the same fabric is gone through in the same way each time.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct


class Member(Struct, frozen=True):
    """A host as far as waves go; a `group` of "" is nobody's but its own."""

    name: str
    domain: str = ""
    group: str = ""


Wave: TypeAlias = tuple[str, ...]


def waves(members: Sequence[Member], *, size: int, canary: str = "") -> tuple[Wave, ...]:
    """The waves of these hosts, at most `size` in each; `canary` names who goes first, or else one is chosen."""
    if not members:
        return ()
    first = canary if canary in {each.name for each in members} else choose_canary(members)
    rest = [each for each in members if each.name != first]
    domains = dict.fromkeys(each.domain for each in rest)
    batches = (batch for name in domains for batch in _batches([each for each in rest if each.domain == name], size))
    return ((first,), *batches)


def remaining(planned: Iterable[Wave], done: Collection[str]) -> tuple[Wave, ...]:
    """What of these waves is still to do; those that nothing is left of are gone."""
    left = (tuple(name for name in wave if name not in done) for wave in planned)
    return tuple(wave for wave in left if wave)


def choose_canary(members: Sequence[Member]) -> str:
    """The first host whose group has another member; the first of all where there is none."""
    groups = [each.group for each in members if each.group]
    return next((each.name for each in members if groups.count(each.group) > 1), members[0].name)


def _batches(members: Sequence[Member], size: int) -> Iterable[Wave]:
    """Hosts of one domain: each batch takes the next ones whose group it does not have yet."""
    left = list(members)
    while left:
        batch: list[Member] = []
        for each in left:
            if len(batch) < size and not (each.group and each.group in {taken.group for taken in batch}):
                batch.append(each)
        yield tuple(each.name for each in batch)
        left = [each for each in left if each not in batch]
