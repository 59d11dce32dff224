"""Files with configurations of their own: what looks wrong in them is said before anything is deployed."""

from pathlib import Path

import pytest

from topologies.files.clab.advice import advise, configured, set_addresses
from topologies.files.clab.read import read
from topologies.lab import Lab, LabNode
from topologies.model import Role

SHIPPED = Path(__file__).parents[2] / "topologies" / "fabrics" / "clos-2x4.clab.yml"


def bgp(asn: int, **neighbors: int) -> str:
    """A BGP configuration with neighbours at 10.0.0.N, given as nN=ASN."""
    lines = [f" neighbor 10.0.0.{name[1:]} remote-as {peer}" for name, peer in neighbors.items()]
    return "\n".join([f"router bgp {asn}", *lines]) + "\n"


def node(name: str, *addresses: str, role: Role | None = None) -> LabNode:
    """A node that sets addresses on eth1."""
    return LabNode(name=name, role=role, exec=tuple(f"ip addr add {address} dev eth1" for address in addresses))


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("ip addr add 10.0.0.1/31 dev eth1", [("eth1", "10.0.0.1")]),
        ("ip -6 address add FD00::1/127 dev eth1", [("eth1", "fd00::1")]),
        ("ip a add 10.0.0.1/31 brd + dev eth1", [("eth1", "10.0.0.1")]),
        ("ip addr add nonsense dev eth1", []),
        ("ip route add 10.0.0.0/8 dev eth1", []),
        ("ip addr add 10.0.0.1/31", []),
        ("ip", []),
    ],
)
def test_addresses_are_found_in_commands(command: str, found: list[tuple[str, str]]) -> None:
    """In the spellings that people use; what is no address is left to the node."""
    assert list(set_addresses(LabNode(name="n", exec=(command,)))) == found


def test_addresses_are_found_in_configurations() -> None:
    """Of each interface; what is no address is left to FRR."""
    text = "interface lo\n ip address 10.0.0.1/32\n!\ninterface eth1\n ipv6 address FD00::1/127\nexit\n!\n"

    assert list(configured(text)) == [("lo", "10.0.0.1"), ("eth1", "fd00::1")]
    assert list(configured("interface lo\n ip address nonsense\nip route 10.0.0.0/8 10.0.0.1\n")) == []


def test_an_address_set_twice_is_said() -> None:
    """With both places, whether commands or configurations set it; a node that sets one by both has it once."""
    lab = Lab(name="l", nodes=(node("a", "10.0.0.1/31"), node("b", "10.0.0.1/24")), links=())
    bare = Lab(name="l", nodes=(node("a"), node("b")), links=())
    text = "interface eth1\n ip address 10.0.0.1/31\nexit\n"

    assert advise(lab, {}) == ("address 10.0.0.1 is set on a:eth1 and b:eth1",)
    assert advise(bare, {"a": text, "b": text}) == ("address 10.0.0.1 is set on a:eth1 and b:eth1",)
    assert advise(Lab(name="l", nodes=lab.nodes[:1], links=()), {"a": text}) == ()


def test_leaves_with_one_as_number_are_said() -> None:
    """Spines share theirs on purpose (RFC 7938)."""
    roles = {"l1": Role.LEAF, "l2": Role.LEAF, "s1": Role.SPINE, "s2": Role.SPINE}
    lab = Lab(name="l", nodes=tuple(node(name, role=role) for name, role in roles.items()), links=())

    advice = advise(lab, dict.fromkeys(roles, bgp(65001)))

    assert advice == ("AS 65001 is that of l1 and l2: they drop each other's routes",)


def test_a_neighbour_with_another_as_number_than_expected_is_said() -> None:
    """Both sides of a session are compared, as far as the file tells who has the address."""
    lab = Lab(name="l", nodes=(node("a", "10.0.0.1/31"), node("b", "10.0.0.2/31")), links=())

    advice = advise(lab, {"a": bgp(65001, n2=65002, n9=65009), "b": bgp(65003, n1=65001)})

    assert advice == ("a expects AS 65002 at 10.0.0.2, but b is AS 65003",)


def test_the_shipped_file_gets_no_advice_and_a_broken_copy_does(tmp_path: Path) -> None:
    """Configurations that nodes bind are looked into."""
    folder = tmp_path / "clos-2x4"
    folder.mkdir()
    for path in (SHIPPED.parent / "clos-2x4").iterdir():
        (folder / path.name).write_text(path.read_text().replace("router bgp 65002", "router bgp 65001"))
    copy = tmp_path / SHIPPED.name
    copy.write_text(SHIPPED.read_text())

    assert read(SHIPPED, {}).warnings == ()
    assert read(copy, {}).warnings == (
        "AS 65001 is that of leaf1 and leaf2: they drop each other's routes",
        "spine1 expects AS 65002 at 10.0.1.3, but leaf2 is AS 65001",
        "spine2 expects AS 65002 at 10.0.2.3, but leaf2 is AS 65001",
    )
