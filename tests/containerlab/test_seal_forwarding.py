"""The seal on the real containerlab, on a machine that forwards, with an engine of its own.

    outside --- uplink [machine, dockerd] management network --- every node     leaf1-host1 --- leaf1 --- spine1
                                                                                n1 --- n2, n1 publishes ports
                                                                                leaf1 --- spine1, from nothing

Once with the engine's own firewall rules, which masquerade, as most machines have it; once without, when nothing but
the lab's own filters what the machine forwards.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from program import Closlab
from uplink import GATEWAYS, OUTSIDE, SEND, UPLINKS, Uplinked, management_gateways, seek_a_way_out, uplinked

from topologies.runtime.containerlab import seal
from topologies.runtime.image import frr_image_name
from topologies.runtime.store import Store
from topologies.waiting import until

IMAGE = frr_image_name(os.environ)
FABRIC = "name: fabric\ndesign: leaf-spine\nspines: 1\nleaves: 1\nhosts_per_leaf: 1\n"
NOTHING = "name: nothing\ndesign: leaf-spine\nspines: 1\nleaves: 1\nhosts_per_leaf: 0\n"
TAKEN = (
    "172.20.20.1"  # an address of the machine that a node gives itself too: containerlab's own default network has it
)
PUBLISHING = f"""
name: publishing
topology:
  defaults: {{kind: linux, image: "{IMAGE}", privileged: false, cap-add: [NET_ADMIN, NET_RAW]}}
  nodes:
    n1: {{cmd: python3 -m http.server 80, ports: ["127.0.0.1:8001:80", "0.0.0.0:8002:80"]}}
    n2: {{cmd: sleep infinity}}
  links:
    - endpoints: ["n1:eth1", "n2:eth1"]
"""
RULES = {
    "firewall": ("--iptables=true", "--experimental", "--ip6tables=true"),
    "no-firewall": ("--iptables=false", "--ip6tables=false"),
}
GET = 'exec 3<>/dev/tcp/{address}/{port} && printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3 && head -n 1 <&3'


@dataclass(frozen=True)
class Engine:
    """The machine with its engine and two labs, and the program that looks after them."""

    machine: Uplinked
    closlab: Closlab

    def docker(self, *argv: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """The engine's client."""
        return self.machine.run("docker", "--host", self.closlab.env["DOCKER_HOST"], *argv, check=check)

    def up(self, file: str, text: str, *more: str) -> None:
        """Bring a lab up from a file."""
        path = self.closlab.folder / self.closlab.file(file, text)
        done = self.closlab("up", str(path), *more, "--runtime", "containerlab", under=self.machine.under)
        assert done.returncode == 0, done.stderr + done.stdout


@pytest.fixture(scope="module")
def images() -> Iterator[str]:
    """The folder where the engine keeps its images, for both of its lives."""
    with tempfile.TemporaryDirectory() as folder:
        yield folder


