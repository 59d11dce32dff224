"""A small fabric that runs, is broken, and is observed meanwhile."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labs.bringup import bring_up, verdict
from labs.chaos.live import Live
from labs.chaos.model import Event, Kind, Outage, Recording
from labs.chaos.observing import Observation, observing
from topologies import deploy
from topologies.runtime.store import Store
from topologies.waiting import until

FABRIC = "name: probing-{name}-{pid}\ndesign: leaf-spine\nspines: 2\nleaves: 2\nhosts_per_leaf: {hosts}\n{more}"
RATE = 2000  # probes a second
SETTLE = 30.0  # seconds that the fabric may take to be as planned again
STOOD = "nobody looked for "
CALM = 0.2  # seconds of probes before and after what is done to it


class Fabric:
    """A running fabric."""

    def __init__(self, live: Live, at: Store) -> None:
        self.live, self.at = live, at

    def observed(self, *, rate: int = RATE) -> "Observed":
        """It, while it is observed."""
        return Observed(self, rate)

    def settle(self) -> None:
        """Wait until it is as planned, its data plane too: a port that came up forwards up to a second later."""
        until("the fabric is as planned", self._other, within=SETTLE)

    def _other(self) -> str:
        return "; ".join(map(str, verdict(self.live.record, self.live.plan).differences))


class Observed:
    """A context manager: probes and watches; what it saw is `seen` afterwards."""

    seen: Recording

    def __init__(self, fabric: Fabric, rate: int) -> None:
        self._fabric = fabric
        self._observing = observing(fabric.live, rate=rate, flows=0, seed=1, lead=0.0, at=fabric.at)

    def __enter__(self) -> Observation:
        self._observation = self._observing.__enter__()
        pass_time(CALM)
        return self._observation

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None:
                pass_time(CALM)
                self.seen = self._observation.end()
        finally:
            self._observing.__exit__(None, None, None)

    def events(self, *kinds: Kind, node: str = "") -> list[Event]:
        """Events of these kinds, of one node or of all."""
        return [each for each in self.seen.events if each.kind in kinds and node in ("", each.node)]

    def outages(self, *nodes: str) -> list[Outage]:
        """Outages of flows that begin or end at one of these nodes, or of all."""
        return [
            each for each in self.seen.probes.outages if not nodes or {each.flow.source, each.flow.target} & set(nodes)
        ]

    @property
    def missed(self) -> list[str]:
        """What was not heard; that the watcher stood still for a moment, as on a busy machine it may, is `stood`."""
        return [each for each in self.seen.missed if not each.startswith(STOOD)]

    @property
    def stood(self) -> float:
        """Milliseconds for which the watcher stood still, where that is told; else 0."""
        told = (each.removeprefix(STOOD) for each in self.seen.missed if each.startswith(STOOD))
        return max((float(each.split()[0]) for each in told), default=0)

    @property
    def lost(self) -> int:
        """Probes that never came."""
        return sum(each.lost for each in self.seen.probes.bins)

    @property
    def sent(self) -> int:
        """Probes that were sent."""
        return sum(each.sent for each in self.seen.probes.bins)


def children() -> list[int]:
    """Processes of this one, the youngest last: while a fabric is observed these are prober and watcher."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def pid_of(lab: Fabric, node: str, daemon: str) -> int:
    """The process of a node's daemon."""
    found = lab.live.door(node).processes()
    return next(each.pid for each in found if each.argv and os.path.basename(each.argv[0]) == daemon)


def pass_time(seconds: float) -> None:
    """Let probes go on for a time: the duration is what is measured, nothing is waited for."""
    time.sleep(seconds)


@contextmanager
def fabric(folder: Path, name: str, *, hosts: int = 2, more: str = "", runtime: str = "netns") -> Iterator[Fabric]:
    """Two spines, two leaves, and hosts on each leaf; up, and down at the end."""
    path = folder / f"{name}.yml"
    path.write_text(FABRIC.format(name=name, pid=os.getpid(), hosts=hosts, more=more))
    source, at = deploy.load(path), Store(folder / "state")
    assert source.fabric is not None
    assert source.plan is not None
    brought = bring_up(source, runtime, say=lambda phase, done, of: None, at=at)
    try:
        yield Fabric(Live(brought.record, source.fabric, source.plan, at), at)
    finally:
        deploy.down(brought.record.name, at=at)
