"""Ratios and counts, never absolute times: a slow machine is as slow for the peer that runs in the same minute.

spine1  spine2       2 x 4, numbered, IPv4 and IPv6, on both runtimes from the same file;
  |  \\  /  |         4 x 16 likewise, natively, where a removal is more than a program's start
leaf1 ... leaf4
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.converge import converge
from tests.bench.cases import PLAIN, case, fabric
from tests.bench.engine import engine
from tests.bench.measure import Run
from tests.bench.ours import Bench, Closlab
from topologies import deploy
from topologies.runtime.netlink import Netlink

SMALL, MIDDLE = case("2x4"), case("4x16")
DUMPS = 3  # of one node that has all its routes: its interfaces, and its routes of two families


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """One run on each runtime, and a larger native one."""
    with engine() as docker:
        bench = Bench(tmp_path_factory.mktemp("bench"), "ratio", dict(docker.env), docker.again)
        both = {name: Closlab(name).run(bench, SMALL, PLAIN) for name in ("netns", "containerlab")}
        yield {**both, "larger": Closlab("netns").run(bench, MIDDLE, PLAIN)}


def test_native_is_at_least_twice_as_fast(runs: dict[str, Run]) -> None:
    """The same fabric is up and checked on namespaces in less than half the time that containerlab takes."""
    ours, theirs = runs["netns"], runs["containerlab"]

    assert not ours.failed
    assert not theirs.failed
    assert theirs.up > 2 * ours.up


def test_down_is_much_faster_than_up(runs: dict[str, Run]) -> None:
    """Taking twenty routers down takes less than a third of bringing them up."""
    ours = runs["larger"]

    assert not ours.failed
    assert ours.down < ours.up / 3


def test_a_converged_fabric_is_asked_once_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting costs as many questions to kernels as there are nodes, not as there are looks at the clock."""
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path / "state"))
    file = tmp_path / "lab.yml"
    file.write_text(fabric(SMALL, PLAIN, "ratio-asked"))
    source = deploy.load(file)
    assert source.plan
    record = deploy.up(source, "netns", say=lambda *_: None)
    try:
        converge(record, source.plan, within=60, say=lambda *_: None)
        asked = counted(monkeypatch)
        converge(record, source.plan, within=60, say=lambda *_: None)
    finally:
        deploy.down(record.name)

    assert len(asked) == DUMPS * SMALL.nodes


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on, every list that a kernel is asked for."""
    asked: list[str] = []
    real = Netlink._list

    def counting(self: Netlink, request: object, read: object) -> object:
        asked.append(str(request))
        return real(self, request, read)  # type: ignore[arg-type]

    monkeypatch.setattr(Netlink, "_list", counting)
    return asked
