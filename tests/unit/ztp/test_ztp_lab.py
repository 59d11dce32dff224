"""A lab as it leaves the factory: what its switches know, and what they are to get."""

import json
import subprocess
import zipfile
from io import BytesIO
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from automation.ztp import cabling, expected, package, system
from automation.ztp.bundle import FILES
from automation.ztp.contents import contents, switches
from automation.ztp.factory import IDENTITY, SERVER, Made, factory
from automation.ztp.kea import Management, kea
from automation.ztp.serials import read_inventory, serials
from automation.ztp.trust import Trust
from topologies.deploy import Source, load
from topologies.errors import Mistake
from topologies.lab import Lab, Veth
from topologies.model import Role
from topologies.runtime.netns.mgmt import mgmt_addresses
from topologies.runtime.netns.wiring import wire

FABRICS = Path(__file__).parents[3] / "topologies" / "fabrics"
MANAGEMENT = Management(IPv4Network("172.20.20.0/22"), 8443)
KEYS = Trust("AUTHORITY", "SECRET", "SERVER", "SECRET", "SIGNER", "SECRET")
EVERY = sorted(path for path in FABRICS.glob("*.yml") if not path.name.endswith(".clab.yml"))


def made(source: Source, **more: bool) -> Lab:
    names = [node.name for node in switches(source.lab)]
    numbers = serials(source.lab.name, names, {})
    scripts = {"/usr/lib/ztp/lease.sh": "#!/bin/sh\n"}
    return factory(source.lab, Made(numbers, KEYS, MANAGEMENT, "/folder", scripts, **more))


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_a_switch_leaves_the_factory_with_nothing_of_its_place(path: Path) -> None:
    """No address, no number of its own, no name but its serial number; nothing secret either."""
    source = load(path)
    lab = made(source)
    assert source.plan is not None

    for node in lab.nodes:
        if node.role in (None, Role.HOST):
            continue
        planned = source.plan.nodes[node.name]
        texts = "".join(file.text for file in node.files)
        own = (node.name, str(planned.asn), str(planned.router_id), *(a.partition("/")[0] for a in planned.loopbacks))
        ends = [e for link in lab.links if isinstance(link, Veth) for e in (link.a, link.b) if e.node == node.name]
        assert not any(word in texts for word in own if word != node.role)
        assert not any("hash_seed" in name for name, _ in node.sysctls)
        assert node.addresses == node.neighbours == ()
        assert not any(end.addresses for end in ends)
        assert "SECRET" not in texts
        identity = json.loads(next(file.text for file in node.files if file.path == IDENTITY))
        assert node.hostname == identity["serial"] != node.name


def test_nobody_but_the_server_has_an_address_on_the_management_network() -> None:
    """All are on it: addresses are the DHCP server's to give."""
    lab = made(load(FABRICS / "small.yml"))
    mgmt = mgmt_addresses(lab)
    wiring = wire(lab, mgmt)
    eth0 = {space: plug.addresses for space in wiring.spaces for plug in wiring.plugs(space) if plug.name == "eth0"}

    assert mgmt.used
    assert mgmt.bridge == ()
    assert set(eth0) == {node.name for node in lab.nodes}
    assert not any(eth0.values())
    assert {n.name: n.addresses for n in lab.nodes}[SERVER] == (("eth0", "172.20.20.1/22"),)


def test_a_switch_that_may_not_write_settings_has_all_of_them_from_the_beginning() -> None:
    """A container's kernel settings are the engine's to make: the one that is of a switch alone is there as well."""
    source = load(FABRICS / "small.yml")
    settings = {node.name: node.sysctls for node in made(source, settled=True).nodes}

    assert {node.name: settings[node.name] for node in switches(source.lab)} == {
        node.name: node.sysctls for node in switches(source.lab)
    }


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_every_switch_gets_all_that_its_plan_says(path: Path) -> None:
    """Its bundle, read as the agent reads it, has every address, cable, session and route."""
    source = load(path)
    assert source.plan is not None
    bundles = contents(source.lab, source.plan)

    assert bundles.keys() == {node.name for node in switches(source.lab)}
    for name, files in bundles.items():
        planned = source.plan.nodes[name]
        given = system.read(files["system.json"])
        wanted = [("lo", a) for a in planned.loopbacks] + [(i.name, a) for i in planned.interfaces for a in i.addresses]
        seen = expected.read(files["expected.json"])
        ports = cabling.read(files["cabling.json"]).ports
        assert set(files) == set(FILES)
        assert sorted(given.addresses) == sorted(wanted)
        assert given.hostname == name
        assert dict(given.sysctls)["net.ipv4.fib_multipath_hash_seed"] == str(planned.hash_seed)
        assert [(p.port, p.node, p.far_port) for p in ports] == [
            (i.name, i.peer.node, i.peer.interface) for i in planned.interfaces
        ]
        assert seen.routes == planned.routes
        assert [peer for _, peer in seen.sessions] == [each.peer for each in planned.sessions]


