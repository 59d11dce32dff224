r"""Configuration by the NAPALM driver on running routers: what FRR makes of it, and what becomes of it.

    spine1            each on the machine's own FRR, and on Debian 13's FRR 10, which keeps part of the
    /    \            configuration in a daemon of its own
leaf1    leaf2
"""

import time
import unittest
from collections.abc import Iterator
from pathlib import Path

import pytest
from configurations import configurations, written
from hypothesis import HealthCheck, Phase, given, settings
from napalm.base.test import base as suite
from napalm_frr import FRRDriver
from napalm_frr.changes import changes
from napalm_frr.normal import normal
from napalm_frr.tree import Config
from transactions import Live, Transactions, networks, running, shown

from topologies import process

ROOT = Path(__file__).parents[2]
SUITE = Path(__file__).with_name("napalm_suite")
NETWORKS = [f"100.64.{number}.0/24" for number in range(200)]
RELOAD = ["/usr/lib/frr/frr-reload.py", "--reload", "--confdir", "/run/oracle", "/run/oracle/frr.conf"]
ANOTHER_FRR = pytest.mark.programs("mmdebstrap")  # which makes the root file system that has it


@pytest.fixture(scope="module", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder of this module's own: the driver looks for labs where closlab does."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("state")
        patch.setenv("CLOSLAB_STATE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def own(state: Path) -> Iterator[Live]:
    yield from running(state, "own")


@pytest.fixture(scope="module")
def ten(state: Path) -> Iterator[Live]:
    process.run([str(ROOT / ".ci" / "rootfs")], timeout=280)
    yield from running(state, "ten", str(ROOT / ".cache" / "rootfs" / "trixie"))


@pytest.fixture(params=["own", pytest.param("ten", marks=ANOTHER_FRR)])
def lab(request: pytest.FixtureRequest) -> Live:
    """Either lab."""
    live: Live = request.getfixturevalue(request.param)
    return live


class Conformance(suite.TestConfigNetworkDriver):  # type: ignore[misc]  # the suite is not annotated
    """NAPALM's own suite for configurations, on leaf1, which begins and ends it with the suite's own configuration."""

    which = ""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def router(cls, request: pytest.FixtureRequest) -> None:
        live: Live = request.getfixturevalue(cls.which)
        cls.device, cls.vendor = live.driver("leaf1"), str(SUITE)
        cls.device.open()
        cls.device.load_replace_candidate(filename=str(SUITE / "initial.conf"))
        cls.device.commit_config()

    @classmethod
    def setup_class(cls) -> None:
        """unittest sets the class up, and tears it down, so pytest must not do it again."""

    @classmethod
    def teardown_class(cls) -> None:
        """As above."""


class TestConformanceOwn(Conformance, unittest.TestCase):
    """On the machine's FRR."""

    which = "own"


@ANOTHER_FRR
class TestConformanceTen(Conformance, unittest.TestCase):
    """On FRR 10."""

    which = "ten"


def reloaded(lab: Live, node: str, text: str) -> float:
    """Have FRR's own script bring a node to a configuration; returns how long that took."""
    node_door = lab.door(node)
    node_door.run(["mkdir", "-p", "/run/oracle"])
    node_door.write("/run/oracle/frr.conf", text.encode())
    begun = time.monotonic()
    node_door.run(RELOAD, check=False)
    return time.monotonic() - begun


class TestNetns(Transactions):
    """The suite on both, and what FRR's own script would have made of it."""

    def test_two_hundred_networks_come_and_go_faster_than_by_frrs_own_script(self, lab: Live, leaf: FRRDriver) -> None:
        """In one batch each way; FRR's script starts a program for each line that it removes."""
        before = written(shown(leaf))
        leaf.load_merge_candidate(config=networks(leaf, *NETWORKS))
        begun = time.monotonic()
        leaf.commit_config()
        middle = time.monotonic()
        leaf.rollback()
        ours = [middle - begun, time.monotonic() - middle]
        assert changes(normal(before), shown(leaf)) == ""

        leaf.load_merge_candidate(config=networks(leaf, *NETWORKS))
        leaf.commit_config()
        theirs = reloaded(lab, "leaf2", before)

        print(f"200 networks added in {ours[0]:.2f} s, removed in {ours[1]:.2f} s, by frr-reload in {theirs:.1f} s")
        assert changes(normal(before), shown(leaf)) == ""
        assert max(ours) < theirs / 5

    def test_the_result_is_that_of_frrs_own_script(self, lab: Live) -> None:
        """For configurations that hypothesis makes up, each reached from the one before, by us and by frr-reload.

        frr-reload gets a second and third try, for it does not always arrive at once.
        """
        with lab.driver("spine1") as driver:
            former = shown(driver)

            @settings(
                max_examples=15,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(config=configurations())
            def compare(config: Config) -> None:
                begin = written(shown(driver))
                text = written(config).replace("hostname router", "hostname spine1")
                driver.load_replace_candidate(config=text)
                driver.commit_config()
                ours = shown(driver)
                driver.load_replace_candidate(config=begin)
                driver.commit_config()
                for _ in range(3):
                    reloaded(lab, "spine1", text)
                    if not changes(shown(driver), ours):
                        break

                assert changes(shown(driver), ours) == ""
                assert changes(normal(text), ours) == ""

            try:
                compare()
            finally:
                driver.load_replace_candidate(config=written(former))
                driver.commit_config()
