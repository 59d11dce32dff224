"""Backups: whole or not at all, and read only as they were written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from automation import backups
from automation.tasks.running import Running
from topologies.errors import Fault, Mistake


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of two routers."""
    found = {"leaf1": Running("hostname leaf1\n", "8.4.4"), "leaf2": Running("hostname leaf2\n ä\n", "10.3")}
    backups.write(tmp_path / "b", "small", "netns", "2026-01-01T00:00:00+00:00", "0.1.0", found)
    return tmp_path / "b"


def test_what_was_written_is_read(backup: Path) -> None:
    """With everything that the manifest says; only its owner may read it."""
    manifest, texts = backups.read(backup)

    assert texts == {"leaf1": "hostname leaf1\n", "leaf2": "hostname leaf2\n ä\n"}
    assert (manifest.lab, manifest.runtime, manifest.closlab) == ("small", "netns", "0.1.0")
    assert manifest.routers["leaf2"].frr == "10.3"
    assert backup.stat().st_mode & 0o077 == 0
    assert (backup / "leaf1.conf").stat().st_mode & 0o077 == 0


def manifest(backup: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change a manifest by hand."""
    found = json.loads((backup / backups.MANIFEST).read_text())
    change(found)
    (backup / backups.MANIFEST).write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda at: (at / "leaf1.conf").write_text("hostname evil\n"), r"leaf1.conf was changed since the backup"),
        (lambda at: (at / "leaf1.conf").write_bytes(b"\xff"), r"leaf1.conf is no text"),
        (lambda at: (at / "leaf1.conf").unlink(), r"cannot read .*leaf1.conf: No such file"),
        (lambda at: (at / "manifest.json").unlink(), r"is no backup: cannot read .*manifest.json"),
        (lambda at: (at / "manifest.json").write_text("[]"), r"manifest.json: Expected `object`"),
        (lambda at: manifest(at, lambda all: all.update(version=2)), r"version 2; this closlab reads version 1"),
        (lambda at: manifest(at, lambda all: all.update(more=2)), r"unknown field `more`"),
        (lambda at: manifest(at, lambda all: all["routers"]["leaf1"].update(file="../x")), r"'../x' is no name"),
    ],
)
def test_what_is_not_as_it_was_written_is_a_mistake(backup: Path, spoil: Callable[[Path], object], words: str) -> None:
    """The file is named."""
    spoil(backup)

    with pytest.raises(Mistake, match=words):
        backups.read(backup)


def test_a_folder_that_is_used_is_left_alone(backup: Path) -> None:
    """A second backup into the first one is refused."""
    with pytest.raises(Mistake, match="is there already"):
        backups.write(backup, "small", "netns", "", "", {})

    assert len(backups.read(backup)[1]) == 2


def test_a_backup_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """A router's name that is no file name stands for a disk that is full."""
    with pytest.raises(Fault, match="cannot write the backup"):
        backups.write(tmp_path / "b", "s", "netns", "", "", {"leaf1": Running("x", ""), "a/b": Running("x", "")})

    assert list(tmp_path.iterdir()) == []