def test_a_node_with_the_servers_name_is_a_mistake() -> None:
    """There can be one only."""
    source = load(FABRICS / "small.yml")
    named = Lab(name="x", nodes=(*source.lab.nodes, source.lab.nodes[0].__class__(name=SERVER)), links=())

    with pytest.raises(Mistake, match=f"node {SERVER}"):
        factory(named, Made({n.name: "S" for n in switches(named)}, KEYS, MANAGEMENT, "/folder", {}))


def test_serial_numbers_are_the_same_each_time_and_an_inventory_counts_before_them() -> None:
    """Different for each node and lab."""
    plain = serials("lab", ["leaf1", "leaf2"], {})

    assert plain == serials("lab", ["leaf1", "leaf2"], {})
    assert plain["leaf1"] != plain["leaf2"]
    assert serials("other", ["leaf1"], {})["leaf1"] != plain["leaf1"]
    assert serials("lab", ["leaf1", "leaf2"], {"MINE": "leaf2"}) == {"leaf1": plain["leaf1"], "leaf2": "MINE"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("AB1: leaf9\n", "no switch leaf9; there are leaf1, leaf2"),
        ("AB1: leaf1\nAB2: leaf1\n", "more than one serial number for leaf1"),
        ("AB1: [leaf1]\n", "inv.yml:1:6"),
        ("- leaf1\n", "inv.yml"),
    ],
)
def test_an_inventory_that_cannot_be_meant_is_a_mistake(text: str, why: str) -> None:
    """It says where, or who."""
    with pytest.raises(Mistake, match=why):
        serials("lab", ["leaf1", "leaf2"], read_inventory(text, "inv.yml"))


def test_kea_gives_leases_by_mac_and_tells_switches_where_to_go() -> None:
    """From a pool without the server's own address."""
    told = json.loads(kea(MANAGEMENT))["Dhcp4"]

    assert told["match-client-id"] is False
    assert told["subnet4"][0]["pools"] == [{"pool": "172.20.20.2 - 172.20.23.254"}]
    assert told["client-classes"][0]["option-data"] == [
        {"name": "boot-file-name", "data": "https://172.20.20.1:8443/v1"}
    ]
    assert "routers" not in json.dumps(told)


@pytest.mark.parametrize(
    ("pack", "words", "says"), [(package.agent, "bogus", "no word"), (package.server, "x", "PORT")]
)
def test_what_runs_in_nodes_needs_the_standard_library_only(pack, words: str, says: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A bare Python, without the environment or the folder of this one, runs it; all modules in it can be imported."""
    file = tmp_path / "program.pyz"
    file.write_bytes(pack())
    names = [name[:-3].replace("/", ".") for name in zipfile.ZipFile(BytesIO(pack())).namelist() if name[-3:] == ".py"]
    modules = [name.removesuffix(".__init__") for name in names if "__main__" not in name]
    code = f"import sys; sys.path.insert(0, {str(file)!r}); import {', '.join(modules)}"

    ran = subprocess.run(["python3", "-I", "-S", file, words], capture_output=True, text=True, check=False, cwd="/")
    took = subprocess.run(["python3", "-I", "-S", "-c", code], capture_output=True, text=True, check=False, cwd="/")

    assert (ran.returncode, says in ran.stderr) == (2, True), ran.stderr
    assert took.returncode == 0, took.stderr
