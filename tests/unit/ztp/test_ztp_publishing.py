"""Bundles as the server hands them out: what changes gets a new version, what does not keeps its own."""

import json
from pathlib import Path

from automation.ztp.publishing import publish
from automation.ztp.serials import successor


def versions(folder: Path) -> dict[str, int]:
    return {path.stem: json.loads(path.read_text())["version"] for path in folder.glob("*.json")}


def test_only_what_changed_is_a_new_version(tmp_path: Path) -> None:
    """A switch refuses what is older than what it had; doing it twice is as good as once."""
    publish(tmp_path, {"leaf1": {"frr.conf": "a"}, "leaf2": {"frr.conf": "a"}})

    new = publish(tmp_path, {"leaf1": {"frr.conf": "b"}, "leaf2": {"frr.conf": "a"}})

    assert new == ("leaf1",)
    assert versions(tmp_path) == {"leaf1": 2, "leaf2": 1}
    assert publish(tmp_path, {"leaf1": {"frr.conf": "b"}}) == ()
    assert versions(tmp_path) == {"leaf1": 2, "leaf2": 1}


def test_the_serial_of_a_successor_follows_from_the_former_one() -> None:
    """A replacement that was cut off, and begun again, is of the same switch."""
    assert successor("lab", "leaf1", "CL1") == successor("lab", "leaf1", "CL1")
    assert successor("lab", "leaf1", "CL1") != successor("lab", "leaf1", successor("lab", "leaf1", "CL1"))
