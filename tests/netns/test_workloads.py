"""Workloads on namespaces: what every runtime must do, what `up` says of those that fail, and announced addresses."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance import quiet
from workloads import FABRIC, Workloads

from labs.bringup import bring_up
from tests.conftest import STRANGER
from tests.program import Closlab
from topologies import deploy
from topologies.errors import Fault
from topologies.runtime.door import open_door
from topologies.waiting import until
from topologies.workloads.running import last_words
from topologies.workloads.starting import found

ROOTLESS = """\
workloads:
  web:
    run: [python3, -m, http.server, "80"]
    replicas: 2
    ports: {http: 80}
"""
BARE = FABRIC.split("workloads:")[0]


class TestNetns(Workloads):
    """The suite on namespaces."""

    runtime = "netns"


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a lab that is taken down whatever became of it."""
    name = f"work-fail-{os.getpid()}"
    yield name
    deploy.down(name)


@pytest.mark.parametrize(
    ("workload", "words"),
    [
        (
            "run: [sh, -c, 'echo no luck; exit 3'], ports: {x: 80}",
            r"web ended before it was ready, exit code 3: no luck",
        ),
        ("run: [no-such-program]", r"web ended before it was ready, exit code 127: .*no-such-program: not found"),
        (
            "run: [sleep, '60'], ready: {tcp: 80, within: 300ms}",
            r"web is not ready after 0.3 s: Connection refused; `closlab logs leaf1-host1 web` shows more",
        ),
        ("run: ['true'], user: nobody-at-all", r"web is to run as nobody-at-all, and there is no such user"),
    ],
)
def test_up_says_what_of_a_workload_failed_and_leaves_the_lab(name: str, workload: str, words: str) -> None:
    """With the node and the program's last words; the lab can be looked at."""
    source = deploy.source_of(BARE.format(name=name) + f"workloads: {{web: {{{workload}}}}}\n", "x.yml")

    with pytest.raises(Fault, match=rf"(?s){words}.*lab {name} is left up"):
        bring_up(source, "netns", say=quiet)


def test_closlab_is_the_one_that_brought_the_lab_up_wherever_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a folder that nodes have for themselves, as /tmp; the node cannot write there."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "closlab").write_text('#!/bin/sh\necho "$0 $1"; touch "$0.mine"; exec sleep 3600\n')
    (tmp_path / "bin" / "closlab").chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    source = deploy.source_of(BARE.format(name=name) + "workloads: {web: {run: [closlab, hello]}}\n", "x.yml")

    brought = bring_up(source, "netns", say=quiet)

    ((node, task),) = found(brought.record, "web")
    door = open_door(brought.record, node)
    until("it has spoken", lambda: "" if "touch" in last_words(door, task) else "not yet", within=10)
    assert last_words(door, task).startswith(f"{tmp_path}/bin/closlab hello")
    assert not (tmp_path / "bin" / "closlab.mine").exists()


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_a_lab_without_root_has_workloads_too(home: Path, name: str) -> None:
    """Looked at, restarted and killed as root's are."""
    theirs = Closlab(home, under=STRANGER)
    theirs.env |= {"HOME": str(home)}
    text = BARE.format(name=name) + ROOTLESS
    try:
        up = theirs("up", theirs.file("fabric.yml", text))
        assert up.returncode == 0, up.stdout + up.stderr
        assert "2 programs ready" in up.stdout
        states = [each["state"] for each in theirs.answer("workload", "show")["workloads"]]
        restarted = theirs("workload", "restart", "web", "--node", "leaf1-host1")
        killed = theirs("workload", "kill", "web", "--node", "leaf2-host1")
        shown = theirs("workload", "show")
        log = theirs("logs", "leaf1-host1", "web")
    finally:
        down = theirs("down", name)
    assert states == ["ready", "ready"]
    assert restarted.returncode == 0, restarted.stderr
    assert (killed.returncode, shown.returncode) == (0, 1)
    assert "exit code 137" in shown.stdout
    assert log.returncode == 0, log.stderr
    assert down.returncode == 0, down.stderr


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_a_lab_without_root_has_no_other_users(home: Path, name: str) -> None:
    """Who asks for one is told by the program that becomes it."""
    theirs = Closlab(home, under=STRANGER)
    theirs.env |= {"HOME": str(home)}
    text = BARE.format(name=name) + "workloads: {web: {run: ['true'], user: games, ports: {x: 80}}}\n"
    try:
        up = theirs("up", theirs.file("fabric.yml", text))
    finally:
        theirs("down", name)
    assert up.returncode == 3
    assert "setpriv: " in up.stderr
