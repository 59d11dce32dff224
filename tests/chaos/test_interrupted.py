"""`up` that is stopped or killed, and commands that meet: one lab, whoever comes second, and nothing left."""

import os
import random
import signal
import time

import pytest
from program import LARGE, SMALL, Closlab, held

from topologies.waiting import until

KILLS = int(os.environ.get("CLOSLAB_KILLS", "4"))
SEED = int(os.environ.get("CLOSLAB_SEED", "1"))
LONGEST = 2.5  # seconds that `up` of the small fabric takes from its command line to its check, about


def links() -> frozenset[str]:
    """The machine's own interfaces, less those that an engine or another lab's command may make meanwhile."""
    engine = ("veth", "br-", "clab-", "docker")
    return frozenset(each for each in os.listdir("/sys/class/net") if not each.startswith(engine))


def test_a_killed_up_leaves_nothing_that_down_does_not_remove(closlab: Closlab) -> None:
    """SIGKILL of the program at random moments, its start and its check too: another process takes all of it away."""
    moments, before = random.Random(SEED), links()
    for number in range(KILLS):
        process = closlab.start("up", "small.yml")
        moment = moments.uniform(0, LONGEST)
        time.sleep(moment)  # the moment is what is tested
        process.kill()
        process.communicate(timeout=30)

        down = closlab("down", SMALL)

        assert down.returncode == 0, f"kill {number} after {moment:.3f} s: {down.stderr}"
        until(f"nothing left of kill {number} after {moment:.3f} s", lambda: closlab.traces(SMALL), within=5)
    assert links() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_up_takes_its_half_made_lab_along(closlab: Closlab, number: signal.Signals) -> None:
    """Stopped by a signal while nodes are made: the exit code that shells give it, one line, and nothing left."""
    process = closlab.start("up", "large.yml")
    until("links are made", lambda: "" if list(processes_of(closlab)) else "no node yet", within=30)

    process.send_signal(number)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 128 + number, said
    assert said.splitlines()[-1] == "closlab: stopped"
    assert "Traceback" not in said
    until("nothing is left", lambda: closlab.traces(LARGE), within=5)


def test_of_two_ups_of_one_lab_exactly_one_wins(closlab: Closlab) -> None:
    """The other is told who is at it; `down` meanwhile is told the same and harms nothing."""
    both = [closlab.start("up", "small.yml", "--no-check") for _ in range(2)]
    until("one is at it", lambda: "" if (closlab.state / SMALL / "record.json").exists() else "none", within=30)
    said = [each.communicate(timeout=60)[1] for each in both]
    first = closlab.start("up", "large.yml", "--no-check")
    until("it is at it", lambda: "" if (closlab.state / LARGE / "record.json").exists() else "not yet", within=30)

    with held(first):
        down = closlab("down", LARGE)
    first.communicate(timeout=60)

    loser = next(text for text, each in zip(said, both, strict=True) if each.returncode)
    assert sorted(each.returncode for each in both) == [0, 2]
    assert f"lab '{SMALL}' is " in loser
    assert (down.returncode, first.returncode) == (2, 0)
    assert f"lab '{LARGE}' is busy: closlab up, process {first.pid}" in down.stderr
    assert f"process {closlab.answer('show', SMALL)['nodes'][0]['pid']}" in closlab.traces(SMALL)  # it would be seen
    assert {lab["running"] == lab["nodes"] for lab in closlab.answer("ls")["labs"]} == {True}


def test_of_two_downs_at_once_none_fails(closlab: Closlab) -> None:
    """One takes the lab down; the other finds it gone, or is told that somebody is at it already."""
    assert closlab("up", "large.yml", "--no-check").returncode == 0

    both = [closlab.start("down", LARGE) for _ in range(2)]
    said = [each.communicate(timeout=60)[1] for each in both]

    codes = sorted(each.returncode for each in both)
    assert codes in ([0, 0], [0, 2]), said
    assert any(f"lab {LARGE} is down" in text for text in said)
    assert "Traceback" not in "".join(said)
    until("nothing is left", lambda: closlab.traces(LARGE), within=5)


def processes_of(closlab: Closlab) -> list[str]:
    """What the large lab has on the machine beyond the command and its first process."""
    return [each for each in closlab.traces(LARGE).split(", ") if each.startswith("process")][2:]
