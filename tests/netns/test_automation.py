r"""Configurations of a running fabric, changed as its operators do: by commands, and by Nornir scripts of their own.

spine1  spine2        leaf1 and leaf2 have a host each; the lab is brought up by `closlab up`, and each test leaves
    \  /  \  /        its routers running what its fabric file says
   leaf1   leaf2
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from nornir import InitNornir
from program import ROOT, Closlab, held

from automation import backups
from automation.runner import WavesResult
from automation.tasks.commit import commit
from automation.tasks.confirm import confirm
from automation.tasks.revert import revert
from topologies.waiting import until

NAME = f"auto{os.getpid()}"
FABRIC = f"name: {NAME}\ndesign: leaf-spine\nspines: 2\nleaves: 2\nhosts_per_leaf: 1\nunderlay:\n  ecmp: {{}}\n"
ROUTERS = ["leaf1", "leaf2", "spine1", "spine2"]
OTHER = "ip prefix-list OTHER seq 5 permit any"
ROGUE = "ip prefix-list ROGUE seq 5 permit any"
KILLED = """
import os, signal, sys
from pathlib import Path
from automation import applying
from topologies import deploy
from topologies.runtime import store

applying.proven = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
source = deploy.load(Path(sys.argv[2]), name=sys.argv[1])
applying.apply(sys.argv[1], source, applying.Manner(revert_in=15, within=1), at=store.here())
"""


@pytest.fixture(scope="module")
def closlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closlab]:
    """The program, with the lab up; what Nornir is given in this process finds it too."""
    folder = tmp_path_factory.mktemp("automation")
    (folder / "fabric.yml").write_text(FABRIC.format(64))
    (folder / "eight.yml").write_text(FABRIC.format(8))
    program = Closlab(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSLAB_STATE", str(program.state))
        try:
            done = program("up", "fabric.yml")
            assert done.returncode == 0, done.stderr + done.stdout
            yield program
        finally:
            program("down", "--all")


@pytest.fixture(autouse=True)
def restored(closlab: Closlab) -> Iterator[None]:
    """Whatever a test did, the next one finds the fabric as its first file says."""
    yield
    done = closlab("apply", "fabric.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def configure(closlab: Closlab, node: str, *lines: str) -> None:
    """Change a router behind everybody's back."""
    asked = [word for line in ("configure terminal", *lines) for word in ("-c", line)]
    assert closlab("exec", node, "--", "vtysh", *asked).returncode == 0


def by_name(answer: dict[str, object]) -> dict[str, dict[str, object]]:
    """The nodes of an answer."""
    return {each["name"]: each for each in answer["nodes"]}  # type: ignore[attr-defined]


