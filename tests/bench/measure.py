"""One measured thing: what ran, how often, and its figures. All times in seconds, memory in MiB."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one peer: bring up until converged and checked, then take down."""

    up: float
    down: float
    phases: Mapping[str, float]
    memory: float  # MiB that the machine has less while the lab is up


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of one peer on one case."""

    case: str
    peer: str
    nodes: int
    links: int
    runs: tuple[Run, ...]

    @property
    def up(self) -> float:
        """Median time to converged and checked."""
        return median(run.up for run in self.runs)

    @property
    def down(self) -> float:
        """Median time to gone."""
        return median(run.down for run in self.runs)

    @property
    def spread(self) -> tuple[float, float]:
        """The fastest and the slowest `up`."""
        return min(run.up for run in self.runs), max(run.up for run in self.runs)

    @property
    def memory_per_node(self) -> float:
        """Median MiB per node."""
        return median(run.memory for run in self.runs) / self.nodes

    def phase(self, name: str) -> float:
        """Median time of one phase; 0 where a run did not have it."""
        return median(run.phases.get(name, 0.0) for run in self.runs)

    @property
    def phase_names(self) -> tuple[str, ...]:
        """The phases in the order of the first run."""
        return tuple(self.runs[0].phases)


def ratio(ours: Series, theirs: Series) -> float:
    """How many times longer the peer takes, medians compared."""
    return theirs.up / ours.up


def available_memory() -> float:
    """MiB that the machine could still give (MemAvailable of /proc/meminfo)."""
    return available(Path("/proc/meminfo").read_text().splitlines())


def available(lines: Iterable[str]) -> float:
    """MemAvailable out of the lines of /proc/meminfo, in MiB."""
    kib = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return int(kib) / 1024
