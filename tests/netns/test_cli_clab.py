"""The containerlab front on one real lab: what scripts ask of the real program.

n1 eth1 ---- eth1 n2 eth2 ---- eth1 n3    (n2-n3 has a rate of 50 Mbit/s)
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NAME = f"tfront{os.getpid()}"  # so that two runs do not meet on one machine
TOPOLOGY = """\
name: NAME
topology:
  defaults: {kind: linux, image: frrouting/frr}
  nodes:
    n1: {labels: {side: left}, network-mode: none}
    n2: {network-mode: none}
    n3: {}
  links:
    - endpoints: ["n1:eth1", "n2:eth1"]
    - endpoints: ["n2:eth2", "n3:eth1"]
      vars: {closlab-rate-mbps: 50}
"""


class Front:
    """`closlab-clab` in a folder with one topology file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "CLOSLAB_STATE": str(folder / "state"), "PYTHONPATH": str(ROOT)}

    def __call__(self, line: str, *more: str) -> "subprocess.CompletedProcess[str]":
        """One command to its end."""
        program = [sys.executable, "-c", "from labs.clab import main; main()", *line.split(), *more]
        return subprocess.run(
            program, cwd=self.folder, env=self.env, text=True, capture_output=True, timeout=120, check=False
        )

    def answer(self, line: str, *more: str) -> Any:
        """What a command prints as JSON."""
        done = self(line, *more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The front, with the lab deployed."""
    folder = tmp_path_factory.mktemp("front")
    (folder / f"{NAME}.clab.yml").write_text(TOPOLOGY.replace("NAME", NAME))
    program = Front(folder)
    try:
        done = program("deploy --reconfigure")
        assert done.returncode == 0, done.stderr
        yield program
    finally:
        program(f"destroy --name {NAME} --cleanup")


def test_inspect_tells_addresses_states_and_interfaces(front: Front) -> None:
    """N/A where a node has no management network."""
    nodes = {row["name"]: row for row in front.answer(f"inspect -t {NAME}.clab.yml -f json")[f"{NAME}"]}
    (found,) = front.answer(f"inspect interfaces -n clab-{NAME}-n2 -f json")

    assert {row["state"] for row in nodes.values()} == {"running"}
    assert nodes[f"clab-{NAME}-n1"]["ipv4_address"] == "N/A"
    assert nodes[f"clab-{NAME}-n3"]["ipv4_address"].endswith("/24")
    assert {"lo", "eth1", "eth2"} == {link["name"] for link in found["interfaces"]}


def test_exec_answers_by_node_and_command(front: Front) -> None:
    """Filtered by label; JSON output stays JSON; codes are told, not raised."""
    answer = front.answer(
        f"exec -t {NAME}.clab.yml --label side=left -f json", "--cmd", "ip -j link show lo", "--cmd", "sh -c 'exit 3'"
    )

    (first, second) = answer[f"clab-{NAME}-n1"]
    assert list(answer) == [f"clab-{NAME}-n1"]
    assert first["stdout"][0]["ifname"] == "lo"
    assert second["return-code"] == 3


def test_netem_sets_shows_and_resets_and_keeps_the_links_own_rate(front: Front) -> None:
    """A rate works on every kernel; 50 Mbit/s is there before and after."""

    def rates() -> dict[str, int]:
        shown = front.answer(f"tools netem show -n clab-{NAME}-n2 -f json")[f"clab-{NAME}-n2"]
        return {row["interface"]: row["rate"] for row in shown}

    before = rates()
    changed = (
        front(f"tools netem set -n clab-{NAME}-n2 -i eth1 --rate 1000"),
        front("tools netem set -n n2 -i eth2 --rate 2000"),
    )
    during = rates()
    reset = [front(f"tools netem reset -n clab-{NAME}-n2 -i {interface}") for interface in ("eth1", "eth2")]

    assert [done.returncode for done in (*changed, *reset)] == [0, 0, 0, 0], changed[0].stderr
    assert reset[0].stdout == f'Reset impairments on node "clab-{NAME}-n2", interface "eth1"\n'
    assert before == {"eth1": 0, "eth2": 50_000}
    assert during == {"eth1": 1000, "eth2": 2000}
    assert rates() == before


def test_a_loss_is_set_and_shown_and_reset(front: Front) -> None:
    """Whatever makes it on this kernel."""

    def losses() -> list[float]:
        shown = front.answer(f"tools netem show -n clab-{NAME}-n1 -f json")[f"clab-{NAME}-n1"]
        return [row["packet_loss"] for row in shown if row["interface"] == "eth1"]

    done = front(f"tools netem set -n clab-{NAME}-n1 -i eth1 --loss 10")
    during = losses()
    reset = front(f"tools netem reset -n clab-{NAME}-n1 -i eth1")

    assert (done.returncode, reset.returncode) == (0, 0), done.stderr
    assert (during, losses()) == ([10], [0])


def test_destroy_cleanup_leaves_the_topology_file_only(front: Front) -> None:
    """The last test of this module."""
    assert (front.folder / f"clab-{NAME}" / "topology-data.json").exists()

    done = front(f"destroy -t {NAME}.clab.yml --cleanup")

    assert done.returncode == 0
    assert {path.name for path in front.folder.iterdir()} == {f"{NAME}.clab.yml", "state"}
    assert front.answer("inspect --all -f json") == {}
