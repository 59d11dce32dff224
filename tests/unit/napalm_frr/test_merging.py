"""What people write, in the form in which FRR shows it; and what becomes of a configuration when it is merged in."""

from napalm_frr.changes import changes
from napalm_frr.merging import merge
from napalm_frr.normal import normal
from napalm_frr.tree import text

RUNNING = """\
Building configuration...

Current configuration:
!
frr version 8.4.4
frr defaults datacenter
hostname leaf1
no service integrated-vtysh-config
!
router bgp 65001
 no bgp network import-check
 neighbor SPINES peer-group
 neighbor eth1 interface peer-group SPINES
 neighbor eth1 remote-as 65100
 neighbor 192.0.2.9 remote-as 65109
 !
 address-family ipv4 unicast
  network 10.8.0.1/32
  neighbor SPINES activate
  neighbor SPINES prefix-list OWN out
  neighbor 192.0.2.9 activate
 exit-address-family
exit
!
ip prefix-list OWN seq 5 permit 10.8.0.1/32
!
interface eth1
exit
!
route-map UNUSED permit 10
exit
!
end
"""


def merged(fragment: str) -> str:
    """How the running configuration changes by a fragment."""
    running = normal(RUNNING)
    return changes(running, merge(running, fragment))


def test_what_frr_says_of_itself_is_no_configuration() -> None:
    """Version and defaults, marks and headings, empty blocks, and a lab's unused route-map."""
    assert text(normal(RUNNING)).splitlines()[:3] == [
        "hostname leaf1",
        "router bgp 65001",
        " no bgp network import-check",
    ]
    assert "interface eth1\n" not in text(normal(RUNNING))
    assert "route-map UNUSED" not in text(normal(RUNNING))
    assert normal("XFRR_start_configuration\nroute-map UNUSED permit 10\nexit\nXFRR_end_configuration\n") == ()


def test_a_text_may_be_the_files_of_all_daemons_one_after_another() -> None:
    """What several of them say is there once, blocks are joined, and `exit` may be missing."""
    zebra = "frr defaults datacenter\nhostname leaf1\n!\ninterface eth1\n description spine\n!\n"
    bgpd = (
        "hostname leaf1\nrouter bgp 65001\n address-family ipv4\n  network 10.0.0.1/24\ninterface eth1\n bandwidth 10\n"
    )

    assert text(normal(zebra + bgpd)).splitlines() == [
        "hostname leaf1",
        "interface eth1",
        " description spine",
        " bandwidth 10",
        "exit",
        "router bgp 65001",
        " address-family ipv4 unicast",
        "  network 10.0.0.0/24",
        " exit-address-family",
        "exit",
    ]


def test_addresses_and_routes_are_as_frr_shows_them() -> None:
    """Networks without host parts, IPv6 in short, routes of a VRF in its block; an interface keeps its address."""
    said = "ipv6 route 2001:DB8:0::1/64 fe80:0::1 eth1 vrf RED\nip route 10.1.2.3/8 null0\n"
    said += "interface eth1\n ip address 10.1.2.3/8\n ipv6 address 2001:DB8:0::1/64\nexit\n"
    said += "ip prefix-list A seq 5 permit 10.1.2.3/8 le 24 ge 16\n"

    assert set(normal(said)) == {
        ("vrf RED", "ipv6 route 2001:db8::/64 fe80::1 eth1"),
        ("ip route 10.0.0.0/8 Null0",),
        ("interface eth1",),
        ("interface eth1", "ip address 10.1.2.3/8"),
        ("interface eth1", "ipv6 address 2001:db8::1/64"),
        ("ip prefix-list A seq 5 permit 10.0.0.0/8 ge 16 le 24",),
    }


def test_entries_without_a_number_get_the_one_that_frr_gives() -> None:
    """The next step behind the list's last; an entry that is there already is there once."""
    fragment = "ip prefix-list OWN permit 10.8.0.1/32\nip prefix-list OWN permit any\nip prefix-list NEW deny any\n"

    assert merged(fragment) == "\n".join(
        ["+ ip prefix-list OWN seq 10 permit any", "+ ip prefix-list NEW seq 5 deny any"]
    )


