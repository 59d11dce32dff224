"""Rendered files go to disk: each whole or not at all, nothing that somebody else made is touched, equal ones stay.

A list of what was written, with digests, lies in the folder. By it a later run knows its own files, removes those that
are rendered no more, and refuses to write over one that was edited since.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from topologies.errors import Mistake
from topologies.render.text import json_lines

LIST = ".closlab-rendered.json"


class Listed(msgspec.Struct, forbid_unknown_fields=True):
    """The list of our files in a folder: SHA-256 digests by path."""

    version: Literal[1]
    files: dict[str, set[str]]


def write_folder(files: Mapping[str, str], folder: Path) -> list[str]:
    """Write the files into the folder; returns the paths that changed, removed ones among them.

    Raises Mistake, before anything is written, where that would overwrite a file that closlab did not make or that was
    edited since.
    """
    before = recorded(folder)
    found = {path: digest_of(folder / path) for path in {*files, *before}}
    refuse(folder, files, before, found)
    now = {path: {digest(text.encode())} for path, text in files.items()}
    changed = [path for path, text in files.items() if found[path] != digest(text.encode())]
    gone = [path for path in before if path not in files and found[path] is not None]
    if changed or gone or before != now:
        folder.mkdir(parents=True, exist_ok=True)
        record(folder, {path: before.get(path, set()) | now.get(path, set()) for path in {*before, *now}})
        for path in changed:
            write(folder / path, files[path])
        for path in gone:
            (folder / path).unlink()
        record(folder, now)
    return [*changed, *gone]


def refuse(
    folder: Path, files: Mapping[str, str], before: Mapping[str, set[str]], found: Mapping[str, str | None]
) -> None:
    """Raise Mistake for files on disk that are neither as we left them nor as we would write them."""
    wanted = {path: {digest(text.encode())} for path, text in files.items()}
    strange = sorted(
        path
        for path, is_now in found.items()
        if is_now is not None and is_now not in before.get(path, set()) | wanted.get(path, set())
    )
    if strange:
        shown = ", ".join(strange[:5]) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        raise Mistake(f"{folder}: {shown}: not as closlab left it; move it away or choose another folder")


def recorded(folder: Path) -> dict[str, set[str]]:
    """What earlier runs wrote into the folder, by path: one digest, or two where a run was cut off between them."""
    try:
        text = (folder / LIST).read_text()
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        raise Mistake(f"{folder}: not a folder") from None
    try:
        return msgspec.json.decode(text, type=Listed).files
    except msgspec.DecodeError as error:
        raise Mistake(f"{folder / LIST}: {error}; move it away or choose another folder") from None


def record(folder: Path, digests: Mapping[str, set[str]]) -> None:
    """Note what is ours in the folder. Before a run the old and the new digest of each file count, after it the new."""
    lines = {path: sorted(values) for path, values in sorted(digests.items())}
    write(folder / LIST, json_lines({"version": 1, "files": lines}, depth=2))


def digest(content: bytes) -> str:
    """The SHA-256 of a content, in hex."""
    return hashlib.sha256(content).hexdigest()


def digest_of(path: Path) -> str | None:
    """The digest of a file on disk; None where there is none."""
    try:
        return digest(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


def write(path: Path, text: str) -> None:
    """Write one file whole or not at all: beside it first, then in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    os.replace(beside, path)
