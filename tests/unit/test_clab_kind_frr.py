"""Nodes of containerlab's kind frr get its files on the native runtime."""

from pathlib import Path

import pytest

from topologies.errors import Mistake
from topologies.files.clab import native
from topologies.files.clab.kind_frr import CONFIG, DAEMONS, furnished
from topologies.lab import Bind, LabNode

FILE = """\
name: l
topology:
  nodes:
    r1: {{kind: frr, image: quay.io/frrouting/frr, {}}}
"""


def texts(node: LabNode) -> dict[str, str]:
    """The files of a node."""
    return {file.path: file.text for file in node.files}


def read(tmp_path: Path, keys: str) -> LabNode:
    """The node of a file, as the native runtime takes it; without a warning."""
    path = tmp_path / "l.clab.yml"
    path.write_text(FILE.format(keys))
    lab = native.read(path, {})
    assert lab.warnings == ()
    return lab.nodes[0]


@pytest.mark.parametrize("keys", ["startup-config: r1.conf", 'startup-config: "hostname r1\\nline 2\\n"'])
def test_a_startup_config_is_frrs_one_configuration(tmp_path: Path, keys: str) -> None:
    """From a file beside the topology, or written into it; every daemon may then have lines in it."""
    (tmp_path / "r1.conf").write_text("hostname r1\nline 2\n")

    found = texts(read(tmp_path, keys))

    assert found["/etc/frr/frr.conf"] == "hostname r1\nline 2\n"
    assert found["/etc/frr/vtysh.conf"] == "service integrated-vtysh-config\n"
    assert {f"{name}=yes" for name in DAEMONS} <= set(found["/etc/frr/daemons"].splitlines())


def test_without_a_startup_config_there_is_an_empty_one(tmp_path: Path) -> None:
    """vtysh wants all three files."""
    node = read(tmp_path, "startup-delay: 0")

    assert texts(node)["/etc/frr/frr.conf"] == CONFIG
    assert dict(node.sysctls) == {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
    assert read(tmp_path, "network-mode: host").sysctls == ()


def test_daemons_may_be_chosen(tmp_path: Path) -> None:
    """Those that start in any case may be named too."""
    found = texts(read(tmp_path, "extras: {frr: {daemons: [bgpd, zebra]}}"))["/etc/frr/daemons"]

    assert [line for line in found.splitlines() if line.endswith("=yes")] == ["bgpd=yes", "vtysh_enable=yes"]


def test_what_a_node_binds_itself_is_its_own() -> None:
    """One file, or the whole folder."""
    one = LabNode(name="r1", kind="frr", binds=(Bind("/x", "/etc/frr/daemons"),))
    all_of_it = LabNode(name="r1", kind="frr", binds=(Bind("/x", "/etc/frr"),))

    assert set(texts(furnished(one, "", DAEMONS, "f"))) == {"/etc/frr/frr.conf", "/etc/frr/vtysh.conf"}
    assert texts(furnished(all_of_it, "", DAEMONS, "f")) == {}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("startup-config: http://server/r1.conf", "has its startup-config on a server; nothing is fetched here"),
        ("startup-config: gone.conf", "cannot read .*/gone.conf: No such file"),
        ('startup-config: "hostname {{ .ShortName }}\\n"', "has a startup-config with {{, and no templates are filled"),
        ("extras: {frr: {daemons: [bgp]}}", "no daemon 'bgp', did you mean 'bgpd'"),
    ],
)
def test_what_cannot_be_had_is_a_mistake(tmp_path: Path, keys: str, words: str) -> None:
    """With the node and the reason."""
    with pytest.raises(Mistake, match=words):
        read(tmp_path, keys)
