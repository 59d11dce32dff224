"""Settings from the file system: the gateway's file, and the secrets that it names."""

import os
from pathlib import Path

from gateway.config.added import NOTHING, Added
from gateway.config.settings import Settings, settle
from gateway.errors import Mistake


def read(path: Path, added: Added = NOTHING) -> Settings:
    """The settings of a file and what was added to it; Mistake where it cannot be read, or means nothing."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise Mistake(f"{path}: no such file; `closlab gateway init {path}` writes one to begin with") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{path}: cannot be read: {error}") from None
    return settle(text, str(path), added)


def secret(named: str) -> str:
    """What `env:NAME` or `file:PATH` names, without the line's end; Mistake where it is not there, or is empty."""
    kind, _, name = named.partition(":")
    try:
        found = os.environ.get(name, "") if kind == "env" else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{named}: cannot be read: {error}") from None
    if not (found := found.strip()):
        raise Mistake(f"{named}: is empty, and a backend's key is to be there")
    if not found.isascii() or not found.isprintable():
        raise Mistake(f"{named}: is no key, for it has characters that no header can hold")
    return found
