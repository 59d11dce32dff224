"""The NAPALM driver on a lab of an ordinary user: the process joins the lab when it opens the first node."""

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import STRANGER
from topologies import process

WORK = Path(__file__).parents[2]
PROGRAM = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from napalm import get_network_driver
from topologies import deploy

def driver(node):
    return get_network_driver("frr")(node, "", "", optional_args={"lab": sys.argv[1]})

def asked(node):
    with driver(node) as opened:
        return opened.get_facts()["hostname"]

if sys.argv[2] == "up":
    deploy.up(deploy.load(Path(sys.argv[3]), name=sys.argv[1]), "netns", say=lambda *_: None)
elif sys.argv[2] == "down":
    deploy.down(sys.argv[1])
else:
    first = [asked("spine1")] if sys.argv[2] == "joined" else []
    with ThreadPoolExecutor(2) as pool:
        print(*first, *pool.map(asked, ["leaf1", "leaf2"]))
"""


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_a_lab_without_root_is_joined_before_there_are_threads(home: Path) -> None:
    """Threads that begin after the first node was opened work; without that, the message says what to do."""
    user = [*STRANGER, sys.executable, "-B", "-c", PROGRAM]
    path = f"{WORK}:{WORK / 'automation' / 'drivers'}"
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": path}

    def run(*words: str) -> process.Finished:
        return process.run([*user, f"hdn{os.getpid()}", *words], env=env, cwd=Path("/"), check=False)

    up = run("up", str(WORK / "topologies" / "fabrics" / "small.yml"))
    try:
        joined, threaded = run("joined"), run("threaded")
    finally:
        down = run("down")

    assert (up.code, up.stderr) == (0, "")
    assert joined.stdout == "spine1 leaf1 leaf2\n", joined.stderr
    assert "open the first driver before there are threads" in threaded.stderr
    assert (down.code, down.stderr) == (0, "")
