"""What was loaded and not yet committed, and what it would make of a running configuration. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from napalm_frr.changes import changes
from napalm_frr.delta import delta
from napalm_frr.merging import merge
from napalm_frr.normal import normal
from napalm_frr.tree import Config

HOSTNAME = "hostname "


@dataclass(frozen=True, slots=True)
class Candidate:
    """Texts in the order in which they were loaded; where it replaces, the first is a whole configuration."""

    replaces: bool = False
    texts: tuple[str, ...] = ()

    def merging(self, text: str) -> "Candidate":
        """With a fragment more."""
        return Candidate(self.replaces, (*self.texts, text))

    def over(self, running: Config) -> Config:
        """What is to run. A router keeps its name where a whole configuration names none."""
        wanted, fragments = running, self.texts
        if self.replaces:
            wanted, fragments = normal(self.texts[0]), self.texts[1:]
            if not any(path[0].startswith(HOSTNAME) for path in wanted):
                wanted = (*(path for path in running if path[0].startswith(HOSTNAME)), *wanted)
        for each in fragments:
            wanted = merge(wanted, each)
        return wanted


@dataclass(frozen=True, slots=True)
class Aim:
    """A change as it was worked out: what ran, and what is to run."""

    before: Config
    wanted: Config

    @property
    def way(self) -> Sequence[str]:
        """The lines that lead there."""
        return delta(self.before, self.wanted)

    @property
    def back(self) -> Sequence[str]:
        """The lines that lead back from there."""
        return delta(self.wanted, self.before)

    def way_back_from(self, shown: Config) -> Sequence[str]:
        """The lines that lead back from where the router got to."""
        return delta(shown, self.before)

    def rest(self, shown: Config) -> Sequence[str]:
        """The lines that are still to be said; none where the router shows what it is to show."""
        return delta(shown, self._as_shown(shown), thorough=True)

    def lacking(self, shown: Config) -> str:
        """What the router shows (-) instead of what it is to show (+); "" where that is the same."""
        return changes(shown, self._as_shown(shown))

    def _as_shown(self, shown: Config) -> Config:
        """What is to run, without `no LINE` where the router shows neither that nor LINE: then it does as told."""
        seen = set(shown)
        return tuple(path for path in self.wanted if path in seen or not _is_off(path, shown))


def _is_off(path: tuple[str, ...], shown: Config) -> bool:
    line = path[-1].removeprefix("no ")
    return line != path[-1] and not any(each[:-1] == path[:-1] and each[-1].startswith(line) for each in shown)
