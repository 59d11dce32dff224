"""What becomes of answers that the recordings do not have: old formats, lost packets, several VRFs, no JSON."""

import json

import pytest
from napalm.base.exceptions import CommandErrorException
from napalm_frr import bgp, bgp_config, config, interfaces, linux, lldp, probes, routes, system, wire

from topologies.process import Finished


def done(stdout: str = "", code: int = 0, stderr: str = "") -> Finished:
    """What a program left."""
    return Finished((), code, stdout, stderr)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:01:30", 90), ("23:59:59", 86_399), ("1d02h03m", 93_780), ("02w3d04h", 1_483_200), ("01y1w2d", 32_313_600)],
)
def test_durations_of_frr_are_seconds(text: str, seconds: int) -> None:
    """FRR writes a duration the coarser the longer it is."""
    assert wire.seconds(text) == seconds


def test_what_is_no_duration_is_unknown() -> None:
    """`never`, and nothing."""
    assert [wire.seconds(text) for text in ("never", "")] == [-1, -1]


def test_times_are_of_the_routers_zone() -> None:
    """FRR writes local time, so the same stamp is another moment elsewhere; none is -1.0."""
    stamp = "2026/11/25 15:08:34.91"

    assert wire.epoch(stamp, "+0000") == 1795619314.91
    assert wire.epoch(stamp, "+0100") == 1795619314.91 - 3600
    assert wire.epoch("", "+0000") == -1.0


def test_an_answer_that_is_no_json_is_quoted() -> None:
    """FRR answers in words where it has nothing to show."""
    with pytest.raises(CommandErrorException, match="% No such thing"):
        interfaces.parse("% No such thing")


def test_interfaces_without_speed_or_address_have_napalms_values() -> None:
    """The loopback has neither MAC nor speed; a speed of all ones is FRR's for not knowing."""
    seen = interfaces.parse('{"lo": {"speed": 0, "mtu": 65536}, "e1": {"speed": 4294967295, "ipAddresses": []}}')

    states = interfaces.states(seen, "+0000")

    assert [each["speed"] for each in states.values()] == [-1.0, -1.0]
    assert states["lo"]["mac_address"] == ""
    assert states["lo"]["last_flapped"] == -1.0
    assert interfaces.addresses(seen) == {}


def test_network_instances_are_the_vrfs_also_without_interfaces() -> None:
    """`show vrf` names them, the interfaces say where they belong, BGP knows the route distinguisher."""
    seen = interfaces.parse('{"eth1": {"vrfName": "RED"}, "lo": {"vrfName": "default"}}')
    listed = "vrf BLUE inactive (configured)\nvrf RED id 5 table 10\n"

    found = interfaces.instances(seen, listed, {"RED": "65001:10"})

    assert list(found) == ["default", "BLUE", "RED"]
    assert found["RED"]["type"] == "L3VRF"
    assert found["RED"]["state"] == {"route_distinguisher": "65001:10"}
    assert found["RED"]["interfaces"] == {"interface": {"eth1": {}}}
    assert found["BLUE"]["interfaces"] == {"interface": {}}


def test_sessions_of_vrfs_stay_apart_and_global_is_always_there() -> None:
    """NAPALM wants the default VRF as `global`; remarks among the neighbours are none of them."""
    text = """{"RED": {"vrfId": 5, "vrfName": "RED", "10.0.0.1": {"remoteAs": 65002, "localAs": 65001,
        "localRouterId": "10.9.0.1", "bgpState": "Active", "remoteRouterId": "0.0.0.0"}}}"""

    found = bgp.neighbors(bgp.parse(text))

    assert found["global"] == {"router_id": "", "peers": {}}
    peer = found["RED"]["peers"]["10.0.0.1"]
    assert (peer["is_up"], peer["is_enabled"], peer["uptime"], peer["remote_id"]) == (False, True, -1, "")
    assert bgp.neighbors(bgp.parse("{}")) == {}


