"""Rings and promises: what a machine cannot do is skipped by name, and fails where the machine promised it.

A test in tests/RING needs what the ring of that name needs. CLOSLAB_PROMISES=netns,containerlab turns every skip for
want of that ring into a failure, so that CI cannot pass by not running.
"""

import os
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


def promised() -> set[str]:
    """The rings that this machine promised to run."""
    return {name for name in os.environ.get("CLOSLAB_PROMISES", "").split(",") if name}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test whose ring cannot run here."""
    ring = item.path.relative_to(TESTS).parts[0]
    for need in NEEDS.get(ring, ()):
        if lack := LACKS[need]():
            if need in promised():
                pytest.fail(f"this machine promised the ring {need}, but: {lack}")
            pytest.skip(f"{need}: {lack}")
