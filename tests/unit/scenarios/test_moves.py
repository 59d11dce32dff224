"""Which flows moved for a fault that did not touch them."""

import pytest

from labs.chaos.model import Flow
from labs.chaos.moves import moves, sample, touched
from telemetry.paths import Path
from topologies.model import Endpoint


def flow(number: int) -> Flow:
    """A flow."""
    return Flow("h1", "h2", "ipv4", number, "10.0.0.1", "10.0.0.2", 16)


def way(spine: str, end: str = "") -> Path:
    """The way over a spine; leaf1:eth1 leads to spine1."""
    up = Endpoint("leaf1", f"eth{spine[-1]}")
    return Path((Endpoint("h1", "eth1"), up, Endpoint(spine, "eth2")), ("h1", "leaf1", spine, "leaf2", "h2"), end)


@pytest.mark.parametrize(
    ("hit", "expected"),
    [
        (["spine1"], True),
        (["leaf1:eth1", "spine1:eth1"], True),
        (["spine2"], False),
        (["leaf1:eth2"], False),
        ([], False),
    ],
)
def test_a_way_is_touched_by_its_nodes_and_the_ends_it_leaves_by(hit: list[str], expected: bool) -> None:
    """And by nothing else."""
    assert touched(way("spine1"), hit) is expected


def test_a_flow_that_goes_elsewhere_has_moved() -> None:
    """Whether it had to is told by what was hit; one that had no way before tells nothing."""
    before = [
        (flow(0), way("spine1")),
        (flow(1), way("spine2")),
        (flow(2), way("spine2")),
        (flow(3), way("spine1", "x")),
    ]
    after = [(flow(0), way("spine2")), (flow(1), way("spine2")), (flow(2), way("spine3")), (flow(3), way("spine2"))]

    found = moves("cut", 2.0, before, after, ["leaf1:eth1", "spine1:eth1"])

    assert [(each.touched, each.changed) for each in found] == [(True, True), (False, False), (False, True)]
    assert {(each.step, each.at) for each in found} == {("cut", 2.0)}


@pytest.mark.parametrize(
    ("count", "most", "kept"), [(10, 64, 10), (64, 64, 64), (65, 64, 33), (200, 64, 50), (0, 64, 0)]
)
def test_a_sample_is_even_and_no_larger_than_asked(count: int, most: int, kept: int) -> None:
    """From all flows alike."""
    found = sample((flow(number) for number in range(count)), most)

    assert len(found) == kept <= most
    assert list(found) == sorted(found, key=lambda each: each.number)
