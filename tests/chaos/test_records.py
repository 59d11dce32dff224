"""What is on disk of a lab goes bad, or stays while the lab went: `down` takes all of it away."""

import json
from pathlib import Path

from program import SMALL, Closlab

from topologies.waiting import until


def record(closlab: Closlab) -> Path:
    """The lab's record on disk, the lab brought up."""
    done = closlab("up", "small.yml", "--no-check")
    assert done.returncode == 0, done.stderr
    return closlab.state / SMALL / "record.json"


def test_a_spoilt_record_does_not_keep_the_lab(closlab: Closlab) -> None:
    """Cut short, as a dying disk leaves it: every command says the way out, and that way removes the lab."""
    file = record(closlab)
    file.write_bytes(file.read_bytes()[:700])

    listed, shown = closlab("ls"), closlab("show", SMALL)
    down = closlab("down", SMALL)

    assert "unreadable" in listed.stdout
    assert f"`closlab down {SMALL}`" in shown.stderr
    assert (shown.returncode, down.returncode) == (3, 0), down.stderr
    until("nothing is left", lambda: closlab.traces(SMALL), within=5)


def test_a_lab_that_a_restart_ended_is_only_a_record(closlab: Closlab) -> None:
    """The machine restarted: the lab is shown as broken, its name is taken, and `down` harms no process of today."""
    file = record(closlab)
    now = file.read_bytes()
    told = json.loads(now)
    alive = closlab.answer("show", SMALL)["nodes"][0]["pid"]
    file.write_bytes(now.replace(boot(told).encode(), b"0" * 8 + b"-0000-0000-0000-" + b"0" * 12))

    (lab,) = closlab.answer("ls")["labs"]
    up, node = closlab("up", "small.yml"), closlab("exec", "leaf1", "true")
    down = closlab("down", SMALL)

    assert (lab["status"], lab["running"]) == ("broken", 0)
    assert up.returncode == 2
    assert "ended when the machine restarted" in up.stderr
    assert node.returncode == 3
    assert down.returncode == 0
    assert Path(f"/proc/{alive}").exists()
    file.parent.mkdir()
    file.write_bytes(now)
    assert closlab("down", SMALL).returncode == 0
    until("nothing is left", lambda: closlab.traces(SMALL), within=5)


def boot(told: object) -> str:
    """The boot that a record names, wherever it stands in it."""
    if isinstance(told, dict):
        return next((found for key, value in told.items() if (found := value if key == "boot_id" else boot(value))), "")
    return ""
