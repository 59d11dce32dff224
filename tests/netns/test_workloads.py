"""Workloads on namespaces: what every runtime must do, what `up` says of those that fail, and announced addresses."""

import os
from collections.abc import Iterator

import pytest
from conformance import quiet
from workloads import FABRIC, Workloads

from labs.bringup import bring_up
from topologies import deploy
from topologies.errors import Fault

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
        ("run: ['true'], user: nobody-at-all", r"no such user"),
    ],
)
def test_up_says_what_of_a_workload_failed_and_leaves_the_lab(name: str, workload: str, words: str) -> None:
    """With the node and the program's last words; the lab can be looked at."""
    source = deploy.source_of(BARE.format(name=name) + f"workloads: {{web: {{{workload}}}}}\n", "x.yml")

    with pytest.raises(Fault, match=rf"(?s){words}.*lab {name} is left up"):
        bring_up(source, "netns", say=quiet)
