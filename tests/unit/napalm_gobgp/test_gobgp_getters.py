"""NAPALM's own getter suite on recordings of two versions of GoBGP (napalm.base.test).

mocked_data/TEST/gobgp-3.10/   Debian's, as it answered over API v3     `python -m tests.record_gobgp` makes these
mocked_data/TEST/gobgp-4.8/    the same question over API v4
"""

import inspect
from pathlib import Path

import pytest
from napalm.base import NetworkDriver
from napalm.base.test import conftest as suite
from napalm.base.test.double import BaseTestDouble
from napalm.base.test.getters import BaseTestGetters
from napalm_gobgp import GoBGPDriver
from napalm_gobgp.client import Client
from napalm_gobgp.codec import CODECS
from napalm_gobgp.recorded import Recorded, version_of
from napalm_gobgp.stubs import load

from tests.record_gobgp import CASES, NOW

RECORDED = Path(__file__).with_name("mocked_data")
MACHINE = "GoBGP speaks BGP, and knows nothing of the machine that it runs on"
WHOLE = "GoBGP's API neither shows nor takes a whole configuration"
# What GoBGP cannot feed, and why.
UNFED = {
    "get_arp_table": MACHINE,
    "get_arp_table_with_vrf": MACHINE,
    "get_config": WHOLE,
    "get_config_filtered": WHOLE,
    "get_config_sanitized": WHOLE,
    "get_config_sanitized_filtered": WHOLE,
    "get_environment": MACHINE,
    "get_firewall_policies": "GoBGP filters routes, not packets",
    "get_interfaces": MACHINE,
    "get_interfaces_counters": MACHINE,
    "get_interfaces_ip": MACHINE,
    "get_ipv6_neighbors_table": MACHINE,
    "get_lldp_neighbors": MACHINE,
    "get_lldp_neighbors_detail": MACHINE,
    "get_mac_address_table": MACHINE,
    "get_network_instances": "its VRFs have no interfaces, which is what NAPALM asks for",
    "get_ntp_peers": MACHINE,
    "get_ntp_servers": MACHINE,
    "get_ntp_stats": MACHINE,
    "get_optics": MACHINE,
    "get_probes_config": MACHINE,
    "get_probes_results": MACHINE,
    "get_snmp_information": MACHINE,
    "get_users": MACHINE,
    "get_vlans": MACHINE,
    "ping": MACHINE,
    "traceroute": MACHINE,
}
GROUPED = ("get_arp_table_with_vrf", "get_config_filtered", "get_config_sanitized", "get_config_sanitized_filtered")


class Recordings(BaseTestDouble, Recorded):
    """The wire of the suite, which says which case is at play."""

    def __init__(self) -> None:
        BaseTestDouble.__init__(self)

    @property
    def _folder(self) -> Path:
        return Path(self.find_file("expected_result.json")).parent


class PatchedDriver(GoBGPDriver):
    """The driver, open on the recordings, at the time at which they were asked."""

    patched_attrs = ("device",)

    def open(self) -> None:
        """There is no case yet, so nothing can be asked."""
        self.device = Recordings()

    def _now(self) -> float:
        return NOW

    def _ask(self, question):  # type: ignore[no-untyped-def]  # as its parent's
        self._client = Client(self.device, CODECS[version := version_of(self.device._folder)](load(version)))
        return super()._ask(question)

    def is_alive(self):  # type: ignore[no-untyped-def]  # as its parent's
        """The suite asks for it before there is a case too."""
        self._ask(lambda client: client.speaker())
        return super().is_alive()


@pytest.fixture(scope="class")
def set_device_parameters(request: pytest.FixtureRequest) -> None:
    """Have the suite test our driver."""
    request.cls.driver = GoBGPDriver
    request.cls.patched_driver = PatchedDriver
    suite.set_device_parameters(request)
    request.cls.device.hostname = "speaker"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each folder of recordings; a skipped one with its reason, where the suite would have none."""
    name = metafunc.function.__name__.removeprefix("test_")
    if name in UNFED:
        metafunc.parametrize("test_case", [pytest.param("unfed", marks=pytest.mark.skip(reason=UNFED[name]))])
    elif "test_case" in metafunc.fixturenames:
        cases = [pytest.param(case, marks=pytest.mark.gobgp(version)) for version, case in CASES.items()]
        metafunc.parametrize("test_case", cases)


@pytest.mark.usefixtures("set_device_parameters")
class TestGetters(BaseTestGetters):  # type: ignore[misc]  # the suite is not annotated
    """All that the suite has."""


def test_what_is_skipped_is_what_the_driver_does_not_have() -> None:
    """No getter is skipped that the driver has, none is missing without a reason."""
    getters = [name for name, _ in inspect.getmembers(NetworkDriver, inspect.isfunction) if name.startswith("get_")]

    lacking = {name for name in getters if getattr(GoBGPDriver, name) is getattr(NetworkDriver, name)}

    assert lacking == set(UNFED) - {*GROUPED, "ping", "traceroute"}


def test_every_recorded_case_belongs_to_a_test_of_the_suite() -> None:
    """A folder that no test reads would prove nothing; and there is one of each version for each getter."""
    tests = {name for name in dir(BaseTestGetters) if name.startswith("test_")}
    cases = sorted(RECORDED.glob("*/*/expected_result.json"))

    assert {case.parents[1].name for case in cases} <= tests
    assert len(cases) == 7 * len(CASES)