def test_the_lines_of_the_readme_run_as_they_stand(closlab: Closlab) -> None:
    """A Nornir user's own script, with the name of this lab in it."""
    (script,) = [each for each in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
                 if "InitNornir" in each]  # fmt: skip
    assert '"small"' in script

    done = subprocess.run(
        [sys.executable, "-c", script.replace('"small"', f'"{NAME}"')],
        env=closlab.env, cwd=closlab.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "leaf1 4200010001 ['eth1', 'eth2']" in done.stdout
    assert "leaf2 + ip prefix-list LAB seq 5 permit any" in done.stdout
    assert closlab("diff").returncode == 0


def test_a_difference_is_told_and_applied_once(closlab: Closlab) -> None:
    """diff names the line and exits with 1; apply removes it, checks, confirms; a second one has nothing to do."""
    configure(closlab, "leaf1", ROGUE)

    differs, tried = closlab("diff"), closlab("apply", "--dry-run")
    applied, again = closlab.answer("apply"), closlab("apply")

    assert (differs.returncode, tried.returncode) == (1, 0)
    assert f"leaf1:\n  - {ROGUE}" in differs.stdout
    assert f"leaf1:\n  - {ROGUE}" in tried.stdout
    assert "1 router of 4 differs" in differs.stdout
    assert (applied["fine"], applied["applied"], applied["check"]["fine"]) == (True, True, True)
    assert {name: each["state"] for name, each in by_name(applied).items()} == {
        "leaf1": "confirmed", "leaf2": "unchanged", "spine1": "unchanged", "spine2": "unchanged",
    }  # fmt: skip
    assert again.returncode == 0
    assert "nothing to change: all 4 routers run it already" in again.stdout


def test_a_drained_router_is_not_taken_back_by_the_way(closlab: Closlab) -> None:
    """apply refuses by name, and changes nobody; after undrain it goes through."""
    assert closlab("drain", "spine1").returncode == 0
    configure(closlab, "leaf1", ROGUE)

    refused, there = closlab("apply"), closlab("diff", "leaf1")
    back = closlab("undrain", "spine1")

    assert refused.returncode == 2
    assert "spine1 is drained since" in refused.stderr
    assert "`closlab undrain spine1`" in refused.stderr
    assert ROGUE in there.stdout
    assert back.returncode == 0, back.stderr


def test_a_new_version_of_the_file_becomes_the_plan(closlab: Closlab) -> None:
    """Every router commits, in waves; the check afterwards compares with the new version."""
    done = closlab("apply", "eight.yml", "--waves", "2")
    routers = closlab("exec", "leaf1", "--", "vtysh", "-c", "show running-config").stdout

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 routers changed, checked and confirmed, and has a new plan" in done.stdout
    assert "maximum-paths 8" in routers
    assert closlab("check").returncode == 0
    assert closlab.answer("apply", "eight.yml")["applied"] is False
    assert closlab("diff").returncode == 0


def test_a_fabric_that_needs_more_than_configuration_is_refused(closlab: Closlab) -> None:
    """What is new is named, and nothing is changed."""
    file = closlab.file("three.yml", FABRIC.format(64).replace("leaves: 2", "leaves: 3"))

    done = closlab("apply", file)

    assert done.returncode == 2
    assert "more than configuration changed: node leaf3 is new" in done.stderr
    assert closlab("diff").returncode == 0


def test_a_change_that_leaves_the_fabric_unwell_goes_back(closlab: Closlab) -> None:
    """The check's words are the reason, the exit code is its, and the plan stays."""
    assert closlab("link", "down", "leaf1:eth1").returncode == 0
    try:
        done = closlab("apply", "eight.yml", "--within", "3")
        answer = closlab("diff").returncode
    finally:
        closlab("link", "up", "leaf1:eth1")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "not applied: the check found: spine1: " in done.stdout
    assert "spine1, spine2, leaf1, leaf2: went back" in done.stdout
    assert answer == 0  # they run what the first file says
    assert closlab("check", "--within", "60").returncode == 0


def test_a_router_out_of_reach_keeps_all_others_as_they_are(closlab: Closlab) -> None:
    """It is named, and nothing is committed anywhere."""
    assert closlab("node", "kill", "leaf2").returncode == 0
    try:
        done, drift = closlab("apply", "eight.yml"), closlab("drift")
        running = closlab("diff", "leaf1", "spine1", "spine2").returncode
    finally:
        closlab("node", "start", "leaf2")

    assert done.returncode == drift.returncode == 3
    assert "leaf2 could not be compared; nothing was changed" in done.stdout
    assert "node leaf2 does not run" in done.stdout
    assert "leaf2 could not be asked" in drift.stdout
    assert running == 0
    assert closlab("check", "--within", "60").returncode == 0


def test_one_router_that_refuses_leaves_nothing_half_applied(closlab: Closlab) -> None:
    """FRR's words are told; the other that had committed goes back."""
    folder = closlab.folder / "refused"
    assert closlab("backup", str(folder)).returncode == 0
    spoil(folder, "leaf1", "ip route 10.9.0.0/24 nowhere at all\n")
    spoil(folder, "spine1", f"{ROGUE}\n")

    done = closlab("restore", str(folder))

    assert done.returncode == 3
    assert "leaf1 did not take it" in done.stdout
    assert "Unknown command" in done.stdout
    assert "spine1: went back" in done.stdout
    assert closlab("diff").returncode == 0


def spoil(folder: Path, router: str, lines: str) -> None:
    """Add lines to a router's configuration in a backup, and have its manifest agree."""
    manifest = json.loads((folder / backups.MANIFEST).read_text())
    file = folder / manifest["routers"][router]["file"]
    file.write_text(file.read_text().replace("end\n", "") + lines)
    manifest["routers"][router]["sha256"] = backups.digest(file.read_bytes())
    (folder / backups.MANIFEST).write_text(json.dumps(manifest))


def test_a_controller_killed_before_it_confirmed_leaves_the_fabric_as_it_was(closlab: Closlab) -> None:
    """Every router goes back by its own timer; until then a second change is refused, and the plan never changed."""
    words = [sys.executable, "-c", KILLED, NAME, str(closlab.folder / "eight.yml")]
    killed = subprocess.run(words, env=closlab.env, check=False)
    changed = by_name(closlab.answer("diff"))  # against the first file, which still is the lab's
    second = closlab("apply", "eight.yml")

    def differs() -> str:
        done = closlab("diff")
        return "" if done.returncode == 0 else done.stdout

    until("all routers went back", differs, within=30)
    assert killed.returncode == -signal.SIGKILL
    assert {name for name, each in changed.items() if each["diff"]} == set(ROUTERS)
    assert second.returncode == 3
    assert re.search(r"spine1: a change by \S+ on .* is under way or waits to be confirmed", second.stdout)
    assert closlab("check", "--within", "30").returncode == 0


def test_two_changes_do_not_run_at_once(closlab: Closlab) -> None:
    """The second is refused at once and says who is at it."""
    first = closlab.start("apply", "eight.yml", "--waves", "1")
    until("the first is at it", lambda: "" if (closlab.state / NAME / "holder").exists() else "it is not", within=30)
    with held(first):
        second = closlab("apply", "eight.yml")
    first.communicate(timeout=120)

    assert first.returncode == 0
    assert second.returncode == 2
    assert f"lab '{NAME}' is busy: closlab apply, process {first.pid}" in second.stderr


def test_an_interrupted_change_goes_back(closlab: Closlab) -> None:
    """SIGTERM between commit and confirm: routers are told, not left to their timers of two minutes."""
    assert closlab("link", "down", "leaf1:eth1").returncode == 0  # so that the check waits
    try:
        running = closlab.start("apply", "eight.yml", "--within", "60")
        until("routers have it", lambda: "" if closlab("diff").returncode == 1 else "they do not", within=30)
        running.terminate()
        _, told = running.communicate(timeout=60)
        after = closlab("diff").returncode
    finally:
        closlab("link", "up", "leaf1:eth1")

    assert (running.returncode, after) == (128 + signal.SIGTERM, 0), told
    assert closlab("check", "--within", "60").returncode == 0


def test_drift_tells_lines_since_when_and_the_last_transaction(closlab: Closlab) -> None:
    """The first time that a line was seen stays; what is cured is forgotten."""
    configure(closlab, "spine2", "router bgp 4200000001", "neighbor LEAVES timers 5 15", ROGUE)

    first = by_name(closlab.answer("drift"))["spine2"]
    configure(closlab, "spine2", f"no {ROGUE}", OTHER)
    second = by_name(closlab.answer("drift"))["spine2"]
    text = closlab("drift")

    since = {line["line"]: line["since"] for line in first["lines"]}  # type: ignore[attr-defined]
    later = {line["line"]: line["since"] for line in second["lines"]}  # type: ignore[attr-defined]
    assert {"line", "what", "within", "since"} == set(first["lines"][0])  # type: ignore[index]
    assert since.keys() - later.keys() == {ROGUE}
    kept = next(line for line in since if "timers" in line)
    assert later[kept] == since[kept]
    assert OTHER in later
    assert text.returncode == 1
    assert "1 router drifted: spine2" in text.stdout
    assert closlab("apply").returncode == 0
    assert by_name(closlab.answer("drift"))["spine2"]["since"] == ""


def test_a_backup_is_restored_on_the_routers_that_are_named(closlab: Closlab) -> None:
    """Dry first, then for good; the last transaction of that router is ours."""
    folder = closlab.folder / "kept"
    told = closlab.answer("backup", str(folder))
    for node in ("leaf1", "leaf2"):
        configure(closlab, node, ROGUE)

    dry = closlab("restore", str(folder), "leaf1", "--dry-run")
    done = closlab("restore", str(folder), "leaf1")
    drift = by_name(closlab.answer("drift"))

    assert sorted(told["routers"]) == ROUTERS
    assert (dry.returncode, done.returncode) == (0, 0)
    assert f"leaf1:\n  - {ROGUE}" in dry.stdout
    assert "1 router changed and confirmed" in done.stdout
    assert drift["leaf1"]["lines"] == []
    assert drift["leaf1"]["last_change"]["message"].startswith("closlab restore ")  # type: ignore[index]
    assert [line["line"] for line in drift["leaf2"]["lines"]] == [ROGUE]  # type: ignore[attr-defined]


def test_what_was_changed_is_in_the_audit_log(closlab: Closlab) -> None:
    """Who, which router, which difference, confirmed."""
    log = closlab.folder / "audit.jsonl"
    configure(closlab, "leaf2", ROGUE)

    assert closlab("apply", "--audit", str(log)).returncode == 0

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(each["task"], each["outcome"], each["diff"]) for each in lines if each["host"] == "leaf2"] == [
        ("difference", "ok", f"- {ROGUE}"),
        ("commit", "changed", f"- {ROGUE}"),
        ("confirm", "changed", ""),
    ]
    assert {(each["lab"], each["command"]) for each in lines} == {(NAME, "apply")}


