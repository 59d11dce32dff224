"""A service address on containers: the hosts' image has GoBGP, and the announcer the same door to it."""

import os
import threading
from pathlib import Path

import pytest

from automation.announce import Announcement, announce
from automation.health import Timing
from telemetry.check import check
from telemetry.converge import converge
from tests.program import ROOT
from topologies import deploy
from topologies.runtime.door import open_door
from topologies.waiting import until
from topologies.workloads.model import Command

SERVICES = ROOT / "topologies" / "fabrics" / "services.yml"
ADDRESS, HOSTS = "10.32.0.1", ("leaf1-host1", "leaf3-host1")
WELL = Command(("test", "-e", "/run/well"))


def quiet(phase: str, done: int, of: int) -> None:
    """Progress that nobody reads."""


@pytest.mark.gobgp("v3")
def test_two_hosts_announce_and_one_withdraws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each host is behind two leaves, so there are four ways; two once one service is unwell, four again."""
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path))
    source = deploy.load(SERVICES, name=f"gobgp{os.getpid()}")
    assert source.plan is not None
    stop, timing = threading.Event(), Timing(interval=0.2, rise=1, fall=1)
    try:
        record = deploy.up(source, "containerlab", say=quiet)
        converge(record, source.plan, within=90, say=quiet)

        def work(host: str) -> None:
            announce(record, Announcement(host, ADDRESS, WELL, timing), stop=stop, tell=lambda move: None)

        def lack(wanted: int) -> str:
            with open_door(record, "spine1").netlink() as kernel:
                ways = [len(route.hops) for route in kernel.routes() if route.prefix.partition("/")[0] == ADDRESS]
            return "" if ways == ([wanted] if wanted else []) else f"ways: {ways}"

        threads = [threading.Thread(target=work, args=(host,)) for host in HOSTS]
        for host, thread in zip(HOSTS, threads, strict=True):
            open_door(record, host).run(["touch", "/run/well"])
            thread.start()
        until("four ways", lambda: lack(4), within=20)
        assert check(record, source.plan).differences == ()
        open_door(record, HOSTS[0]).run(["rm", "/run/well"])
        until("two ways", lambda: lack(2), within=20)
        open_door(record, HOSTS[0]).run(["touch", "/run/well"])
        until("four ways again", lambda: lack(4), within=20)
        stop.set()
        for thread in threads:
            thread.join(timeout=60)
        until("no way", lambda: lack(0), within=20)
        assert check(record, source.plan, mesh=False).differences == ()
    finally:
        stop.set()
        deploy.down(f"gobgp{os.getpid()}")