def test_who_an_unnumbered_neighbour_is_may_be_said_in_several_ways() -> None:
    """FRR names a peer-group with the interface, and else the ASN."""
    for said in (
        "neighbor eth1 interface\n neighbor eth1 peer-group SPINES\n neighbor eth1 remote-as 65100",
        "neighbor eth1 interface remote-as 65100\n neighbor eth1 peer-group SPINES",
        "neighbor eth1 interface peer-group SPINES\n neighbor eth1 interface remote-as 65100",
    ):
        assert merged(f"router bgp 65001\n {said}\n") == ""
    assert normal("router bgp 1\n neighbor eth1 interface\n neighbor eth1 remote-as external\n")[1:] == (
        ("router bgp 1", "neighbor eth1 interface remote-as external"),
    )


def test_a_line_takes_the_place_of_what_excludes_it() -> None:
    """One ASN, one list per direction, one value for a sequence number; networks stand beside each other."""
    fragment = (
        "hostname leaf2\nip prefix-list OWN seq 5 deny any\nrouter bgp 65001\n neighbor eth1 remote-as external\n"
    )
    fragment += " address-family ipv4 unicast\n  network 10.9.0.0/24\n  neighbor SPINES prefix-list OTHER out\n"
    fragment += "  neighbor SPINES prefix-list OTHER in\n"

    assert merged(fragment) == "\n".join(
        [
            "- hostname leaf1",
            "+ hostname leaf2",
            "- ip prefix-list OWN seq 5 permit 10.8.0.1/32",
            "+ ip prefix-list OWN seq 5 deny any",
            "router bgp 65001",
            "-  neighbor eth1 remote-as 65100",
            "+  neighbor eth1 remote-as external",
            " address-family ipv4 unicast",
            "-   neighbor SPINES prefix-list OWN out",
            "+   neighbor SPINES prefix-list OTHER out",
            "+   network 10.9.0.0/24",
            "+   neighbor SPINES prefix-list OTHER in",
        ]
    )


def test_no_removes_what_begins_like_it() -> None:
    """A neighbour out of its families too, a whole list by its name; what is not there has nothing to lose."""
    fragment = (
        "no ip prefix-list OWN\nno route-map NONE\nrouter bgp 65001\n no neighbor 192.0.2.9\n no neighbor 192.0.2.7\n"
    )

    assert merged(fragment) == "\n".join(
        [
            "- ip prefix-list OWN seq 5 permit 10.8.0.1/32",
            "router bgp 65001",
            "-  neighbor 192.0.2.9 remote-as 65109",
            " address-family ipv4 unicast",
            "-   neighbor 192.0.2.9 activate",
        ]
    )


def test_a_peer_group_goes_with_its_members() -> None:
    """As FRR takes it; so does a neighbour whose ASN or interface is removed."""
    for said in ("no neighbor SPINES peer-group", "no neighbor SPINES"):
        gone = merged(f"router bgp 65001\n {said}\n")
        assert [line for line in gone.splitlines() if "SPINES" in line or "eth1" in line] == [
            "-  neighbor SPINES peer-group",
            "-  neighbor eth1 interface peer-group SPINES",
            "-  neighbor eth1 remote-as 65100",
            "-   neighbor SPINES activate",
            "-   neighbor SPINES prefix-list OWN out",
        ]
    assert merged("router bgp 65001\n no neighbor 192.0.2.9 remote-as 65109\n").count("192.0.2.9") == 2


def test_what_is_on_by_default_is_switched_off_and_on() -> None:
    """FRR shows only that it is off."""
    assert merged("router bgp 65001\n bgp network import-check\n") == (
        "router bgp 65001\n-  no bgp network import-check"
    )
    assert merged("router bgp 65001\n no bgp network import-check\n") == ""
    assert merged("no zebra nexthop kernel enable\n") == "+ no zebra nexthop kernel enable"
