"""Routers against the plan, by NAPALM's compliance report: what is as planned complies, what is not is named."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import Closlab

FABRICS = Path(__file__).parents[2] / "topologies" / "fabrics"


@pytest.fixture(scope="module", params=["numbered-2x4", "small", "bgp-hosts"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closlab]:
    """A fabric, converged."""
    closlab = Closlab(tmp_path_factory.mktemp("validate"))
    name = f"validate{os.getpid()}{request.param}"
    up = closlab("up", str(FABRICS / f"{request.param}.yml"), "--name", name)
    try:
        assert up.returncode == 0, up.stderr
        yield closlab
    finally:
        closlab("down", name)


def test_a_converged_fabric_complies(lab: Closlab) -> None:
    """All routers, BGP hosts among them."""
    done = lab("validate")
    found = lab.answer("validate")

    assert (done.returncode, done.stderr) == (0, "")
    assert found["findings"] == []
    assert {each["name"] for each in found["nodes"]} >= {"spine1", "spine2", "leaf1", "leaf4"}


def test_what_is_wrong_is_named_and_only_where_it_is_asked_for(lab: Closlab) -> None:
    """An address too many on one router; another complies."""
    lab("exec", "leaf1", "--", "ip", "address", "add", "192.0.2.1/32", "dev", "lo")
    try:
        one, found = lab("validate", "leaf1"), lab.answer("validate", "leaf1", "leaf2")
    finally:
        lab("exec", "leaf1", "--", "ip", "address", "del", "192.0.2.1/32", "dev", "lo")

    assert one.returncode == 1
    assert "192.0.2.1" in one.stdout
    assert {each["node"] for each in found["findings"]} == {"leaf1"}
    assert ("get_interfaces_ip", "lo ipv4 192.0.2.1") in {(each["rule"], each["where"]) for each in found["findings"]}
    assert {each["name"]: each["complies"] for each in found["nodes"]} == {"leaf1": False, "leaf2": True}


def test_a_router_that_does_not_answer_does_not_comply(lab: Closlab) -> None:
    """It is one finding, and the others are asked all the same."""
    lab("node", "kill", "spine2")
    found = lab.answer("validate", "spine2")
    lab("node", "start", "spine2")
    again = lab("check", "--within", "30", "--no-mesh")

    assert [(each["node"], each["expected"]) for each in found["findings"]] == [("spine2", "an answer")]
    assert "spine2 does not run" in found["findings"][0]["found"]
    assert again.returncode == 0


def test_the_rules_are_files_for_napalms_own_command_line(lab: Closlab) -> None:
    """It finds the same as we do, by the line that was printed."""
    written = lab("validate", "leaf1", "--write", "rules")
    line = written.stderr.splitlines()[-1].strip()
    program = Path(sys.executable).parent
    done = subprocess.run(
        ["sh", "-c", f"{program}/{line}"], cwd=lab.folder, env=lab.env, text=True, capture_output=True, check=False
    )

    assert written.returncode == 0
    assert '"complies": true' in done.stdout, done.stderr
    assert '"skipped": []' in done.stdout


def test_what_is_no_router_is_refused(lab: Closlab) -> None:
    """With the names there are."""
    done = lab("validate", "leaf1", "nobody")

    assert done.returncode == 2
    assert "no router 'nobody'; there are" in done.stderr