def test_the_tasks_are_anybodys(closlab: Closlab) -> None:
    """A script of one's own commits in waves, and confirms or takes back what it named."""
    inventory = {"plugin": "closlab", "options": {"lab": NAME}}
    runner = {"plugin": "waves", "options": {"size": 2}}
    with InitNornir(inventory=inventory, runner=runner, logging={"enabled": False}) as nornir:
        routers = nornir.filter(platform="frr")
        texts = {name: f"{host['role']}\n" for name, host in routers.inventory.hosts.items()}
        lines = dict.fromkeys(texts, ROGUE)
        refused = routers.run(commit, texts=texts, revert_in=60, message="nonsense")
        routers.data.reset_failed_hosts()
        leaves = routers.filter(role="leaf")
        before = closlab("exec", "leaf1", "--", "vtysh", "-c", "show running-config").stdout
        taken = leaves.run(commit, texts={n: f"{before}\n{lines[n]}" for n in ("leaf1",)}, revert_in=60, message="mine")
        leaves.data.reset_failed_hosts()
        back = leaves.run(revert, message="mine")
        late = leaves.run(confirm, message="mine")

    assert isinstance(refused, WavesResult)
    assert list(refused.failed_hosts) == ["spine1"]
    assert len(refused.not_run) == 3
    assert taken["leaf1"][0].changed
    assert back["leaf1"].result == "reverted"
    assert "does not wait to be confirmed any more" in str(late["leaf1"].exception)


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_all_of_it_works_without_root() -> None:
    """A lab of an ordinary user, who joins it before there are threads."""
    user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    with TemporaryDirectory() as home:
        os.chown(home, 65534, 65534)
        program = Closlab(Path(home), under=user)
        program.env |= {"HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}
        file = program.file("f.yml", FABRIC.format(64).replace(NAME, f"{NAME}user"))
        try:
            up = program("up", file)
            program("exec", "leaf1", "--", "vtysh", "-c", "configure terminal", "-c", ROGUE)
            differs, applied = program("diff"), program("apply")
            drift = program("drift")
        finally:
            program("down", "--all")

    assert up.returncode == 0, up.stderr
    assert differs.returncode == 1, differs.stderr
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert "no router drifted" in drift.stdout
