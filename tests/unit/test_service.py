"""What a router's configuration says of its being in service, and what else differs beside one that is not."""

import pytest

from telemetry.model import Out, Service
from telemetry.service import MESSAGE_BYTES, leading, message, out_of_service

CONFIG = """\
router bgp 65001
 bgp router-id 10.0.0.1
{instance} neighbor LEAVES peer-group
{group} neighbor eth1 interface peer-group LEAVES
 neighbor eth1 remote-as 65101
 neighbor 192.0.2.1 remote-as 65102
 neighbor 192.0.2.1 peer-group LEAVES
{alone} !
 address-family ipv4 unicast
  neighbor LEAVES activate
 exit-address-family
exit
"""
MARK = " bgp graceful-shutdown\n"
SHUT = " neighbor LEAVES shutdown message drained since 2026-01-02T03:04:05+00:00 by root on vm\n"
ALONE = " neighbor eth9 interface remote-as external\n"
SINCE = Out(Service.DRAINED, "2026-01-02T03:04:05+00:00", "root on vm")


@pytest.mark.parametrize(
    ("parts", "out"),
    [
        ({}, None),
        ({"instance": MARK}, Out(Service.DRAINING)),
        ({"instance": MARK, "group": SHUT}, SINCE),
        ({"group": SHUT}, None),  # one that only shut a session is not out of service: that is a difference
        ({"instance": MARK, "group": " neighbor LEAVES shutdown\n"}, Out(Service.DRAINED)),
        ({"instance": MARK, "group": " neighbor LEAVES shutdown message for a while\n"}, Out(Service.DRAINED)),
        ({"instance": MARK, "group": SHUT, "alone": ALONE}, Out(Service.DRAINING)),
        ({"instance": MARK, "group": SHUT, "alone": f"{ALONE} neighbor eth9 shutdown\n"}, SINCE),
        ({"instance": MARK, "alone": " neighbor eth1 shutdown\n"}, Out(Service.DRAINING)),
        ({"instance": " bgp shutdown\n"}, Out(Service.DRAINED)),
    ],
)
def test_the_configuration_says_how_far_a_router_is_out(parts: dict[str, str], out: Out | None) -> None:
    """Drained is who marks its routes and has shut all its sessions."""
    assert out_of_service(CONFIG.format(**{"instance": "", "group": "", "alone": "", **parts})) == out


def test_a_configuration_without_bgp_is_in_service() -> None:
    """As one that could not be told."""
    assert out_of_service("hostname leaf1\n") is None


def test_all_are_reached_by_their_groups_and_those_that_are_in_none() -> None:
    """So that no session is forgotten, and a group is one line."""
    assert leading(CONFIG.format(instance="", group="", alone=ALONE)) == ("LEAVES", "eth9")


def test_the_message_fits_into_a_notification() -> None:
    """Also with a long name in letters of several bytes, which are not cut in the middle."""
    said = message("2026-01-02T03:04:05+00:00", "ä" * 200)

    assert len(said.encode()) <= MESSAGE_BYTES
    assert said.endswith("ä")
