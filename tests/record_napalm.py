"""Make the recordings again that the NAPALM driver's unit tests replay: `python -m tests.record_napalm`.

Brings up the lab of tests/unit/napalm_frr/lab, asks its routers what NAPALM's getter suite asks, keeps each answer as
it came and what the driver made of it, and takes the lab down. What changed is for `git diff` and a reader to judge.
Needs lldpd, ping and traceroute on the machine, and `.ci/rootfs` for the second FRR.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from napalm_frr import FRRDriver
from napalm_frr.recorded import file_name
from napalm_frr.transport import Transport

from topologies import deploy
from topologies.process import Finished
from topologies.runtime.door import Door, enter, open_door
from topologies.runtime.model import LabRecord
from topologies.waiting import until

ROOT = Path(__file__).parents[1]
HOME = ROOT / "tests" / "unit" / "napalm_frr"
DATA = HOME / "mocked_data"
CASES = {"r1": "frr-8.4", "r2": "frr-10.3"}  # node, and the name of its recordings
ROUTE, FAR = "1.0.4.0/24", "8.8.8.8"  # what NAPALM's suite asks for
LLDP = "configure lldp portidsubtype ifname\nconfigure lldp tx-interval 1\nconfigure system platform Linux\n"
PASSWD = """root:x:0:0:root:/root:/bin/bash
frr:x:107:107:Frr routing suite,,,:/nonexistent:/usr/sbin/nologin
_lldpd:x:104:108::/run/lldpd:/usr/sbin/nologin
operator:x:1000:1000::/home/operator:/bin/bash
guest:x:1001:1001::/home/guest:/bin/sh
"""
GROUP = "root:x:0:\nfrr:x:107:\nfrrvty:x:106:root,frr,operator\n_lldpd:x:108:\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE operator@example\n"

Asked = Callable[[FRRDriver], Any]


@dataclass(frozen=True)
class Recording:
    """What one test of the suite asks, and of which nodes."""

    test: str
    ask: Asked
    nodes: tuple[str, ...] = ("r1", "r2")


def getter(name: str, *nodes: str) -> Recording:
    """A getter that is asked without arguments."""
    return Recording(f"test_{name}", lambda driver: getattr(driver, name)(), nodes or ("r1", "r2"))


def filtered(driver: FRRDriver) -> Any:
    """As the suite does: each store alone; the last one is compared."""
    return [driver.get_config(retrieve=store) for store in ("running", "startup", "candidate")][-1]


def sanitized_filtered(driver: FRRDriver) -> dict[str, str]:
    """As the suite does: two stores, put together."""
    running, startup = (driver.get_config(retrieve=store, sanitized=True) for store in ("running", "startup"))
    return {"running": running["running"], "startup": startup["startup"], "candidate": ""}


RECORDINGS = (
    getter("is_alive"),
    getter("get_facts"),
    getter("get_interfaces"),
    getter("get_interfaces_ip"),
    getter("get_interfaces_counters"),
    getter("get_environment"),
    getter("get_bgp_neighbors"),
    getter("get_bgp_neighbors_detail"),
    getter("get_bgp_config"),
    getter("get_arp_table"),
    getter("get_ipv6_neighbors_table"),
    getter("get_network_instances"),
    getter("get_config"),
    getter("get_lldp_neighbors", "r1"),
    getter("get_lldp_neighbors_detail", "r1"),
    getter("get_mac_address_table", "r1"),
    getter("get_users", "r1"),
    Recording("test_get_config_filtered", filtered),
    Recording("test_get_config_sanitized", lambda driver: driver.get_config(sanitized=True)),
    Recording("test_get_config_sanitized_filtered", sanitized_filtered),
    Recording("test_get_route_to", lambda driver: driver.get_route_to(ROUTE, "bgp")),
    Recording("test_get_route_to_longer", lambda driver: driver.get_route_to(ROUTE, "bgp", longer=True)),
    Recording("test_ping", lambda driver: driver.ping(FAR)),
    Recording("test_traceroute", lambda driver: driver.traceroute(FAR), ("r1",)),
)


class Recorder:
    """A transport that passes questions on to another one, and keeps the answers in a folder."""

    def __init__(self, inner: Transport, folder: Path) -> None:
        self._inner = inner
        self._folder = folder

    def ask(self, daemon: str, command: str, *, timeout: float | None = None) -> str:
        """Ask, and keep the answer."""
        text = self._inner.ask(daemon, command, timeout=timeout)
        self._keep([daemon, command], Finished((), 0, text, ""))
        return text

    def run(self, argv: Sequence[str], *, check: bool = True, timeout: float | None = None) -> Finished:
        """Run, and keep what was left."""
        finished = self._inner.run(argv, check=check, timeout=timeout)
        self._keep(argv, finished)
        return finished

    def close(self) -> None:
        """Close the other one."""
        self._inner.close()

    def _keep(self, words: Sequence[str], finished: Finished) -> None:
        kept = {
            ".txt": finished.stdout,
            ".code": f"{finished.code}\n" if finished.code else "",
            ".err": finished.stderr,
        }
        for ending, text in kept.items():
            if text or ending == ".txt":
                (self._folder / f"{file_name(words)}{ending}").write_text(text)


class RecordedDriver(FRRDriver):
    """The driver on a transport that keeps what it is told."""

    def record(self, each: Recording, folder: Path) -> None:
        """Ask once, and leave the answers and the outcome in a folder made anew."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        live = self._router()
        self._device = Recorder(live, folder)
        outcome = each.ask(self)
        self._device = live
        (folder / "expected_result.json").write_text(json.dumps(outcome, indent=2, sort_keys=True) + "\n")


