"""What a native run cannot do of a containerlab file is refused or warned of, and what containerlab adds is added."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from topologies.errors import Mistake
from topologies.files.clab import native
from topologies.files.clab.native import VERDICTS, addresses_unset, as_deployed, judge
from topologies.files.clab.read import Topology, topology
from topologies.files.clab.schema import NodeSpec
from topologies.lab import End, HostLink, Veth

SHIPPED = sorted((Path(__file__).parents[2] / "topologies" / "fabrics").glob("*.clab.yml"))

# What a native run does in full, or what changes nothing for it.
HONOURED = {
    "binds", "cap_add", "cmd", "config", "credentials", "dns", "enforce_startup_config", "entrypoint", "env",
    "env_files", "exec", "group", "healthcheck", "hostname", "image", "labels", "mgmt_ipv4", "mgmt_ipv6",
    "network_mode", "password", "ports", "position", "privileged", "stages", "startup_delay",
    "suppress_startup_config", "sysctls", "user", "username",
}  # fmt: skip


def file(node: str = "", links: str = "", top: str = "") -> Topology:
    """A file of two nodes, the first with more keys."""
    text = f"""\
name: demo
{top}
topology:
  defaults: {{kind: linux, image: frr}}
  nodes:
    n1: {{{node}}}
    n2: {{labels: {{a-b.c?: x}}}}
  links: [{{endpoints: ["n1:eth1", "n2:eth1"]{links}}}]
"""
    return topology(text, place="f.clab.yml", folder="/labs", env={})


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("kind: nokia_srlinux", "node 'n1' has kind nokia_srlinux: only containerlab runs this kind"),
        ("runtime: podman", "node 'n1' has runtime podman: there is no container runtime here; allowed: docker"),
        ("license: x.lic", "node 'n1' has license x.lic: nothing here reads a licence; take the key out"),
        ("components: [{slot: 1}]", "node 'n1' has components: line cards belong to kinds that only containerlab runs"),
        ("devices: [/dev/kvm]", "node 'n1' has devices: nodes see none of the machine's devices"),
        ("pid-mode: host", "node 'n1' has pid-mode host: each node has processes of its own"),
    ],
)
def test_what_changes_the_meaning_is_refused(node: str, message: str) -> None:
    """The message has the place, the node, the key, the reason and a way out."""
    with pytest.raises(Mistake) as raised:
        judge(file(node))

    assert str(raised.value).startswith("f.clab.yml:6:")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("node", "warning"),
    [
        ("cpu: 2", "cpu: nodes share all processors (n1)"),
        ("memory: 1G", "memory: nodes share all memory (n1)"),
        ("shm-size: 1GB", "shm-size: shared memory has the kernel's own limit (n1)"),
        ("restart-policy: always", "restart-policy: a node that dies stays dead until it is started (n1)"),
        ("image-pull-policy: Never", "image-pull-policy: no image is pulled; its name chooses what a node runs (n1)"),
        ("certificate: {issue: true}", "certificate: no certificates are issued (n1)"),
        ("runtime: docker, restart-policy: no, certificate: {issue: false}, privileged: true", ""),
    ],
)
def test_what_does_not_change_the_meaning_is_a_warning(node: str, warning: str) -> None:
    """One warning per key with the nodes that have it; none for values that are fulfilled anyway."""
    found = judge(file(node))

    assert found == ((warning,) if warning else ())


def test_addresses_on_links_are_left_to_the_nodes_as_containerlab_leaves_them() -> None:
    """Kind linux sets none of them; a native run does the same and says so."""
    found = file(links=", ipv4: [10.0.0.0/31, 10.0.0.1/31]")

    assert judge(found)[0].startswith("ipv4/ipv6 of links: containerlab sets them for no node of kind linux; use exec")
    assert as_deployed(found.lab, lab_dir=found.lab_dir).links == (Veth(a=End("n1", "eth1"), b=End("n2", "eth1")),)


def test_addresses_of_an_end_on_the_machine_are_left_too() -> None:
    """A link with one end at a node has no others."""
    addressed = HostLink(end=End("n1", "eth9", "", ("10.0.0.1/31",)), host_interface="up0")
    found = file()
    lab = replace(found.lab, links=(addressed,))

    assert "use exec (n1:eth9...)" in addresses_unset(lab)[0]
    assert as_deployed(lab, lab_dir="/").links == (HostLink(end=End("n1", "eth9"), host_interface="up0"),)


def test_nodes_get_the_variables_of_containerlab() -> None:
    """The number of links, and every label that a container has; these win over variables of the same name."""
    first, second = as_deployed(file("env: {CLAB_INTFS: 9, A: own}").lab, lab_dir="/labs/clab-demo", owner="me").nodes

    assert (dict(first.env)["A"], dict(first.env)["CLAB_INTFS"]) == ("own", "1")
    assert dict(second.env) == {
        "CLAB_INTFS": "1",
        "CLAB_LABEL_A_B_C": "x",
        "CLAB_LABEL_CONTAINERLAB": "demo",
        "CLAB_LABEL_CLAB_NODE_NAME": "n2",
        "CLAB_LABEL_CLAB_NODE_LONGNAME": "clab-demo-n2",
        "CLAB_LABEL_CLAB_NODE_KIND": "linux",
        "CLAB_LABEL_CLAB_NODE_TYPE": "",
        "CLAB_LABEL_CLAB_NODE_GROUP": "",
        "CLAB_LABEL_CLAB_NODE_LAB_DIR": "/labs/clab-demo/n2",
        "CLAB_LABEL_CLAB_TOPO_FILE": "f.clab.yml",
        "CLAB_LABEL_CLAB_OWNER": "me",
    }


def test_keys_of_the_whole_lab_are_warned_of() -> None:
    """Access to the outside, address ranges, a certificate authority."""
    top = (
        "mgmt: {external-access: true, ipv4-range: 172.20.20.0/25}\nsettings: {certificate-authority: {key-size: 2048}}"
    )

    assert [text.partition(":")[0] for text in judge(file(top=top))] == [
        "external-access",
        "mgmt",
        "certificate-authority",
    ]


def test_every_key_of_a_node_is_either_honoured_or_judged() -> None:
    """A key that the schema gains must be thought about here."""
    assert set(NodeSpec.__struct_fields__) - VERDICTS.keys() - {"kind"} == HONOURED


def test_there_are_shipped_files() -> None:
    """A glob that finds nothing must not pass."""
    assert SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_files_run_natively_without_a_warning(path: Path) -> None:
    """What we ship runs as it stands."""
    lab = native.read(path, {})

    assert lab.warnings == ()
    assert len(lab.nodes) == 6
    assert all(node.binds and node.exec for node in lab.nodes)
