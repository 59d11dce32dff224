"""A fabric that runs, and the model of it on paper, with what joins them: which cable is which link."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labs.bringup import bring_up
from labs.traffic.flows import fair
from labs.traffic.flows.building import network_of
from labs.traffic.flows.model import MBPS, Floats, Ints, Network, Paths
from topologies import deploy
from topologies.model import Fabric
from topologies.plan import Plan
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store


@dataclass(frozen=True)
class Modelled:
    """The fabric as it runs, and as arrays; `mbps` is the rate of each NIC."""

    record: LabRecord
    fabric: Fabric
    plan: Plan
    network: Network
    mbps: float

    def link_of(self) -> Mapping[tuple[str, str], int]:
        """The model's number of every directed link, by the end that sends into it."""
        ups = {(each.a.node, each.a.interface): 2 * at for at, each in enumerate(self.fabric.links)}
        return ups | {(each.b.node, each.b.interface): 2 * at + 1 for at, each in enumerate(self.fabric.links)}

    def goodput(self, taken: Paths, qps: int) -> Floats:
        """What each NIC gets over these paths, max-min fair, as a share of its rate; its flows stand together."""
        rates = fair.rates(taken, self.network.capacities())
        shares: Floats = rates.reshape(-1, qps).sum(axis=1) / (self.mbps * MBPS)
        return shares


@contextmanager
def modelled(folder: Path, text: str, mbps: float) -> Iterator[Modelled]:
    """The fabric of a file for the length of a block; cables that have no rate are as fast as NICs."""
    (folder / "fabric.yml").write_text(text)
    at, source = Store(folder / "state"), deploy.load(folder / "fabric.yml")
    assert source.fabric is not None
    assert source.plan is not None
    try:
        brought = bring_up(source, "netns", say=lambda phase, done, of: None, at=at)
        network = network_of(source.fabric, source.plan, mbps)
        yield Modelled(brought.record, source.fabric, source.plan, network, mbps)
    finally:
        deploy.down(source.fabric.name, at=at)


def shifted(hosts: int, per_leaf: int, leaves: int) -> tuple[Ints, Ints]:
    """A permutation: every host sends to the one so many leaves on."""
    ranks = np.arange(hosts)
    return ranks, (ranks + per_leaf * leaves) % hosts
