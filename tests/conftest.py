"""Rings and promises: what a machine cannot do is skipped by name, and fails where the machine promised it.

A test in tests/RING needs what the ring of that name needs. CLOSLAB_PROMISES=netns,containerlab turns every skip for
want of that ring into a failure, so that CI cannot pass by not running. A test marked `programs("sshd")` needs that
program too, which is then part of the promise.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from topologies.runtime import probe

TESTS = Path(__file__).parent
LACKS: dict[str, Callable[[], str]] = {"netns": probe.lack_of_netns, "containerlab": probe.lack_of_containerlab}
NEEDS = {
    "netns": ("netns",),
    "chaos": ("netns",),
    "bench": ("netns", "containerlab"),
    "containerlab": ("containerlab",),
}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # what programs in a node have


def promised() -> set[str]:
    """The rings that this machine promised to run."""
    return {name for name in os.environ.get("CLOSLAB_PROMISES", "").split(",") if name}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test whose ring cannot run here."""
    ring = item.path.relative_to(TESTS).parts[0]
    needs = NEEDS.get(ring, ())
    lacks = [(need, lack) for need in needs if (lack := LACKS[need]())]
    lacks += [(ring, f"no program {name}") for name in wanted_programs(item) if not shutil.which(name, path=PATH)]
    for need, lack in lacks:
        if need in promised():
            pytest.fail(f"this machine promised the ring {need}, but: {lack}")
        pytest.skip(f"{need}: {lack}")


def wanted_programs(item: pytest.Item) -> list[str]:
    """The programs that a test is marked to need."""
    return [name for mark in item.iter_markers("programs") for name in mark.args]
