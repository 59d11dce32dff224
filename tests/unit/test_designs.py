"""Designs: which node is cabled to which, on which interface."""

from collections import Counter

from topologies.designs import Cables, Wiring, leaf_spine, rail, three_tier
from topologies.model import Role

CABLES = Cables(mtu=9500, rate_mbps=None, host_mtu=9500, host_rate_mbps=None)


def cabled(wiring: Wiring, node: str) -> dict[str, str]:
    """What is at the far end of each interface of a node, in order."""
    far = [(link.a, link.b) for link in wiring.links] + [(link.b, link.a) for link in wiring.links]
    ends = {own.interface: str(other) for own, other in far if own.node == node}
    return dict(sorted(ends.items(), key=lambda item: int(item[0].removeprefix("eth"))))


def test_every_leaf_has_its_uplinks_first_in_the_order_of_spines() -> None:
    """eth1 and eth2 lead to spine1 and spine2, hosts come after; on a spine, interface n leads to leaf n."""
    wiring = leaf_spine(spines=2, leaves=3, hosts_per_leaf=2, nics=1, cables=CABLES)

    assert list(cabled(wiring, "leaf2").values()) == [
        "spine1:eth2",
        "spine2:eth2",
        "leaf2-host1:eth1",
        "leaf2-host2:eth1",
    ]
    assert list(cabled(wiring, "spine1").values()) == ["leaf1:eth1", "leaf2:eth1", "leaf3:eth1"]


def test_hosts_with_two_nics_stand_under_a_pair_of_leaves() -> None:
    """The first NIC goes to the home leaf, the second to the other leaf of the pair, and no leaf carries more."""
    wiring = leaf_spine(spines=1, leaves=4, hosts_per_leaf=1, nics=2, cables=CABLES)

    assert list(cabled(wiring, "leaf1-host1").values()) == ["leaf1:eth2", "leaf2:eth3"]
    assert list(cabled(wiring, "leaf4-host1").values()) == ["leaf4:eth2", "leaf3:eth3"]
    assert {len(cabled(wiring, f"leaf{index}")) for index in range(1, 5)} == {3}


def test_planes_keep_to_themselves() -> None:
    """Spine k of each pod goes to the super-spines of plane k and to no other."""
    wiring = three_tier(
        pods=2,
        spines_per_pod=2,
        leaves_per_pod=2,
        superspines_per_plane=2,
        hosts_per_leaf=1,
        nics=1,
        cables=CABLES,
    )

    assert list(cabled(wiring, "superspine3").values()) == ["pod1-spine2:eth1", "pod2-spine2:eth1"]
    assert list(cabled(wiring, "pod2-spine1").values()) == [
        "superspine1:eth2",
        "superspine2:eth2",
        "pod2-leaf1:eth1",
        "pod2-leaf2:eth1",
    ]
    planes = {node.name: node.plane for node in wiring.nodes if node.plane}
    assert all(
        planes[link.a.node] == planes[link.b.node]
        for link in wiring.links
        if link.b.node in planes and link.a.node in planes
    )


def test_nic_k_goes_to_rail_k() -> None:
    """A host of a rail-optimised pod has one NIC per rail, each on the leaf of that rail in its own pod."""
    wiring = rail(pods=2, rails=3, hosts_per_pod=2, spines=2, cables=CABLES)

    assert list(cabled(wiring, "pod2-host2").values()) == ["pod2-rail1:eth4", "pod2-rail2:eth4", "pod2-rail3:eth4"]
    assert {node.name: node.rail for node in wiring.nodes if node.pod == 1 and node.role is Role.LEAF} == {
        "pod1-rail1": 1,
        "pod1-rail2": 2,
        "pod1-rail3": 3,
    }


def test_index_counts_from_one_within_role_and_pod() -> None:
    """No two nodes of a role share pod and index, and none is left out."""
    wiring = three_tier(
        pods=3,
        spines_per_pod=2,
        leaves_per_pod=4,
        superspines_per_plane=1,
        hosts_per_leaf=2,
        nics=2,
        cables=CABLES,
    )

    counts = Counter((node.role, node.pod) for node in wiring.nodes)
    assert {(node.role, node.pod, node.index) for node in wiring.nodes} == {
        (role, pod, index) for (role, pod), count in counts.items() for index in range(1, count + 1)
    }
