"""The real command line on one real lab, as a user types it.

        spine1
        /    \\
    leaf1    leaf2
      |        |
  leaf1-host1  leaf2-host1
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from program import ROOT, Closlab

from topologies.waiting import until

NAME = f"tcli{os.getpid()}"  # so that two runs do not meet on one machine
SMALL = f"name: {NAME}\ndesign: leaf-spine\nspines: 1\nleaves: 2\nhosts_per_leaf: 1\n"
LARGE = f"name: {NAME}-large\ndesign: leaf-spine\nspines: 4\nleaves: 16\n"


@pytest.fixture(scope="module")
def closlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closlab]:
    """The program, with the lab up."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "tcli.yml").write_text(SMALL)
    (folder / "large.yml").write_text(LARGE)
    program = Closlab(folder)
    try:
        done = program("up", "tcli.yml")
        assert done.returncode == 0, done.stderr + done.stdout
        (folder / "up.txt").write_text(done.stdout)
        yield program
    finally:
        program("down", "--all")


@pytest.fixture
def healed(closlab: Closlab) -> Iterator[Callable[[], str]]:
    """Says why the lab is not as planned, "" when it is; the test ends only when it is so again."""

    def differs() -> str:
        done = closlab("check", "--no-mesh")
        return "" if done.returncode == 0 else done.stdout + done.stderr

    yield differs
    until("the lab is as planned again", differs, within=60)


def test_up_ends_with_a_table_of_what_runs_and_how_to_get_in(closlab: Closlab) -> None:
    """Nodes by role, phases with seconds, what was proven, the next commands."""
    said = (closlab.folder / "up.txt").read_text()

    assert "1 spine, 2 leaves, 2 hosts" in said
    assert "converge" in said
    assert "converged and checked" in said
    assert "closlab vtysh spine1 -c 'show bgp summary'" in said


def test_ls_and_show_tell_what_runs(closlab: Closlab) -> None:
    """The same in JSON and as text."""
    (lab,) = closlab.answer("ls")["labs"]
    nodes = {node["name"]: node for node in closlab.answer("show")["nodes"]}

    assert (lab["name"], lab["status"], lab["running"]) == (NAME, "running", 5)
    assert {node["state"] for node in nodes.values()} == {"running"}
    assert nodes["leaf1"]["asn"] > 4_200_000_000 - 1
    assert Path(f"/proc/{nodes['leaf1']['pid']}/ns/net").exists()
    assert "leaf1-host1" in closlab("show").stdout


def test_exec_runs_in_the_node_and_passes_its_exit_code_on(closlab: Closlab) -> None:
    """What follows NODE belongs to the program, options too."""
    plain = closlab("exec", "leaf1", "hostname")
    failing = closlab("exec", "leaf1", "--", "sh", "-c", "echo no >&2; exit 7")
    told = json.loads(closlab("exec", "--json", "leaf1", "--", "ip", "-br", "link", "show", "lo").stdout)
    fed = closlab("exec", "--json", "leaf1", "--", "cat", under=("sh", "-c", 'echo fed | "$@"', "sh"))

    assert json.loads(fed.stdout)["stdout"] == "fed\n"
    assert plain.stdout == "leaf1\n"
    assert (failing.returncode, failing.stderr) == (7, "no\n")
    assert told["code"] == 0
    assert told["stdout"].startswith("lo ")


def test_vtysh_asks_the_nodes_own_daemons(closlab: Closlab) -> None:
    """Both leaves are spine1's neighbours."""
    summary = json.loads(closlab("vtysh", "spine1", "-c", "show bgp summary json").stdout)

    peers = [peer for family in summary.values() for peer in family.get("peers", {})]
    assert len(set(peers)) >= 2


def test_cp_takes_files_in_out_and_across(closlab: Closlab) -> None:
    """A folder as target keeps the name; bytes stay bytes."""
    data = bytes(range(256))
    (closlab.folder / "data.bin").write_bytes(data)

    codes = [
        closlab("cp", "data.bin", "leaf1:/tmp").returncode,
        closlab("cp", "leaf1:/tmp/data.bin", "leaf2:/tmp/other.bin").returncode,
        closlab("cp", "leaf2:/tmp/other.bin", "back.bin").returncode,
    ]

    assert codes == [0, 0, 0]
    assert (closlab.folder / "back.bin").read_bytes() == data
    assert not Path("/tmp/data.bin").exists()
    assert closlab("cp", "leaf1:/none", "x").returncode == 2


