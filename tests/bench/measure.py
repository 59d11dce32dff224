"""One measured thing: what ran, how often, and its figures. All times in seconds, memory in MiB. Pure.

These are also the shapes of the result files, so that what the tables say can be computed again from them.
"""

from collections.abc import Sequence
from statistics import median

from msgspec import Struct


class Run(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One run: brought up until converged and checked, then taken down.

    `busy` is the share of the machine that others used just before, `cpu` what the whole machine worked during `up`.
    `figures` are what is no time, by name: rates, shares, counts. `failed` says why there is nothing.
    """

    up: float = 0
    down: float = 0
    phases: dict[str, float] = {}
    memory: float = 0  # MiB that the machine has less while the lab is up
    cpu: float = 0
    busy: float = 0
    failed: str = ""
    figures: dict[str, float] = {}


class Series(Struct, frozen=True, forbid_unknown_fields=True):
    """The runs of one peer on one case; `variant` says how the fabric differs from the plain one."""

    case: str
    variant: str
    peer: str
    nodes: int
    links: int
    runs: tuple[Run, ...]

    @property
    def good(self) -> tuple[Run, ...]:
        """The runs that have figures."""
        return tuple(run for run in self.runs if not run.failed)

    @property
    def up(self) -> float:
        """Median time to converged and checked."""
        return middle([run.up for run in self.good])

    @property
    def down(self) -> float:
        """Median time to gone."""
        return middle([run.down for run in self.good])

    @property
    def cpu(self) -> float:
        """Median CPU time of the machine during `up`."""
        return middle([run.cpu for run in self.good])

    @property
    def busy(self) -> float:
        """The largest share of the machine that others used just before a run."""
        return max((run.busy for run in self.runs), default=0)

    @property
    def spread(self) -> tuple[float, float]:
        """The fastest and the slowest `up`."""
        return min((run.up for run in self.good), default=0), max((run.up for run in self.good), default=0)

    @property
    def memory(self) -> float:
        """Median memory of the whole lab, in MiB."""
        return middle([run.memory for run in self.good])

    @property
    def memory_per_node(self) -> float:
        """Median MiB per node."""
        return self.memory / max(self.nodes, 1)

    def figure(self, name: str) -> float:
        """The median of a figure."""
        return middle(self.figures(name))

    def figures(self, name: str) -> list[float]:
        """All values of a figure, the least first."""
        return sorted(run.figures[name] for run in self.good if name in run.figures)

    @property
    def phases(self) -> dict[str, float]:
        """The median of each phase, in the order of the first run."""
        names = dict.fromkeys(name for run in self.good for name in run.phases)
        return {name: middle([run.phases.get(name, 0) for run in self.good]) for name in names}


class Machine(Struct, frozen=True, forbid_unknown_fields=True):
    """What it was measured on, and with what."""

    cores: int
    memory: int  # MiB
    kernel: str
    python: str
    frr: str
    versions: dict[str, str]


class Results(Struct, frozen=True, forbid_unknown_fields=True):
    """A result file: all series of one case, measured alternately."""

    suite: str
    case: str
    measured: str  # ISO 8601, UTC
    machine: Machine
    series: tuple[Series, ...]

    def of(self, peer: str, variant: str) -> Series | None:
        """One series that has figures, or None."""
        return next((each for each in self.series if (each.peer, each.variant) == (peer, variant) and each.good), None)

    @property
    def complete(self) -> bool:
        """Whether every series has figures of every run."""
        return all(run.failed == "" for each in self.series for run in each.runs)


def middle(values: Sequence[float]) -> float:
    """The median; 0 of nothing."""
    return median(values) if values else 0


def ratio(ours: Series, theirs: Series) -> float:
    """How many times longer the peer takes, medians compared."""
    return theirs.up / ours.up


def available(meminfo: str) -> float:
    """MemAvailable out of /proc/meminfo, in MiB."""
    return _kib(meminfo, "MemAvailable:") / 1024


def total(meminfo: str) -> int:
    """MemTotal out of /proc/meminfo, in MiB."""
    return _kib(meminfo, "MemTotal:") // 1024


def worked(stat: str) -> tuple[int, int]:
    """Ticks that all CPUs together have worked, and ticks that passed, out of /proc/stat."""
    ticks = [int(field) for field in stat.splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _kib(meminfo: str, key: str) -> int:
    return next(int(line.split()[1]) for line in meminfo.splitlines() if line.startswith(key))
