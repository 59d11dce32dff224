"""Rings and promises: what a machine cannot do is skipped by name, and fails where the machine promised it.

A test in tests/RING needs what the ring of that name needs; root where it is marked `root_only(REASON)`, programs where
it is marked `programs(NAME, ...)`, in every ring, what a machine may lack where it is marked `features(NAME, ...)`,
GoBGP's API where it is marked `gobgp(VERSION)`, and another user's right to this folder where it is marked `stranger`.
CLOSLAB_PROMISES=netns,containerlab turns every skip in that ring into a failure, so that CI cannot pass by not running.
Tests that need no ring, such as those in tests/unit, count as promised with `netns`.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import database
import pytest

from topologies import deploy
from topologies.impairments import marking
from topologies.runtime import identity, probe
from topologies.runtime.model import LabRecord, Life
from topologies.runtime.probe import kernel, programs
from topologies.runtime.store import Store

TESTS = Path(__file__).parent
LACKS: dict[str, Callable[[], str]] = {"netns": probe.lack_of_netns, "containerlab": probe.lack_of_containerlab}
NEEDS = {
    "netns": ("netns",),
    "chaos": ("netns",),
    "bench": ("netns", "containerlab"),
    "containerlab": ("containerlab",),
}
NO_RING = ("netns",)  # whose promise counts for tests that need none
NOBODY = 65534
STRANGER = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # what programs in a node have


def pytest_configure() -> None:
    """Be ended by a signal as by Ctrl-C: labs are taken down, where the signal's own way would leave them running."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_lab_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever became of its tests, a session leaves no lab; one that it would have left is named, and taken down."""
    yield
    left = list(running_labs(tmp_path_factory.getbasetemp()))
    for at, record in left:
        deploy.down(record.name, at=at)
    assert not left, f"left running: {', '.join(record.name for _, record in left)}"


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of somebody without privileges, whom STRANGER becomes; pytest's own folders are closed to others."""
    with TemporaryDirectory() as folder:
        os.chown(folder, NOBODY, NOBODY)
        yield Path(folder)


def running_labs(folder: Path) -> Iterator[tuple[Store, LabRecord]]:
    """The labs of the state folders below a session's folder that still have a process, or a container."""
    records = [path for depth in ("*/*", "*/*/*", "*/*/*/*") for path in folder.glob(f"{depth}/record.json")]
    for root in {path.resolve().parent.parent for path in records}:
        at = Store(root)
        yield from ((at, found) for found in at.every() if isinstance(found, LabRecord) and runs(found))


def runs(record: LabRecord) -> bool:
    """Whether anything of a lab is there; one that was only played never was."""
    if record.init is not None:
        return identity.state(record.init, record.boot_id) != ""
    if record.runtime != "containerlab" or LACKS["containerlab"]():
        return False
    return any(life is not Life.DEAD for life in deploy.runtime_named(record.runtime).look(record).values())


def promised() -> set[str]:
    """The rings that this machine promised to run."""
    return {name for name in os.environ.get("CLOSLAB_PROMISES", "").split(",") if name}


def lacks(item: pytest.Item) -> Iterator[tuple[str, str]]:
    """What a test needs and does not have here: the ring that it is for, and why."""
    ring = item.path.relative_to(TESTS).parts[0]
    marked = item.get_closest_marker("root_only")
    programs = [name for mark in item.iter_markers("programs") for name in mark.args]
    for need in NEEDS.get(ring, ()):
        if lack := LACKS[need]():
            yield need, lack
        if marked and os.geteuid() != 0:
            yield need, f"only root {marked.args[0]}"
        if item.get_closest_marker("stranger") and os.geteuid() == 0 and (lack := lack_of_strangers()):
            yield need, lack
    for need in NEEDS.get(ring, NO_RING):
        yield from ((need, f"no program {name}") for name in programs if not shutil.which(name, path=PATH))
    features = [name for mark in item.iter_markers("features") for name in mark.args]
    for need in NEEDS.get(ring, NO_RING):
        yield from ((need, f"{name}: {lack}") for name in features if (lack := lack_of_feature(name)))
    for mark in item.iter_markers("gobgp"):
        yield from ((ring if ring in NEEDS else NO_RING[0], lack) for lack in lacks_of_gobgp(mark.args[0], ring))


@cache
def lack_of_feature(name: str) -> str:
    """What the machine lacks of its kernel's type information (`types`), of queues that programs see (`backlogs`), of
    the library that sets clocks (`libfaketime`), a server of databases (`postgres`), an embedded one (`chdb`), or for
    one of closlab's own trials."""
    if name == "postgres":
        return database.lack()
    if name == "chdb":
        return "" if find_spec("chdb") else "no embedded ClickHouse: pip install 'closlab[chdb]'"
    if name == "types":
        return "" if kernel.TYPES.exists() else "this kernel tells nothing of its types"
    if name == "libfaketime":
        return programs.faketime().lack
    if name == "backlogs":
        return "" if marking.real_queue() else "this kernel does not show programs its queues"
    return kernel.trial(name).lack


@cache
def lacks_of_gobgp(version: str, ring: str) -> tuple[str, ...]:
    """What a ring is missing of a version of GoBGP: the modules of its API, and the daemon that speaks it."""
    from napalm_gobgp import stubs

    from tests.gobgp import image_has, program

    lacking = [] if version in stubs.made() else [f"no modules of GoBGP's API {version}: {stubs.CURES[version]}"]
    if ring in NEEDS and not program(version):
        lacking.append(f"no gobgpd of {version}: {stubs.CURES[version]}")
    if ring == "containerlab" and not image_has(program(version)):
        lacking.append("no gobgpd in the image of nodes: make image")
    return tuple(lacking)


@cache
def lack_of_strangers() -> str:
    """Why another user cannot run these tests' programs; "" where one can. Root only."""
    words = [sys.executable, "-c", "import sys; open(sys.argv[1])", __file__]
    done = subprocess.run([*STRANGER, *words], cwd="/", capture_output=True, text=True, check=False)
    return f"another user cannot use {TESTS.parent}: {done.stderr.strip()}" if done.returncode else ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test whose ring cannot run here."""
    for need, lack in lacks(item):
        if need in promised():
            pytest.fail(f"this machine promised the ring {need}, but: {lack}")
        pytest.skip(f"{need}: {lack}")
