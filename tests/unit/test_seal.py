"""A lab that reaches into the machine is told from a sealed one, and refused on either runtime unless allowed."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from wanted import record_of

from topologies import deploy
from topologies.deploy import Source
from topologies.errors import Mistake
from topologies.lab import Dummy, End, HostLink, Lab, LabLink, LabNode, Macvlan, MgmtLink, StageExec, Veth, Vxlan
from topologies.runtime.fake import Fake
from topologies.runtime.netns import machine
from topologies.runtime.store import Store
from topologies.seal import openings

NODES = (LabNode(name="a"), LabNode(name="b", network_mode="none"))
SEALED = Lab(
    "l", NODES, (Veth(a=End("a", "eth1"), b=End("b", "eth1")), Dummy(end=End("a", "eth2"))), file="/l.clab.yml"
)
OPEN = replace(SEALED, links=(HostLink(end=End("a", "eth1"), host_interface="up0"),))


@pytest.mark.parametrize("runtime", ["netns", "containerlab"])
def test_a_lab_of_cables_between_nodes_is_sealed(runtime: str) -> None:
    """The management network is its own too."""
    lab = replace(SEALED, links=(*SEALED.links, MgmtLink(end=End("a", "eth3"), host_interface="mg0")))

    assert openings(lab, runtime) == ()


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (LabNode(name="n", kind="host"), "node n (kind host)"),
        (LabNode(name="n", network_mode="host"), "node n (network-mode host)"),
        (
            LabNode(name="n", stage_execs=(StageExec("ls", "create", target="host"),)),
            "node n (a stage runs commands on ",
        ),
    ],
)
@pytest.mark.parametrize("runtime", ["netns", "containerlab"])
def test_a_node_that_is_on_the_machine_opens_a_lab(runtime: str, node: LabNode, words: str) -> None:
    """By its kind, by its network, or by what its stages run."""
    found = openings(replace(SEALED, nodes=(*NODES, node)), runtime)

    assert len(found) == 1
    assert found[0].startswith(words)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (HostLink(end=End("a", "eth1"), host_interface="up0"), "link a:eth1 -- host:up0"),
        (Macvlan(end=End("a", "eth1"), host_interface="enp1s0"), "link a:eth1 -- macvlan:enp1s0"),
        (
            Vxlan(end=End("a", "eth1"), remote="10.0.0.1", vni=1, dst_port=4789, stitch=True),
            "link a:eth1 -- vxlan to 10.0.0.1, over the machine's network",
        ),
    ],
)
@pytest.mark.parametrize("runtime", ["netns", "containerlab"])
def test_a_link_to_the_machine_opens_a_lab(runtime: str, link: LabLink, words: str) -> None:
    """It is named by its end and by what it leads to."""
    assert openings(replace(SEALED, links=(link,)), runtime) == (words,)


def test_what_is_the_labs_own_natively_is_the_machines_on_containerlab() -> None:
    """Bridges and tunnels; a bridge inside of a node is that node's on both."""
    bridges = (LabNode(name="br", kind="bridge"), LabNode(name="br|a", kind="bridge", network_mode="container:a"))
    tunnel = Vxlan(end=End("a", "eth1"), remote="10.0.0.1", vni=1, dst_port=4789)
    lab = Lab("l", (*NODES, *bridges), (tunnel,))

    assert openings(lab, "netns") == ()
    assert openings(lab, "containerlab") == (
        "node br (kind bridge, which is one of the machine's there)",
        "link a:eth1 -- vxlan to 10.0.0.1, over the machine's network",
    )


@pytest.mark.parametrize("runtime", sorted(deploy.RUNTIMES))
def test_an_open_lab_is_refused_before_anything_is_made(runtime: str, tmp_path: Path) -> None:
    """By file and by all that opens it, with the cure; there is no record then."""
    at = Store(tmp_path)

    with pytest.raises(Mistake) as raised:
        deploy.up(Source("f", OPEN), runtime, say=lambda *_: None, at=at)

    assert str(raised.value) == (
        "/l.clab.yml: labs are sealed, and this one reaches into the machine: link a:eth1 -- host:up0; "
        "--allow-host, or CLOSLAB_ALLOW_HOST=1, opens it"
    )
    assert list(at.root.iterdir()) == []


def test_an_open_lab_comes_up_where_it_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime then gets it as it stands."""
    monkeypatch.setitem(deploy.RUNTIMES, "fake", Fake)

    record = deploy.up(Source("f", OPEN), "fake", say=lambda *_: None, allow_host=True, at=Store(tmp_path))

    assert record.lab == OPEN


@pytest.mark.parametrize(("value", "allowed"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)])
def test_the_environment_may_allow_it(value: str | None, allowed: bool) -> None:
    """Any value but 0."""
    assert deploy.allows_host({} if value is None else {"CLOSLAB_ALLOW_HOST": value}) is allowed


def test_without_root_there_is_no_machine_to_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rootless lab is told why, by what it asked for."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(
        Mistake, match=r"link a:eth1 -- host:up0: a lab without root is a user namespace, which has no "
    ):
        machine.wanted(record_of(OPEN))
