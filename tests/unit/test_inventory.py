"""Nornir's inventory of labs: out of fabric files, containerlab files and what containerlab leaves beside a lab."""

from pathlib import Path

import pytest
import yaml
from nornir import InitNornir
from nornir.core import Nornir

from automation.inventory import clab
from automation.inventory.plugin import ClosInventory, of_file, of_outputs
from automation.inventory.roster import Entry, Roster, Spoken, of_lab
from topologies.deploy import load
from topologies.errors import Mistake
from topologies.render.inventory import nornir as rendered

ROOT = Path(__file__).parents[2]
FABRICS = ROOT / "topologies" / "fabrics"
LEFT = ROOT / "tests" / "golden" / "clab" / "made"


def started(**options: object) -> Nornir:
    """Nornir with the plugin, as a user starts it."""
    return InitNornir(inventory={"plugin": "closlab", "options": options}, logging={"enabled": False})


def entry(roster: Roster, name: str) -> Entry:
    """One host."""
    return next(each for each in roster.entries if each.name == name)


def test_filters_work_at_once() -> None:
    """By role, by group, and by what is inherited from groups and defaults."""
    nornir = started(file=str(FABRICS / "three-tier.yml"))

    leaves = nornir.filter(role="leaf").inventory
    assert sorted(leaves.hosts) == ["pod1-leaf1", "pod1-leaf2", "pod2-leaf1", "pod2-leaf2"]
    assert sorted(nornir.inventory.groups) == [
        "host", "leaf", "plane1", "plane2", "pod1", "pod2", "spine", "superspine",
    ]  # fmt: skip
    assert sorted(host.name for host in nornir.inventory.children_of_group("plane2")) == [
        "pod1-spine2", "pod2-spine2", "superspine3", "superspine4",
    ]  # fmt: skip
    assert nornir.filter(fabric="three-tier", role="superspine").inventory.hosts["superspine1"]["plane"] == 1


def test_a_host_is_complete() -> None:
    """What connects to it, what it is, and whom it talks to."""
    nornir = started(file=str(FABRICS / "small.yml"), username="ops", timeout=7)

    leaf, host = nornir.inventory.hosts["leaf1"], nornir.inventory.hosts["leaf1-host1"]
    napalm = leaf.get_connection_parameters("napalm")
    assert (leaf.hostname, leaf.platform, leaf.port, leaf.username) == ("leaf1", "frr", 22, "ops")
    assert host.platform == "linux"
    assert napalm.extras == {"timeout": 7, "optional_args": {"lab": "small"}}
    assert leaf["asn"] == 4200010001
    assert leaf["loopbacks"] == ["10.8.0.1/32", "fdc1:5:1ab:0:8000::1/128"]
    assert [each["name"] for each in leaf["neighbors"]] == ["spine1", "spine2"]
    assert {each["name"]: each["peer"] for each in leaf["interfaces"]}["eth3"] == "leaf1-host1:eth1"


@pytest.mark.parametrize(
    ("file", "node", "rack", "group", "domain"),
    [
        ("small.yml", "spine1", "", "spine1+spine2", "fabric"),
        ("small.yml", "leaf1", "leaf1", "", "fabric"),
        ("small.yml", "leaf2-host1", "leaf2", "", "fabric"),
        ("bgp-hosts.yml", "leaf3", "leaf3", "leaf3+leaf4", "fabric"),
        ("8x32.yml", "spine5", "", "spine1..spine8", "fabric"),
        ("three-tier.yml", "pod2-spine1", "", "pod2-spine1+pod2-spine2", "pod2"),
        ("three-tier.yml", "superspine3", "", "superspine3+superspine4", "plane2"),
        ("rail.yml", "pod1-rail2", "pod1-rail2", "pod1-rail1..pod1-rail4", "pod1"),
        ("clos-2x4.clab.yml", "spine2", "", "spine1+spine2", "fabric"),
    ],
)
def test_who_shares_what_with_whom(file: str, node: str, rack: str, group: str, domain: str) -> None:
    """Racks are leaves; what something below has another way around is redundant; pods and planes fail as one."""
    data = entry(of_file(FABRICS / file), node).data

    assert (data.get("rack", ""), data.get("redundancy_group", ""), data["failure_domain"]) == (rack, group, domain)


