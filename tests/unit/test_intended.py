"""What routers are meant to run, out of the files that their daemons read."""

from pathlib import Path

from automation.intended import configuration, intended
from topologies.deploy import load
from topologies.lab import Daemon, File, LabNode

FABRICS = Path(__file__).parents[2] / "topologies" / "fabrics"


def test_every_router_and_no_other_node_has_a_configuration() -> None:
    """Hosts that speak no BGP are left out."""
    texts = intended(load(FABRICS / "small.yml").lab)

    assert sorted(texts) == ["leaf1", "leaf2", "leaf3", "leaf4", "spine1", "spine2"]
    assert "router bgp 4200010001" in texts["leaf1"]
    assert "ip protocol bgp route-map SOURCE4" in texts["leaf1"]


def test_what_only_a_starting_daemon_reads_is_left_out() -> None:
    """No router shows the marks, so no router could ever be found to run them."""
    assert not any("XFRR_" in text for text in intended(load(FABRICS / "bfd-2x4.yml").lab).values())


def test_files_that_no_daemon_reads_are_left_out() -> None:
    """vtysh.conf is in the same folder, and is vtysh's own."""
    files = (File("/etc/frr/zebra.conf", "hostname r1\n"), File("/etc/frr/vtysh.conf", "no service\n"))

    assert configuration(LabNode(name="r1", files=files, daemons=(Daemon("zebra", (), config=files[0].path),))) == (
        "hostname r1"
    )
