"""Backups: a folder with the running configuration of each router, and a manifest that says what they are.

    DIR/manifest.json    the lab, when, by which closlab; of each router its file, that file's SHA-256, FRR's version
    DIR/ROUTER.conf      the running configuration as FRR shows it; secrets are in it, so only its owner may read it

A backup is there whole or not at all.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from automation.tasks.running import Running
from topologies.errors import Fault, Mistake

MANIFEST = "manifest.json"
VERSION = 1


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One router in a backup."""

    file: str
    sha256: str
    frr: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup is of; `when` is ISO 8601, UTC."""

    version: int
    lab: str
    runtime: str
    when: str
    closlab: str
    routers: dict[str, Kept]


def write(folder: Path, lab: str, runtime: str, when: str, closlab: str, found: Mapping[str, Running]) -> Manifest:
    """Write a backup into a folder that is not there yet, or is empty; raises Mistake for another."""
    refuse_used(folder)
    texts = {name: each.text.encode() for name, each in found.items()}
    kept = {name: Kept(f"{name}.conf", digest(texts[name]), each.version) for name, each in found.items()}
    manifest = Manifest(VERSION, lab, runtime, when, closlab, kept)
    spare = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        spare = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # for its owner alone
        for name, text in texts.items():
            _write(spare / kept[name].file, text)
        _write(spare / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
        spare.replace(folder)
    except OSError as error:
        raise Fault(f"cannot write the backup {folder}: {error.strerror}") from error
    finally:
        if spare is not None:
            shutil.rmtree(spare, ignore_errors=True)
    return manifest


def read(folder: Path) -> tuple[Manifest, Mapping[str, str]]:
    """A backup, and the configuration of each router in it; raises Mistake where it is none, or was changed since."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        raise Mistake(f"{folder} is no backup: cannot read {folder / MANIFEST}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise Mistake(f"{folder / MANIFEST}: {error}; `closlab backup DIR` writes one") from error
    if manifest.version != VERSION:
        raise Mistake(f"{folder / MANIFEST}: version {manifest.version}; this closlab reads version {VERSION}")
    return manifest, {name: _text(folder, each) for name, each in manifest.routers.items()}


def digest(data: bytes) -> str:
    """SHA-256, as `sha256sum` prints it."""
    return hashlib.sha256(data).hexdigest()


def _text(folder: Path, kept: Kept) -> str:
    if Path(kept.file).name != kept.file:
        raise Mistake(f"{folder / MANIFEST}: {kept.file!r} is no name of a file beside it")
    try:
        data = (folder / kept.file).read_bytes()
        text = data.decode()
    except OSError as error:
        raise Mistake(f"cannot read {folder / kept.file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Mistake(f"{folder / kept.file} is no text: {error}") from error
    if digest(data) != kept.sha256:
        raise Mistake(f"{folder / kept.file} was changed since the backup: its SHA-256 is not that of {MANIFEST}")
    return text


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def refuse_used(folder: Path) -> None:
    """Raise Mistake where a folder has something in it, or is none."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise Mistake(f"{folder} is there already; name a folder that is not, or an empty one")
