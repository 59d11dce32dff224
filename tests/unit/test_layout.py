"""The shape of the repository: names, and what may import what."""

import importlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("topologies", "telemetry", "automation", "gateway", "agents", "labs")


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