@pytest.fixture(scope="module", params=RULES)
def engine(request: pytest.FixtureRequest, images: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine with the two labs."""
    folder = tmp_path_factory.mktemp("seal")
    with uplinked() as machine:
        closlab = Closlab(folder)
        closlab.env["DOCKER_HOST"] = "unix:///run/docker.sock"  # the machine's /run is its own
        made = Engine(machine, closlab)
        argv = ["dockerd", "--host", closlab.env["DOCKER_HOST"], "--data-root", images, "--exec-root", "/run/docker"]
        argv += ["--pidfile", "/run/docker.pid", "--bridge", "none", *RULES[request.param]]
        with open(folder / "log", "w") as log, subprocess.Popen([*machine.under, *argv], stderr=log) as dockerd:
            try:
                furnish(made)
                made.up("fabric.yml", FABRIC)
                made.up("publishing.clab.yml", PUBLISHING)
                machine.run("ip", "address", "add", f"{TAKEN}/24", "dev", "lo")
                made.up("nothing.yml", NOTHING, "--ztp")
                yield made
            finally:
                closlab("down", "--all", under=machine.under)
                dockerd.kill()  # the one that started it; the engine itself ends with its machine


def furnish(engine: Engine) -> None:
    """Wait for the engine; give it, in its first life, the image of the nodes and a network for anybody."""
    until("dockerd answers", lambda: engine.docker("version", check=False).stderr, within=30)
    if engine.docker("image", "inspect", IMAGE, check=False).returncode:
        load = [*engine.machine.under, "docker", "--host", engine.closlab.env["DOCKER_HOST"], "load", "--quiet"]
        with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as save:
            subprocess.run(load, stdin=save.stdout, check=True)
        engine.docker("network", "create", "open")


def test_nothing_left_while_the_labs_came_up(engine: Engine) -> None:
    """Neither their nodes nor the programs that made them asked anybody outside, for a name or a newer version."""
    assert engine.machine.leaving() == []


def test_an_ordinary_container_gets_out(engine: Engine) -> None:
    """What is not sealed leaves over the uplink: without this the other tests would say nothing."""
    engine.docker("run", "--rm", "--network", "open", IMAGE, "bash", "-c", f"{SEND} send {OUTSIDE[0]}; wait")

    left = engine.machine.leaving()
    assert {(each.target, each.protocol) for each in left} == {(OUTSIDE[0], 6), (OUTSIDE[0], 17)}


@pytest.mark.parametrize(
    ("lab", "node"), [("fabric", "leaf1"), ("fabric", "leaf1-host1"), ("publishing", "n1"), ("publishing", "n2")]
)
def test_nothing_leaves_over_the_uplink(engine: Engine, lab: str, node: str) -> None:
    """Not by the routes that the lab gave, nor without a default route, nor with one over the management network; names
    asked of the engine's own resolver stay inside too."""
    sent = seek_a_way_out(engine.machine, engine.closlab, lab, node)
    name = ["timeout", "0.3", "getent", "hosts", "seal.example.org"]
    engine.closlab("exec", "--lab", lab, node, "--", *name, under=engine.machine.under)
    left = engine.machine.leaving()

    assert sent["management"] == 4  # the node's own kernel let all of them go
    assert sent["none"] == 0
    assert left == []


def test_a_lab_that_provisioned_itself_is_as_sealed(engine: Engine) -> None:
    """The engine's firewall let DHCP and HTTPS pass, and the machine claimed no address of a node's; whoever knows the
    MAC address of the bridge gets no further."""
    under, bridge = engine.machine.under, seal.bridge(Store(engine.closlab.state).read("nothing").id)
    address = json.loads(engine.machine.run("ip", "-j", "link", "show", bridge).stdout)[0]["address"]
    ways = (
        f"ip neighbour replace 172.20.20.9 lladdr {address} dev eth0",
        "ip route add default via 172.20.20.9 dev eth0",
    )
    script = f"{SEND} sent=0; {'; '.join(ways)}; send {OUTSIDE[0]}; send {UPLINKS[0]}; wait; echo $sent"
    done = engine.closlab("exec", "--lab", "nothing", "leaf1", "--", "bash", "-c", script, under=under)

    assert done.stdout == "2\n", done.stderr  # the node's own kernel let both go
    assert engine.machine.leaving() == []


def test_published_ports_are_reached_from_where_they_are_published(engine: Engine) -> None:
    """One on 127.0.0.1 by the machine, one on all addresses from outside as well."""
    outside = ("ip", "netns", "exec", "outside")

    assert "200 OK" in got(engine, "127.0.0.1", 8001)
    assert "200 OK" in got(engine, "127.0.0.1", 8002)
    assert "200 OK" in got(engine, UPLINKS[0], 8002, *outside)
    assert "200 OK" not in got(engine, UPLINKS[0], 8001, *outside)
    assert {each.target for each in engine.machine.leaving()} == {GATEWAYS[0]}  # the answers to those outside


@pytest.mark.parametrize(("lab", "node"), [("fabric", "leaf1"), ("publishing", "n2")])
def test_a_node_does_not_reach_the_machine(engine: Engine, lab: str, node: str) -> None:
    """A port that listens on all addresses of the machine is reached at the bridge's by the machine, not by a node."""
    gateway = management_gateways(engine.machine, engine.closlab, lab, node)[0]
    get = ["timeout", "1", "bash", "-c", GET.format(address=gateway, port=8002)]
    done = engine.closlab("exec", "--lab", lab, node, "--", *get, under=engine.machine.under)

    assert "200 OK" in got(engine, gateway, 8002)
    assert done.stdout == ""


def got(engine: Engine, address: str, port: int, *under: str) -> str:
    """What answers at a port of the machine."""
    get = ("timeout", "2", "bash", "-c", GET.format(address=address, port=port))
    return engine.machine.run(*under, *get, check=False).stdout
