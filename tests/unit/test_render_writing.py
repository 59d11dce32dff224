"""Rendered files on disk: written once, left alone when equal, never over a stranger's."""

from pathlib import Path

import pytest

from topologies.errors import Mistake
from topologies.render import writing
from topologies.render.writing import LIST, write_folder


def test_files_and_folders_are_made(tmp_path: Path) -> None:
    """Paths may name folders that are not there yet; nothing but the files and their list is left."""
    changed = write_folder({"plan.json": "{}\n", "nodes/leaf1/bgpd.conf": "!\n"}, tmp_path / "out")

    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert found == [LIST, "nodes/leaf1/bgpd.conf", "plan.json"]
    assert sorted(changed) == ["nodes/leaf1/bgpd.conf", "plan.json"]


def test_a_second_run_with_equal_files_writes_nothing(tmp_path: Path) -> None:
    """Not even the times of the files change."""
    write_folder({"a": "1"}, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    changed = write_folder({"a": "1"}, tmp_path)

    assert changed == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_what_is_rendered_no_more_goes_away(tmp_path: Path) -> None:
    """A leaf taken out of the fabric leaves no stale configuration behind."""
    write_folder({"a": "1", "b": "2"}, tmp_path)

    changed = write_folder({"a": "3"}, tmp_path)

    assert sorted(changed) == ["a", "b"]
    assert (tmp_path / "a").read_text() == "3"
    assert not (tmp_path / "b").exists()


def test_a_strangers_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """The mistake names the file, and no other file was touched."""
    (tmp_path / "b").write_text("mine")

    with pytest.raises(Mistake, match="b: not as closlab left it"):
        write_folder({"a": "1", "b": "2"}, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_an_edited_file_is_refused(tmp_path: Path) -> None:
    """Work that a user put into a rendered file is not lost, also when that file is rendered no more."""
    write_folder({"a": "1"}, tmp_path)
    (tmp_path / "a").write_text("edited")

    for files in ({"a": "2"}, {"b": "1"}):
        with pytest.raises(Mistake, match="a: not as closlab left it"):
            write_folder(files, tmp_path)


def test_a_run_that_was_cut_off_can_be_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever files the cut-off run had already written, the next run knows them all as ours."""
    write_folder({"a": "1", "b": "1"}, tmp_path)
    real, left = writing.write, [2]

    def failing(path: Path, text: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError("disk full")
        real(path, text)

    monkeypatch.setattr(writing, "write", failing)
    with pytest.raises(OSError, match="disk full"):
        write_folder({"a": "2", "b": "2"}, tmp_path)
    monkeypatch.setattr(writing, "write", real)

    write_folder({"a": "3", "b": "3"}, tmp_path)

    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == "3"


def test_a_spoilt_list_is_a_mistake_with_its_place(tmp_path: Path) -> None:
    """The list may not be guessed at: its path and what is wrong with it are named."""
    (tmp_path / LIST).write_text('{"version": 9, "files": {}}')

    with pytest.raises(Mistake, match=LIST):
        write_folder({"a": "1"}, tmp_path)


def test_a_file_where_the_folder_should_be_is_a_mistake(tmp_path: Path) -> None:
    """`-o` naming a file says so."""
    (tmp_path / "out").write_text("")

    with pytest.raises(Mistake, match="not a folder"):
        write_folder({"a": "1"}, tmp_path / "out")
