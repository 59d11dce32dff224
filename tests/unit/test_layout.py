"""The shape of the repository: names, and what may import what."""

import importlib
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from napalm_gobgp import stubs

from topologies.version import VERSION

ROOT = Path(__file__).parents[2]
PACKAGES = ("topologies", "telemetry", "automation", "gateway", "agents", "labs")
DRIVERS = ("napalm_frr", "napalm_gobgp")


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_resolves_to_this_repository(name: str) -> None:
    """Another distribution may install a package of the same name; ours must win."""
    found = importlib.import_module(name).__file__

    assert found is not None
    assert Path(found).parent == ROOT / name


def test_the_distribution_ships_exactly_the_packages() -> None:
    """What is built is what the layout names, nothing found by accident."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert tuple(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES


def test_a_wheel_has_the_packages_and_the_drivers_where_napalm_looks(tmp_path: Path) -> None:
    """NAPALM imports `napalm_frr`, so it is at the top of the wheel, and there only; what was generated is in it."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    names = [Path(name).parts for name in zipfile.ZipFile(wheel).namelist()]

    tops = {parts[0] for parts in names if not parts[0].endswith(".dist-info")}
    assert tops == {*PACKAGES, *(f"{name}{end}" for name in DRIVERS for end in ("", ".egg-info"))}
    assert {(name, "driver.py") for name in DRIVERS} <= set(names)
    made = {version for version in stubs.made() if ("napalm_gobgp", "generated", version, "gobgp_pb2.py") in names}
    assert made == set(stubs.made())
    assert ("gateway", "grpc", "generated", "gateway_pb2.py") in names
    protos = [parts for parts in names if parts[-1].endswith((".proto", "pin"))]
    assert protos == [("gateway", "grpc", "gateway.proto")], "which is ours, and for clients to make theirs from"
    assert not [parts for parts in names if "drivers" in parts]


@pytest.mark.parametrize("name", DRIVERS)
def test_the_driver_has_the_version_of_the_distribution_that_ships_it(name: str) -> None:
    """NAPALM's command line asks for a distribution of the driver's name, and ends where there is none."""
    assert metadata.version(name) == metadata.version("closlab") == VERSION
