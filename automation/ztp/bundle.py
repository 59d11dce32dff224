"""What a switch gets: files under one signature, made for this switch, this request and these hours. Pure.

    answer      JSON: the manifest as the text that was signed, the signature, the files
    manifest    JSON: whose it is (serial, node), which request it answers (nonce), which version, from when to when,
                and the SHA-256 of each file

The signature is over the manifest's bytes and the manifest has the files' digests, so nothing in an answer is believed
before both fit. Times are in seconds since the epoch.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from automation.ztp.trouble import Trouble

FORMAT = 1
MOST_BYTES = 8 << 20  # of an answer; no configuration is nearly that long
CONFIGURATION, SYSTEM, CABLING, EXPECTED = "frr.conf", "system.json", "cabling.json", "expected.json"
FILES = (CONFIGURATION, SYSTEM, CABLING, EXPECTED)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the signer vouches for. `files` has the digest of each."""

    serial: str
    nonce: str
    node: str
    version: int
    not_before: int
    not_after: int
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A bundle as it came; `manifest` is what was signed, to the letter."""

    manifest: str
    signature: bytes
    files: Mapping[str, str]


def digest(text: str) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_manifest(manifest: Manifest) -> str:
    """The text that is signed."""
    fields = {name: getattr(manifest, name) for name in Manifest.__slots__}
    return json.dumps({"format": FORMAT, **fields}, sort_keys=True)


def write_answer(answer: Answer) -> bytes:
    """The body that a server sends."""
    signature = base64.b64encode(answer.signature).decode()
    return json.dumps({"manifest": answer.manifest, "signature": signature, "files": answer.files}).encode()


def read_answer(body: bytes) -> Answer:
    """An answer as it came; Trouble where it is none, such as one cut off half-way."""
    data = _object(body, "the server's answer")
    try:
        signature = base64.b64decode(_field(data, "signature", str), validate=True)
    except binascii.Error as error:
        raise Trouble(f"the server's answer: its signature is no base64: {error}") from error
    return Answer(_field(data, "manifest", str), signature, _texts(data, "files"))


def read_manifest(text: str) -> Manifest:
    """A manifest whose signature fits; Trouble where it is of a format that this switch does not know."""
    data = _object(text.encode(), "the bundle's manifest")
    if data.get("format") != FORMAT:
        raise Trouble(f"the bundle is of format {data.get('format')!r}, and this switch reads format {FORMAT}")
    return Manifest(
        serial=_field(data, "serial", str),
        nonce=_field(data, "nonce", str),
        node=_field(data, "node", str),
        version=_field(data, "version", int),
        not_before=_field(data, "not_before", int),
        not_after=_field(data, "not_after", int),
        files=_texts(data, "files"),
    )


def unfit(manifest: Manifest, files: Mapping[str, str], *, serial: str, nonce: str, floor: int, now: float) -> str:
    """Why a genuine bundle must not be applied here and now; "" where it may be.

    `floor` is the highest version that this switch ever took: an older bundle is somebody's replay.
    """
    if manifest.serial != serial:
        return f"the bundle is for serial {manifest.serial}, and this switch is {serial}"
    if manifest.nonce != nonce:
        return "the bundle answers another request (its nonce is not the one that was sent): it may be a replay"
    if manifest.version < floor:
        return f"the bundle is version {manifest.version}, and this switch had version {floor} already"
    if now < manifest.not_before:
        return f"the bundle is not valid before {_when(manifest.not_before)}, and this switch's clock says {_when(now)}"
    if now > manifest.not_after:
        return f"the bundle expired at {_when(manifest.not_after)}, and this switch's clock says {_when(now)}"
    return _unlike(manifest.files, files)


def _unlike(digests: Mapping[str, str], files: Mapping[str, str]) -> str:
    """Which file is not the one that was signed; "" where all are."""
    if absent := sorted({*FILES, *digests} - files.keys()):
        return f"the bundle lacks {', '.join(absent)}"
    if unsigned := sorted(files.keys() - digests.keys()):
        return f"the bundle has files that nobody signed: {', '.join(unsigned)}"
    wrong = sorted(name for name, text in files.items() if digest(text) != digests[name])
    return f"not as it was signed: {', '.join(wrong)}" if wrong else ""


def _when(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"second {seconds:g}"


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError as error:
        raise Trouble(f"{what} is no whole JSON: {error}") from error
    except RecursionError as error:
        raise Trouble(f"{what} is nested too deep") from error
    if not isinstance(data, dict):
        raise Trouble(f"{what} is no JSON object")
    return data


def _field(data: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = data.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Trouble(f"the bundle's {name} is {_short(value)}, and should be {kind.__name__}")
    return value


def _texts(data: Mapping[str, Any], name: str) -> Mapping[str, str]:
    found = _field(data, name, dict)
    if not all(isinstance(text, str) for text in found.values()):
        raise Trouble(f"the bundle's {name} are not all text")
    return found


def _short(value: object) -> str:
    return "absent" if value is None else repr(value)[:40]
