"""From one configuration to another: on a model of FRR for all that hypothesis makes up, and line by line for what FRR
is particular about."""

from configurations import configurations
from frr_model import Router
from hypothesis import given, settings
from napalm_frr.changes import changes
from napalm_frr.delta import delta
from napalm_frr.normal import normal
from napalm_frr.tree import Config, text

BGP = """\
router bgp 65001
 bgp router-id 192.0.2.100
 neighbor SPINES peer-group
 neighbor SPINES remote-as external
 neighbor 192.0.2.1 peer-group SPINES
 neighbor 192.0.2.1 description one
 neighbor 192.0.2.9 remote-as 65109
 !
 address-family ipv4 unicast
  network 10.0.0.0/24
  neighbor SPINES activate
  neighbor SPINES prefix-list OWN out
  neighbor 192.0.2.9 activate
 exit-address-family
exit
"""


@settings(max_examples=400, deadline=None)
@given(before=configurations(), after=configurations())
def test_the_commands_lead_from_any_configuration_to_any_other(before: Config, after: Config) -> None:
    """FRR refuses none of them, and shows the other configuration afterwards."""
    shown = Router(before).take(delta(before, after))

    assert shown == set(after)


@settings(max_examples=200, deadline=None)
@given(before=configurations(), after=configurations())
def test_thorough_commands_lead_there_too(before: Config, after: Config) -> None:
    """Also where each former line is removed before the new one is said."""
    assert Router(before).take(delta(before, after, thorough=True)) == set(after)


@settings(max_examples=100, deadline=None)
@given(config=configurations())
def test_nothing_is_done_where_nothing_differs(config: Config) -> None:
    """A configuration written out and read again is the same, whatever the order of its blocks."""
    again = normal(text(config))

    assert set(again) == set(config)
    assert delta(config, again) == ()
    assert changes(config, tuple(reversed(again))) == ""


def commands(before: str, after: str) -> list[str]:
    """The commands between two texts."""
    return list(delta(normal(before), normal(after)))


def test_what_takes_a_place_is_said_and_nothing_removed_before() -> None:
    """The router keeps an identifier all the while, for without one its sessions would end."""
    after = BGP.replace("192.0.2.100", "192.0.2.101").replace("description one", "description other")

    assert commands(BGP, after) == [
        "router bgp 65001",
        " bgp router-id 192.0.2.101",
        " neighbor 192.0.2.1 description other",
        "exit",
    ]


def test_a_neighbour_of_another_asn_is_made_anew_with_all_that_it_has() -> None:
    """FRR would drop what families say of it, so they say it again."""
    assert commands(BGP, BGP.replace("65109", "65110")) == [
        "router bgp 65001",
        " no neighbor 192.0.2.9",
        "exit",
        "router bgp 65001",
        " neighbor 192.0.2.9 remote-as 65110",
        " address-family ipv4 unicast",
        "  neighbor 192.0.2.9 activate",
        " exit-address-family",
        "exit",
    ]


def test_a_peer_group_that_changes_takes_its_members_along() -> None:
    """They are removed before it and made again after it."""
    lines = commands(BGP, BGP.replace("remote-as external", "remote-as 65101"))

    assert lines[:4] == ["router bgp 65001", " no neighbor 192.0.2.1", " no neighbor SPINES", "exit"]
    assert lines[5:9] == [
        " neighbor SPINES peer-group",
        " neighbor SPINES remote-as 65101",
        " neighbor 192.0.2.1 peer-group SPINES",
        " neighbor 192.0.2.1 description one",
    ]


def test_who_refers_goes_before_what_is_referred_to_and_comes_after_it() -> None:
    """A route-map that is missing for a moment would deny everything."""
    rules = "ip prefix-list OWN seq 5 permit 10.0.0.0/8\nroute-map SRC permit 10\n set src 10.0.0.1\nexit\n"
    whole = f"{rules}ip protocol bgp route-map SRC\n{BGP}"

    come, go = commands("", whole), commands(whole, "")

    order = ["ip prefix-list OWN seq 5 permit 10.0.0.0/8", "route-map SRC permit 10", "router bgp 65001"]
    order.append("ip protocol bgp route-map SRC")
    assert [line for line in come if line in order] == order
    assert go == [f"no {line}" for line in reversed(order)]


def test_another_asn_of_the_router_itself_is_another_instance() -> None:
    """The former goes first, for FRR has one per VRF; with VRFs, theirs go before the default one."""
    lines = commands(BGP, BGP.replace("router bgp 65001", "router bgp 65002"))
    both = f"{BGP}router bgp 65001 vrf RED\n bgp router-id 192.0.2.100\nexit\n"

    assert lines[:2] == ["no router bgp 65001", "router bgp 65002"]
    assert commands(both, "") == ["no router bgp 65001 vrf RED", "no router bgp 65001"]
    assert [line for line in commands("", both) if line.startswith("router")] == [
        "router bgp 65001",
        "router bgp 65001 vrf RED",
    ]


def test_interfaces_are_emptied_and_never_removed() -> None:
    """FRR does not let go of an interface that is there."""
    before = "interface eth1\n description to spine1\n ip address 10.0.0.1/31\nexit\ninterface eth2\nexit\n"

    assert commands(before, "") == ["interface eth1", " no description", " no ip address 10.0.0.1/31", "exit"]


def test_values_without_a_no_go_back_to_their_default() -> None:
    """FRR has no other way for the timers of BFD, and does not show them then."""
    before = "bfd\n profile FAST\n  detect-multiplier 5\n  receive-interval 400\n  passive-mode\n exit\nexit\n"
    after = "bfd\n profile FAST\n  receive-interval 500\n exit\nexit\n"

    assert commands(before, after) == [
        "bfd",
        " profile FAST",
        "  detect-multiplier 3",
        "  no passive-mode",
        " exit",
        "exit",
        "bfd",
        " profile FAST",
        "  receive-interval 500",
        " exit",
        "exit",
    ]


def test_differences_read_like_the_configuration_with_marks() -> None:
    """Blocks that are on both sides stand above what differs in them, without a mark."""
    after = BGP.replace("10.0.0.0/24", "10.0.1.0/24").replace(" bgp router-id 192.0.2.100\n", "")
    after += "route-map NEW permit 10\n set metric 5\nexit\n"

    assert changes(normal(BGP), normal(after)) == "\n".join(
        [
            "+ route-map NEW permit 10",
            "+  set metric 5",
            "router bgp 65001",
            "-  bgp router-id 192.0.2.100",
            " address-family ipv4 unicast",
            "-   network 10.0.0.0/24",
            "+   network 10.0.1.0/24",
        ]
    )
