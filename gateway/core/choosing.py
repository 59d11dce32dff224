"""Which backend serves: the less loaded of two drawn by chance (Mitzenmacher, The Power of Two Choices, 2001), of the
same rack until that is much fuller than others; a request that is asked again goes elsewhere, and first to another
rack. Pure; chance is an argument."""

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

NEARER = 0.25
"""By how much of what a backend may have one of the same rack may be fuller than another: a way through the spines
costs little beside a wait."""
WORD = 0xFFFF_FFFF_FFFF_FFFF


class Candidate(Struct, frozen=True):
    """A backend as it stands: what it has under way, what it may have, and the part of its share that it gets. `known`
    is how much of the limit says something of its room: a limit that is still being found out says little."""

    name: str
    rack: str
    in_flight: int
    limit: float
    share: float = 1.0
    known: float = 0.0  # 0: all of it

    @property
    def free(self) -> bool:
        """Whether it takes one more."""
        return self.share > 0 and self.in_flight + 1 <= max(self.limit * self.share, 1.0)

    @property
    def fill(self) -> float:
        """How full it would be with one more."""
        return (self.in_flight + 1) / (self.known or self.limit)

    @property
    def load(self) -> float:
        """The same of the part that it gets."""
        return self.fill / self.share


def choose(
    candidates: Sequence[Candidate],
    *,
    rack: str,
    draw: Callable[[int], int],
    tried: Collection[str] = (),
    prefix: int | None = None,
) -> Candidate | None:
    """The backend for a request of this rack; None where nobody takes one more.

    `draw(n)` is a number from 0 to below n. `tried` have been asked for it before, and are not again. With a `prefix`,
    the same one goes to the same backend as long as that takes it: there, it is in the cache.
    """
    free = [each for each in candidates if each.free and each.name not in tried]
    if not free:
        return None
    there = {each.rack for each in candidates if each.name in tried}
    near = [each for each in free if each.rack == rack]
    far = [each for each in free if each.rack not in there]
    group = (far or free) if tried else (near or free)
    if prefix is not None:
        return max(group, key=lambda each: _weight(each.name, prefix))
    found = _of_two(group, draw)
    if tried or not near or found.fill <= NEARER or len(near) == len(free):
        return found
    other = _of_two([each for each in free if each.rack != rack], draw)
    return found if found.fill <= other.fill + NEARER else other


def _of_two(group: Sequence[Candidate], draw: Callable[[int], int]) -> Candidate:
    """The less loaded of two drawn ones, which may be the same."""
    first = group[draw(len(group))]
    second = group[draw(len(group))]
    return min(first, second, key=lambda each: each.load)


def _weight(name: str, prefix: int) -> int:
    """Highest random weight (Thaler and Ravishankar, 1998): when a backend goes, only its own prefixes move."""
    mixed = _mixed(prefix & WORD)
    for byte in name.encode():
        mixed = (mixed ^ byte) * 0x100_0000_01B3 & WORD  # FNV-1a
    return _mixed(mixed)


def _mixed(word: int) -> int:
    """The finaliser of murmur3 for 64 bits (Appleby, public domain): every bit depends on every bit."""
    word = (word ^ word >> 33) * 0xFF51_AFD7_ED55_8CCD & WORD
    word = (word ^ word >> 33) * 0xC4CE_B9FE_1A85_EC53 & WORD
    return word ^ word >> 33