def test_details_of_one_neighbor_are_found_by_each_of_its_names() -> None:
    """By the interface that FRR's configuration names, and by the address behind it."""
    text = """{"default": {"eth1": {"bgpNeighborAddr": "fe80::1", "remoteAs": 65002, "bgpState": "Established"},
        "10.0.0.1": {"remoteAs": 65003, "externalBgpNbrMaxHopsAway": 5}}}"""
    vrfs = bgp.parse(text)

    assert list(bgp.details(vrfs, (), "eth1")["global"]) == [65002]
    assert list(bgp.details(vrfs, (), "fe80::1")["global"]) == [65002]
    assert bgp.details(vrfs, (), "10.0.0.9") == {}
    (detail,) = bgp.details(vrfs, {"default"}, "10.0.0.1")["global"][65003]
    assert (detail["multihop"], detail["multipath"], detail["remote_address"]) == (True, False, "10.0.0.1")
    assert detail["accepted_prefix_count"] == -1


CONFIG = """hostname r1
router bgp 65001
 neighbor RR peer-group
 neighbor RR remote-as internal
 neighbor RR update-source lo
 neighbor 10.9.0.2 peer-group RR
 neighbor eth1 interface remote-as external
 neighbor 10.9.0.3 remote-as 65003
 neighbor 10.9.0.3 ebgp-multihop
 !
 address-family ipv4 unicast
  neighbor RR route-reflector-client
  neighbor RR next-hop-self
  neighbor 10.9.0.2 route-reflector-client
  neighbor 10.9.0.2 next-hop-self force
  neighbor 10.9.0.3 maximum-prefix 5 warning-only
  neighbor 10.9.0.3 remove-private-AS all
  maximum-paths 1
 exit-address-family
exit
!
router bgp 65009 vrf RED
 neighbor 10.7.0.1 remote-as 65009
 !
 address-family ipv4 unicast
  rd vpn export 65009:7
 exit-address-family
exit
!
end
"""


def test_groups_and_neighbors_are_read_from_the_configuration() -> None:
    """What a group says of its members' ASN reaches them; limits and flags stay with whom they were said of."""
    routers = bgp_config.parse(CONFIG)

    groups = bgp_config.groups(routers[:1])

    reflected = groups["RR"]["neighbors"]["10.9.0.2"]
    assert (groups["RR"]["type"], groups["RR"]["local_address"]) == ("internal", "lo")
    assert (reflected["remote_as"], reflected["route_reflector_client"], reflected["nhs"]) == (65001, True, True)
    assert groups["RR"]["multipath"] is False
    loners = groups["_"]["neighbors"]
    assert list(loners) == ["eth1", "10.9.0.3"]
    assert loners["eth1"]["remote_as"] == 0
    assert loners["10.9.0.3"]["prefix_limit"] == {"inet": {"unicast": {"limit": 5}}}


def test_one_group_or_one_neighbor_can_be_asked_for() -> None:
    """A group alone, a neighbour within its group, and nothing for a name that is neither."""
    routers = bgp_config.parse(CONFIG)

    assert list(bgp_config.groups(routers, group="RR")) == ["RR"]
    only = bgp_config.groups(routers, neighbor="10.9.0.2")
    assert {name: list(group["neighbors"]) for name, group in only.items()} == {"RR": ["10.9.0.2"]}
    assert bgp_config.groups(routers, neighbor="10.9.0.9") == {}


def test_instances_know_their_vrf_and_their_paths() -> None:
    """One path only where that is configured; the route distinguisher belongs to the VRF."""
    routers = bgp_config.parse(CONFIG)

    assert [(each.asn, each.vrf) for each in routers] == [(65001, "default"), (65009, "RED")]
    assert bgp_config.single_path(routers) == {"default"}
    assert bgp_config.distinguishers(routers) == {"RED": "65009:7"}
    assert bgp_config.local_asn(routers) == 65001


def test_as_numbers_with_a_dot_are_numbers() -> None:
    """As FRR 8.5 and later write them where `as-notation dot` was asked for (RFC 5396)."""
    text = "router bgp 64086.59905 as-notation dot\n neighbor 10.0.0.1 remote-as 1.10\nexit\n"

    (router,) = bgp_config.parse(text)

    assert router.asn == 64086 * 65536 + 59905
    assert bgp_config.groups([router])["_"]["neighbors"]["10.0.0.1"]["remote_as"] == 65546


