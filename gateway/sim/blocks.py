"""The KV cache as blocks. Whole blocks of prompts are known by the hash of all that comes before them, so requests that
begin the same share them; those that nobody uses stay until their room is wanted, the one used longest ago first."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Blocks:
    """`total` of them. `private` are in use by one sequence only; `held` counts the users of shared ones."""

    total: int
    private: int = 0
    held: dict[int, int] = field(default_factory=dict)
    idle: OrderedDict[int, None] = field(default_factory=OrderedDict)

    @property
    def used(self) -> int:
        """Blocks in use."""
        return self.private + len(self.held)

    def known(self, hashes: Sequence[int]) -> int:
        """How many of a prompt's blocks are there, from its beginning on."""
        count = 0
        for each in hashes:
            if each not in self.held and each not in self.idle:
                break
            count += 1
        return count

    def take(self, hashes: Sequence[int], private: int) -> bool:
        """Take a prompt's blocks and some of its own; whether there was room, else nothing is taken."""
        new = sum(each not in self.held for each in set(hashes))
        if self.used + new + private > self.total:
            return False
        for each in hashes:
            self.held[each] = self.held.get(each, 0) + 1
            self.idle.pop(each, None)
        self.private += private
        self._fit()
        return True

    def give(self, hashes: Sequence[int], private: int) -> None:
        """Give back what was taken; shared blocks stay known."""
        self.private -= private
        for each in hashes:
            self.held[each] -= 1
            if not self.held[each]:
                del self.held[each]
                self.idle[each] = None
        self._fit()

    def _fit(self) -> None:
        while self.used + len(self.idle) > self.total:
            self.idle.popitem(last=False)
