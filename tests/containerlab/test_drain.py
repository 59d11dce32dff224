"""A spine leaves and comes back in containers, as on namespaces, without a packet lost."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import Closlab
from traffic import traffic

from topologies import deploy
from topologies.plan import Plan
from topologies.runtime import store
from topologies.runtime.model import LabRecord

SMALL = Path(__file__).parents[2] / "topologies" / "fabrics" / "small.yml"


@pytest.fixture(scope="module")
def closlab(tmp_path_factory: pytest.TempPathFactory) -> Closlab:
    return Closlab(tmp_path_factory.mktemp("drain"))


@pytest.fixture(scope="module")
def fabric(closlab: Closlab) -> Iterator[tuple[LabRecord, Plan]]:
    """The small fabric, converged."""
    name = f"drain{os.getpid()}boxed"
    up = closlab("up", str(SMALL), "--name", name, "--runtime", "containerlab")
    try:
        assert up.returncode == 0, up.stderr
        record = store.Store(closlab.state).read(name)
        plan = deploy.plan_of(record)
        assert plan is not None
        yield record, plan
    finally:
        closlab("down", name)


def test_a_spine_leaves_and_comes_back_without_a_packet_lost(closlab: Closlab, fabric: tuple[LabRecord, Plan]) -> None:
    """And stays away when its container restarts in between."""
    with traffic(*fabric, 10_000) as end:
        drained = closlab("drain", "spine1")
        restarted = closlab("node", "restart", "spine1")
        alone = closlab.answer("check", "--within", "30")
        back = closlab("undrain", "spine1")
        tally = end()

    assert [each.returncode for each in (drained, restarted, back)] == [0, 0, 0], drained.stderr + back.stderr
    assert [each["what"] for each in alone["check"]["differences"]] == ["drained"]
    assert (dict(tally.lost), tally.received) == ({}, tally.sent)
    assert closlab("check").returncode == 0


def test_every_router_complies_with_the_plan(closlab: Closlab, fabric: tuple[LabRecord, Plan]) -> None:
    """With the management network beside it."""
    found = closlab.answer("validate")

    assert found["findings"] == []
    assert len(found["nodes"]) == 6