def test_neighbors_of_a_vrf_are_listed_beside_those_of_the_default_one() -> None:
    """NAPALM's answer has no level for VRFs, so the groups of all instances are joined."""
    loners = bgp_config.groups(bgp_config.parse(CONFIG))["_"]["neighbors"]

    assert list(loners) == ["eth1", "10.9.0.3", "10.7.0.1"]


def test_routes_are_asked_for_by_prefix_or_address() -> None:
    """An address is looked up as a packet would be; longer prefixes need a prefix."""
    assert routes.question("10.0.0.1", longer=False) == "show ip route 10.0.0.1 json"
    assert routes.question("10.0.0.1/24", longer=True) == "show ip route 10.0.0.0/24 longer-prefixes json"
    assert routes.question("fd00::/64", longer=False) == "show ipv6 route fd00::/64 json"
    assert routes.path_question("fd00::/64") == "show bgp ipv6 unicast fd00::/64 json"


def test_routes_are_filtered_by_protocol_in_any_case() -> None:
    """A prefix whose routes are all of another protocol is not in the answer."""
    both = [{"prefix": "10.0.0.0/24", "protocol": each} for each in ("static", "bgp")]
    text = json.dumps({"10.0.0.0/24": both})

    assert [len(each) for each in routes.parse(text).values()] == [2]
    assert [each.protocol for each in routes.parse(text, "BGP")["10.0.0.0/24"]] == ["bgp"]
    assert routes.parse(text, "ospf") == {}


@pytest.mark.parametrize(
    "line",
    [
        " neighbor 10.0.0.1 password SECRET",
        "password SECRET",
        "enable password 8 SECRET",
        " ip ospf message-digest-key 1 md5 SECRET",
        " ip ospf authentication-key SECRET",
        " area 0 virtual-link 10.9.0.2 message-digest-key 1 md5 SECRET",
        " ipv6 ospf6 authentication key-id 1 hash-algo hmac-sha-256 key SECRET",
        " isis password md5 SECRET",
        " area-password clear SECRET",
        " domain-password md5 SECRET authenticate snp validate",
        " ip rip authentication string SECRET",
        "  key-string SECRET",
        " ip nhrp authentication SECRET",
    ],
)
def test_secrets_are_masked(line: str) -> None:
    """Whatever holds a secret in FRR's configuration keeps its head and loses its tail."""
    clean = config.sanitized(f"!\n{line}\n!\n")

    assert "SECRET" not in clean
    assert "<removed>" in clean
    assert clean.splitlines()[1].startswith(line.partition("SECRET")[0].rstrip().removesuffix(" 8"))


def test_configurations_lose_what_vtysh_says_around_them() -> None:
    """The heading of a running one, the marks in a daemon's own file; all else stays."""
    heading = "Building configuration...\n\nCurrent configuration:\n"

    assert config.bare(f"{heading}!\nfrr version 8.4.4\n!\nend\n") == "!\nfrr version 8.4.4\n!\nend\n"
    assert config.bare("XFRR_start_configuration\nhostname r1\nXFRR_end_configuration\n") == "hostname r1\n"


PINGED = """PING 10.0.0.9 (10.0.0.9) 100(128) bytes of data.
108 bytes from 10.0.0.9: icmp_seq=2 ttl=63 time=0.049 ms

--- 10.0.0.9 ping statistics ---
2 packets transmitted, 1 received, 50% packet loss, time 1026ms
rtt min/avg/max/mdev = 0.049/0.049/0.049/0.000 ms
"""
UNREACHABLE = """PING 10.8.0.99 (10.8.0.99) 56(84) bytes of data.
From 10.64.1.2 icmp_seq=1 Destination Net Unreachable

--- 10.8.0.99 ping statistics ---
1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms

"""


def test_lost_packets_are_loss_and_unsent_ones_an_error() -> None:
    """ping ends with code 1 for lost packets, which is not an error to NAPALM."""
    half = probes.ping_result(done(PINGED))["success"]
    none = probes.ping_result(done(UNREACHABLE, code=1))["success"]

    assert (half["probes_sent"], half["packet_loss"], len(half["results"])) == (2, 1, 1)
    assert (none["probes_sent"], none["packet_loss"], none["results"]) == (1, 1, [])
    assert probes.ping_result(done(code=2, stderr="ping: nohost: Name or service not known\n")) == {
        "error": "ping: nohost: Name or service not known"
    }
    assert probes.ping_result(done(code=127)) == {"error": "exit code 127"}