def furnish(record: LabRecord) -> None:
    """Give the nodes what the lab's file cannot: users, LLDP, a bridge's entry; and have a link go down once."""
    r1, r3 = open_door(record, "r1"), open_door(record, "r3")
    for door in (r1, r3):
        door.write("/etc/passwd", PASSWD.encode())
        door.write("/etc/group", GROUP.encode())
        door.write("/etc/lldpd.d/lab.conf", LLDP.encode())
        door.run(["lldpd"])
    r1.run(["mkdir", "-p", "/home/operator/.ssh"])
    r1.write("/home/operator/.ssh/authorized_keys", KEY.encode())
    r1.run(["bridge", "fdb", "add", "02:00:00:00:00:05", "dev", "eth3", "master", "static"])
    r1.link("eth3", up=False)
    r1.link("eth3", up=True)
    open_door(record, "h1").run(["ping", "-c1", "-w5", "10.5.0.1"])
    for door in (open_door(record, node) for node in CASES):
        until(f"routes on {door.node}", partial(unrouted, door), within=30)
    until("LLDP neighbours of r1", partial(lonely, r1), within=30)


def unrouted(door: Door) -> str:
    """Whether a router still lacks equal ways to what the suite asks for."""
    table = door.run(["ip", "route", "show", ROUTE]).stdout
    return "" if table.count("nexthop") == 2 else table or "no route"


def lonely(door: Door) -> str:
    """Whether a router still does not see both ends of its cables to r3."""
    seen = door.run(["lldpcli", "-f", "keyvalue", "show", "neighbors"]).stdout
    return "" if seen.count("chassis.name=r3") == 2 else seen or "none"


def quiet(phase: str, done: int, of: int) -> None:
    """Progress that nobody reads."""


def main() -> None:
    """Bring the lab up, record, take it down."""
    os.environ.setdefault("CLOSLAB_ROOTFS", str(ROOT / ".cache" / "rootfs"))
    source = deploy.load(HOME / "lab" / "recorded.clab.yml", runtime="netns", name=f"recorded{os.getpid()}")
    record = deploy.up(source, "netns", say=quiet)
    try:
        enter(record)
        furnish(record)
        for node, case in CASES.items():
            with RecordedDriver(node, "", "", optional_args={"lab": record.name}) as driver:
                for each in RECORDINGS:
                    if node in each.nodes:
                        driver.record(each, DATA / each.test / case)
                        print(f"{node}: {each.test}", file=sys.stderr)
    finally:
        deploy.down(record.name)


if __name__ == "__main__":
    main()