def test_files_that_are_rendered_say_the_same_as_the_plugin() -> None:
    """There is one truth about a host."""
    path = FABRICS / "rail.yml"
    source = load(path)
    assert source.fabric
    assert source.plan

    hosts = yaml.safe_load(rendered(source.fabric, source.plan, source.lab)["hosts.yaml"])

    for each in of_file(path).entries:
        assert hosts[each.name]["data"] == each.data
        assert tuple(hosts[each.name]["groups"]) == each.groups
        assert hosts[each.name]["platform"] == each.platform


def test_a_rendered_inventory_reaches_the_nodes_of_the_lab() -> None:
    """NAPALM is given the node and the lab, whatever name the node has outside."""
    source = load(FABRICS / "small.yml")
    assert source.fabric
    assert source.plan

    host = yaml.safe_load(rendered(source.fabric, source.plan, source.lab)["hosts.yaml"])["leaf1"]

    assert host["hostname"] == "clab-small-leaf1"
    assert host["connection_options"]["napalm"] == {
        "hostname": "leaf1",
        "extras": {"optional_args": {"lab": "small"}},
    }


def test_a_lab_without_a_plan_is_told_by_its_file_and_by_its_nodes() -> None:
    """Roles come from groups, routers from images or from what runs there."""
    lab = load(FABRICS / "clos-2x4.clab.yml").lab
    neighbors = ({"neighbor": "10.0.1.1", "name": "leaf1", "asn": 65001, "families": ["ipv4"]},)

    silent = entry(of_lab(lab), "spine1")
    told = entry(of_lab(lab, {"spine1": Spoken(frr=True, asn=65000, neighbors=neighbors)}), "spine1")

    assert (silent.platform, silent.data["role"], silent.groups) == ("frr", "spine", ("spine",))
    assert "asn" not in silent.data
    assert (told.data["asn"], told.data["neighbors"]) == (65000, list(neighbors))
    assert told.data["interfaces"][0]["peer"] == "leaf1:eth1"


@pytest.mark.parametrize("name", sorted(clab.READERS))
def test_what_containerlab_left_is_an_inventory(name: str) -> None:
    """Each of its three files loads, with the address of each node that has one."""
    nornir = started(containerlab=str(LEFT / name))

    hosts = {host.name.removeprefix("clab-small-"): host for host in nornir.inventory.hosts.values()}
    assert hosts["spine1"].hostname == "172.30.0.2"
    assert hosts["leaf1"].get_connection_parameters("napalm").extras["optional_args"] == {}
    assert nornir.filter(role="spine").inventory.hosts.keys() == {hosts["spine1"].name}


def test_a_folder_of_containerlab_is_read_by_the_file_that_tells_most() -> None:
    """Cables are only in topology-data.json."""
    found = of_outputs(LEFT)

    assert found.shared == {"fabric": "small"}
    assert entry(found, "leaf1").data["interfaces"][0]["peer"].startswith("spine1:")


def test_links_are_read_as_older_containerlabs_wrote_them() -> None:
    """Ends stood in the link itself before 0.71; a link that ends in nothing leads nowhere."""
    text = """{"name": "old", "nodes": {"a": {"kind": "frr"}, "b": {"kind": "linux", "image": "x/frr:9"}},
      "links": [{"a": {"node": "a", "interface": "eth1"}, "z": {"node": "b", "interface": "eth2"}},
                {"endpoints": {"a": {"node": "a", "interface": "eth3"}}}]}"""

    found = clab.of_topology_data(text, "old.json")

    assert [each.data["interfaces"][0]["peer"] for each in found.entries] == ["b:eth2", "a:eth1"]
    assert [each.platform for each in found.entries] == ["frr", "frr"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lab": "a", "file": "b"}, "lab and file are given; give one of them"),
        ({"lab": "gone"}, "no lab 'gone'"),
        ({}, "no lab is there; give lab, file or containerlab"),
        ({"file": "gone.yml"}, "cannot read gone.yml"),
        ({"containerlab": "/nowhere"}, "/nowhere: none of containerlab's files"),
        ({"timeout": "long"}, "timeout='long' is no number of seconds"),
        ({"timeout": True}, "timeout=True is no number of seconds"),
    ],
)
def test_what_is_not_there_is_a_mistake(
    options: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what there is instead."""
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path / "state"))

    with pytest.raises(Mistake) as raised:
        ClosInventory(**options).load()  # type: ignore[arg-type]

    assert words in str(raised.value)


@pytest.mark.parametrize("name", sorted(clab.READERS))
def test_files_that_are_something_else_are_mistakes(name: str, tmp_path: Path) -> None:
    """The file is named."""
    (tmp_path / name).write_text("[1, 2]")

    with pytest.raises(Mistake, match=name):
        of_outputs(tmp_path)
