"""A pytest plugin: a team's own tests of its own fabric in a few lines. docs/testing.md shows how.

Nothing heavy is imported before a fixture is used, for whoever installed closlab has this plugin in every pytest.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from labs.chaos.model import Run
    from labs.testbed import Fault, Testbed, Traffic
    from topologies.deploy import Source

FABRIC, SCENARIO = "closlab_fabric", "closlab_scenario"
_RAN = pytest.StashKey["Run"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the command line, and the key of the configuration file."""
    group = parser.getgroup("closlab", "fabrics to test on")
    group.addoption("--closlab-fabric", metavar="FILE", default="", help="fabric file of the fixtures fabric and lab")
    group.addoption("--closlab-runtime", metavar="NAME", default="netns", help="netns (the default) or containerlab")
    group.addoption("--closlab-seed", metavar="S", type=int, default=1, help="what `any` of a fault is chosen by")
    parser.addini(FABRIC, "fabric file of the fixtures fabric and lab, from the folder of this file")


def pytest_configure(config: pytest.Config) -> None:
    """The markers, for --strict-markers and --markers."""
    config.addinivalue_line("markers", f"{FABRIC}(file): the fabric file of a module, from the folder of the module")
    config.addinivalue_line("markers", f"{SCENARIO}(file, seed=None): run this scenario first; fail if it is not green")


@pytest.fixture(scope="module")
def fabric(request: pytest.FixtureRequest) -> "Source":
    """The fabric of this module: its marker's, else that of the command line or the configuration file."""
    from topologies import deploy

    return deploy.load(_file(request))


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, fabric: "Source") -> "Iterator[Testbed]":
    """That fabric, running: converged, checked, and taken down after the last test of the module."""
    from labs.testbed import open_testbed

    runtime, seed = request.config.getoption("--closlab-runtime"), request.config.getoption("--closlab-seed")
    with open_testbed(fabric, str(runtime), seed=int(seed)) as found:
        yield found


@pytest.fixture
def fault(lab: "Testbed") -> "Callable[..., AbstractContextManager[Fault]]":
    """`with fault("link-down", link="any uplink"):` breaks the lab for the length of a block, and heals it."""
    return lab.fault


@pytest.fixture
def traffic(lab: "Testbed") -> "Callable[..., AbstractContextManager[Traffic]]":
    """`with traffic() as seen:` probes the lab for the length of a block; then `seen.lost` and `seen.longest` tell."""
    return lab.traffic


@pytest.fixture
def closlab_run(request: pytest.FixtureRequest) -> "Run":
    """The run of the scenario that the test is marked with."""
    if _RAN not in request.node.stash:
        pytest.fail(f"closlab_run is for tests that are marked with {SCENARIO}")
    found: Run = request.node.stash[_RAN]
    return found


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Run a marked test's scenario before its fixtures are made."""
    marker = item.get_closest_marker(SCENARIO)
    if marker is None:
        return
    from labs.chaos.library import found
    from labs.chaos.running import Asked, run
    from labs.chaos.scenario import load

    path = found(str(marker.args[0]))
    loaded = load(path if path.is_absolute() else item.path.parent / path)
    asked = Asked(str(item.config.getoption("--closlab-runtime")), marker.kwargs.get("seed"))
    item.stash[_RAN] = run(loaded, asked, say=_silent)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Fail a marked test with what of its scenario does not hold, before its body."""
    done = pyfuncitem.stash.get(_RAN, None)
    failed = [f"{each.expectation}: {each.why}" for each in done.verdicts if not each.holds] if done else []
    if done and failed:
        pytest.fail("\n".join([*failed, f"again: {done.again}"]), pytrace=False)


def _file(request: pytest.FixtureRequest) -> Path:
    marker = request.node.get_closest_marker(FABRIC)
    if marker is not None:
        return request.path.parent / str(marker.args[0])
    if given := str(request.config.getoption("--closlab-fabric")):
        return request.config.invocation_params.dir / given
    if written := str(request.config.getini(FABRIC)):
        return (request.config.inipath or request.path).parent / written
    return pytest.fail(f"no fabric: mark the module with {FABRIC}(file), or give --closlab-fabric FILE")


def _silent(phase: str, done: int, of: int) -> None:
    """Progress, which pytest shows by itself."""