def test_hops_that_stay_silent_or_differ_keep_their_place() -> None:
    """Three probes a hop: an address counts for those after it, a star is nobody."""
    text = """traceroute to 10.64.3.2 (10.64.3.2), 30 hops max, 60 byte packets
 1  10.4.0.2  0.035 ms 10.4.0.1  0.006 ms *
 2  * fd00::1  0.017 ms !N  0.010 ms
"""
    hops = probes.traceroute_result(done(text))["success"]

    assert [probe["ip_address"] for probe in hops[1]["probes"].values()] == ["10.4.0.2", "10.4.0.1", "*"]
    assert [probe["rtt"] for probe in hops[2]["probes"].values()] == [0.0, 0.017, 0.01]
    assert hops[2]["probes"][3]["host_name"] == "fd00::1"
    assert probes.traceroute_result(done(code=1, stderr="connect: Network is unreachable\n")) == {
        "error": "connect: Network is unreachable"
    }


def test_probes_are_sent_as_asked() -> None:
    """A source and a VRF only where one is named; nornir names no VRF by None."""
    assert probes.ping_words("10.0.0.1", "", 255, 2, 100, 5, None) == (  # type: ignore[arg-type]  # as nornir calls it
        ["ping", "-n", "-c", "5", "-s", "100", "-t", "255", "-W", "2", "10.0.0.1"]
    )
    assert probes.ping_words("10.0.0.1", "lo", 255, 2, 100, 5, "RED")[:5] == ["ip", "vrf", "exec", "RED", "ping"]
    assert probes.traceroute_words("10.0.0.1", "10.9.0.1", 30, 2, "")[-3:] == ["-s", "10.9.0.1", "10.0.0.1"]


def test_facts_of_other_versions() -> None:
    """FRR before 8.1 does not name its platform, and a text without a version is no FRR."""
    age = "7 (a zebra) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 3 0 1000 0\n1010.50 900.00\n"

    old = system.facts("FRRouting 7.5.1 (r1).\nCopyright ...", age, ["lo"])

    assert (old["os_version"], old["hostname"], old["model"], old["uptime"]) == ("7.5.1", "r1", "", 1000.5)
    with pytest.raises(CommandErrorException, match=r"no FRR version in 'Quagga 1\.2\.4'"):
        system.facts("Quagga 1.2.4", age, [])


def test_processors_are_measured_between_two_looks() -> None:
    """Half of the time idle or waiting for the disk is half a load."""
    look = "cpu  0 0 0 0 0\ncpu0 {} 0 0 {} {} 0\nintr 1\n"
    text = "\n".join([look.format(100, 100, 0), look.format(150, 120, 30), "MemTotal: 2048 kB\nMemAvailable: 512 kB\n"])

    found = system.environment(text)

    assert found["cpu"] == {0: {"%usage": 50.0}}
    assert found["memory"] == {"available_ram": 2048 * 1024, "used_ram": 1536 * 1024}
    with pytest.raises(CommandErrorException, match="no MemAvailable"):
        system.environment("\n".join([look, look, "MemTotal: 2048 kB\n"]))


def test_neighbours_without_an_address_are_no_arp_entries() -> None:
    """An entry that nobody answered has no MAC; the IPv6 table, which has states, keeps it."""
    text = '[{"dst": "10.0.0.1", "dev": "eth1", "state": ["FAILED"]}]'

    assert linux.arp_table(text, {}, "") == []
    assert linux.neighbors_table(text)[0]["state"] == "FAILED"


def test_lldp_without_neighbours_is_empty() -> None:
    """lldpd answers with an empty object then; one interface can be asked for."""
    one = '{"lldp": [{"interface": [{"name": "eth1", "chassis": [{"name": [{"value": "r3"}]}]}]}]}'

    assert lldp.details('{"lldp": [{}]}') == {}
    assert lldp.neighbors(one) == {"eth1": [{"hostname": "r3", "port": ""}]}
    assert lldp.details(one, "eth2") == {}