def test_logs_show_what_a_daemon_said(closlab: Closlab) -> None:
    """An unknown daemon is answered with those that have logs."""
    fine = closlab("logs", "spine1")
    wrong = closlab("logs", "spine1", "nosuchd")

    assert fine.returncode == 0
    assert wrong.returncode == 2
    assert "there are logs of" in wrong.stderr


def test_a_lowered_link_is_seen_by_link_show_check_and_graph(closlab: Closlab, healed: Callable[[], str]) -> None:
    """The far end loses its carrier; check names it and exits with 1; raised again, all is as planned."""
    assert closlab("link", "down", "leaf1:eth1").returncode == 0

    (cable,) = closlab.answer("link", "show", "leaf1:eth1")["links"]
    states = {end["end"]: end["state"] for end in cable["ends"]}
    checked = closlab("check", "--json")
    drawn = closlab("graph").stdout
    assert states == {"leaf1:eth1": "down", "spine1:eth1": "no carrier"}
    assert checked.returncode == 1
    assert "leaf1" in {each["node"] for each in json.loads(checked.stdout)["check"]["differences"]}
    assert 'class="down"' in drawn

    assert closlab("link", "up", "leaf1:eth1").returncode == 0
    until("the session is back", healed, within=60)


def test_a_daemon_and_a_node_can_be_restarted(closlab: Closlab, healed: Callable[[], str]) -> None:
    """The links stay; the fabric comes back by itself."""
    codes = [
        closlab("node", "restart-daemon", "leaf2", "bgpd").returncode,
        closlab("node", "pause", "leaf1").returncode,
        closlab("node", "resume", "leaf1").returncode,
        closlab("node", "restart", "leaf1").returncode,
    ]
    healed_by_itself = closlab("check", "--within", "60")

    assert codes == [0, 0, 0, 0]
    assert "no difference" in healed_by_itself.stdout
    assert closlab("node", "restart-daemon", "leaf2", "nosuchd").returncode == 2


def test_an_unknown_node_or_interface_is_answered_with_those_there_are(closlab: Closlab) -> None:
    """Exit code 2 and one line."""
    node, interface = closlab("shell", "leaf9"), closlab("link", "down", "leaf1:eth9")

    assert (node.returncode, interface.returncode) == (2, 2)
    assert "no node 'leaf9'; there are leaf1, leaf1-host1" in node.stderr
    assert "no interface 'eth9'; there are" in interface.stderr


def test_a_containerlab_file_with_its_own_configurations_runs_as_it_stands(closlab: Closlab) -> None:
    """It has no plan; up ends when every session that its files configure is Established."""
    file = ROOT / "topologies" / "fabrics" / "clos-2x4.clab.yml"

    answer = closlab.answer("up", str(file), "--name", f"{NAME}-clos")
    down = closlab("down", f"{NAME}-clos")

    assert answer["lab"]["planned"] is False
    assert answer["check"]["differences"] == []
    assert answer["check"]["counts"]["sessions"] == 16
    assert down.returncode == 0


def test_an_interrupted_up_leaves_nothing(closlab: Closlab) -> None:
    """Ctrl-C as soon as the record is on disk: exit code 130, no record, no process of the lab."""
    process = closlab.start("up", "large.yml")
    record = closlab.folder / "state" / f"{NAME}-large" / "record.json"
    until("the record is there", lambda: "" if record.exists() else "no record", within=30)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130, said
    assert not record.parent.exists()
    assert "closlab: stopped" in said
    assert [lab["name"] for lab in closlab.answer("ls")["labs"]] == [NAME]


def test_down_leaves_nothing_and_can_be_said_twice(closlab: Closlab) -> None:
    """The last test of this module: the lab's first process is gone, its namespaces with it."""
    pids = [node["pid"] for node in closlab.answer("show")["nodes"]]

    codes = [closlab("down", "tcli.yml").returncode, closlab("down", "tcli.yml").returncode]

    assert codes == [0, 0]
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert list((closlab.folder / "state").iterdir()) == []
    assert closlab.answer("ls")["labs"] == []
