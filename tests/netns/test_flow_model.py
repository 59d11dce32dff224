r"""The model on paper against a live fabric: the same flows, by the ways that real kernels choose for them.

spine1 .. spine4         8 leaves, 8 hosts each; uplinks carry as much as the hosts below
  | \  ...  / |
leaf1 ...  leaf8
 8 hosts    8 hosts
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pytest
from modelled import Modelled, modelled, shifted

from labs.traffic.flows.collisions import balls_in_bins
from labs.traffic.flows.model import Ints, Paths, nics
from labs.traffic.flows.routing import routes
from labs.traffic.flows.spreading import Manner, paths
from labs.traffic.roce.entropy import port_of
from labs.traffic.roce.explain import PORT
from telemetry.facts import collect, open_doors
from telemetry.paths import Flow, Tracer
from topologies.plan import IPV4

NAME = f"paper{os.getpid()}"
HOSTS = 64
FABRIC = f"""\
name: {NAME}
design: leaf-spine
spines: 4
leaves: 8
hosts_per_leaf: 8
underlay: {{ipv6: false}}
links: {{rate_mbps: 200, host_rate_mbps: 100}}
"""
SEEDS = 6
WITHIN = 0.03  # of the mean goodput, over SEEDS draws of 64 NICs; the spread of one draw is about that


@dataclass(frozen=True)
class Live:
    """The fabric as it runs, and who asks its kernels for their choice."""

    lab: Modelled
    tracer: Tracer


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The lab, and a socket in every kernel of it."""
    with ExitStack() as stack:
        lab = stack.enter_context(modelled(tmp_path_factory.mktemp("paper"), FABRIC, 100))
        facts = collect(lab.record, lab.plan.nodes)
        doors, dead = open_doors(lab.record, lab.plan.nodes)
        assert not dead
        kernels = {name: stack.enter_context(door.netlink()) for name, door in doors.items()}
        yield Live(lab, Tracer(kernels, facts))


def ways(live: Live, source: Ints, destination: Ints, qps: int, seed: int) -> Paths:
    """The links over which the kernels send these queue pairs; a row a hop, a column a flow."""
    hosts = [node for node in live.lab.plan.nodes.values() if node.role == "host"]
    addresses = [next(each for each in node.probe_addresses if ":" not in each) for node in hosts]
    number = live.lab.link_of()
    columns = []
    for pair, (a, b) in enumerate(zip(source.tolist(), destination.tolist(), strict=True)):
        for which in range(qps):
            own = (seed * HOSTS + pair) * qps + which
            ports = (port_of(0x100 + 2 * own, 0x101 + 2 * own), PORT)
            path = live.tracer.trace(hosts[a].name, Flow(addresses[a], addresses[b], ports), hosts[b].name)
            assert path.end == ""
            columns.append([number[hop.node, hop.interface] for hop in path.hops])
    return Paths(np.array(columns).T)


@pytest.mark.parametrize("qps", [1, 4, 16])
def test_the_model_spreads_flows_as_kernels_do(live: Live, qps: int) -> None:
    """Real ECMP and the model's hash give the same mean goodput, and the more queue pairs, the nearer the whole."""
    network = live.lab.network
    cards, found = nics(network), routes(network)
    by_kernels, on_paper = [], []
    for seed in range(SEEDS):
        source, destination = shifted(HOSTS, 8, 1 + seed % 7)
        by_kernels.append(live.lab.goodput(ways(live, source, destination, qps, seed), qps).mean())
        taken = paths(network, found, cards, source, destination, Manner(qps=qps, seed=seed))
        on_paper.append(live.lab.goodput(taken, qps).mean())

    assert np.mean(by_kernels) == pytest.approx(np.mean(on_paper), abs=WITHIN)
    assert np.mean(by_kernels) >= balls_in_bins(4, qps) - WITHIN


def test_every_way_of_a_kernel_is_one_of_the_model(live: Live) -> None:
    """Up by a cable of the host's leaf, down by a cable of the same spine, and no other links."""
    source, destination = shifted(HOSTS, 8, 3)

    taken = ways(live, source, destination, 4, 0)

    assert IPV4 in live.lab.plan.nodes["leaf1"].sessions[0].families
    assert taken.links.shape == (4, HOSTS * 4)
    assert (taken.links[:2] % 2 == 0).all()
    assert (taken.links[2:] % 2 == 1).all()
    up, down = taken.links[1] // 2, taken.links[2] // 2
    assert (live.lab.network.upper[up] == live.lab.network.upper[down]).all()
