"""NAPALM's own getter suite on recordings, one folder of answers for each case (napalm.base.test).

mocked_data/TEST/frr-8.4/    a router of Debian 12, as it answered      `python -m tests.record_napalm` makes these
mocked_data/TEST/frr-10.3/   the same question to Debian 13's FRR
mocked_data/TEST/by-hand/    written after the format, for what the recording machine's kernel has not: VRFs, VLANs
"""

import inspect
from pathlib import Path

import pytest
from napalm.base import NetworkDriver
from napalm.base.test import conftest as suite
from napalm.base.test.double import BaseTestDouble
from napalm.base.test.getters import BaseTestGetters
from napalm_frr import FRRDriver
from napalm_frr.recorded import RecordedTransport

RECORDED = Path(__file__).with_name("mocked_data")
# What FRR and Linux cannot feed, and why.
UNFED = {
    "get_ntp_peers": "FRR keeps no time; a lab's nodes have the machine's clock",
    "get_ntp_servers": "FRR keeps no time; a lab's nodes have the machine's clock",
    "get_ntp_stats": "FRR keeps no time; a lab's nodes have the machine's clock",
    "get_snmp_information": "FRR is no SNMP agent, at most it serves one",
    "get_probes_config": "FRR has no probes of its own",
    "get_probes_results": "FRR has no probes of its own",
    "get_optics": "a virtual link has no light to measure",
    "get_firewall_policies": "FRR filters routes, not packets",
}


class Recordings(BaseTestDouble, RecordedTransport):
    """The transport of the suite, which says which case is at play."""

    def __init__(self) -> None:
        BaseTestDouble.__init__(self)

    @property
    def _folder(self) -> Path:
        return Path(self.find_file("expected_result.json")).parent


class PatchedDriver(FRRDriver):
    """The driver, open on the recordings."""

    patched_attrs = ("device",)

    def open(self) -> None:
        """There is no case yet, so nothing can be asked; these daemons answer in all of them."""
        self.device = Recordings()
        self._device = self.device
        self._daemons = ("zebra", "bgpd")


@pytest.fixture(scope="class")
def set_device_parameters(request: pytest.FixtureRequest) -> None:
    """Have the suite test our driver."""
    request.cls.driver = FRRDriver
    request.cls.patched_driver = PatchedDriver
    suite.set_device_parameters(request)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each folder of recordings; a skipped one with its reason, where the suite would have none."""
    name = metafunc.function.__name__.removeprefix("test_")
    if name in UNFED:
        metafunc.parametrize("test_case", [pytest.param("unfed", marks=pytest.mark.skip(reason=UNFED[name]))])
    else:
        suite.pytest_generate_tests(metafunc, __file__)


@pytest.mark.usefixtures("set_device_parameters")
class TestGetters(BaseTestGetters):  # type: ignore[misc]  # the suite is not annotated
    """All that the suite has."""


def test_what_is_skipped_is_what_the_driver_does_not_have() -> None:
    """No getter is skipped that the driver has, none is missing without a reason."""
    getters = [name for name, _ in inspect.getmembers(NetworkDriver, inspect.isfunction) if name.startswith("get_")]

    lacking = {name for name in getters if getattr(FRRDriver, name) is getattr(NetworkDriver, name)}

    assert lacking == set(UNFED)


def test_every_recorded_case_belongs_to_a_test_of_the_suite() -> None:
    """A folder that no test reads would prove nothing; and there are enough of them to prove something."""
    tests = {name for name in dir(BaseTestGetters) if name.startswith("test_")}
    cases = sorted(RECORDED.glob("*/*/expected_result.json"))

    assert {case.parents[1].name for case in cases} <= tests
    assert len(cases) >= 40
