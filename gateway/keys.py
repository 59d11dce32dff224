"""Keys of clients: made once, known only by their hash, narrowed to models, ending at a time.

A key has 256 bits of chance, so a plain SHA-256 of it can be neither guessed nor looked up; slow hashes are for
passwords. Who looks one up compares hashes in a dictionary: how long that takes says nothing of any key.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256

from msgspec import Struct

PREFIX = "cgk-"  # so that a scanner of leaked secrets can know one
BYTES = 32
BEARER = b"bearer "


class Key(Struct, frozen=True):
    """What a key stands for. `models` are those it may ask for, all where it is None; `expires` is in Unix time."""

    tenant: str
    name: str = ""
    models: frozenset[str] | None = None
    expires: float = float("inf")

    def allows(self, model: str) -> bool:
        """Whether it may ask for a model."""
        return self.models is None or model in self.models


def made(chance: bytes) -> str:
    """The text of a new key from 32 bytes of chance."""
    if len(chance) != BYTES:
        raise ValueError(f"a key is made of {BYTES} bytes, not {len(chance)}")
    return PREFIX + urlsafe_b64encode(chance).decode().rstrip("=")


def digest(key: bytes) -> bytes:
    """What is kept of a key."""
    return sha256(key).digest()


def found(keys: Mapping[bytes, Key], authorization: bytes, now: float) -> Key | None:
    """Whose key a header `authorization: Bearer ...` shows; None for none that is valid now (Unix time)."""
    if authorization[:7].lower() != BEARER:
        return None
    key = keys.get(digest(authorization[7:].strip()))
    return key if key is not None and now < key.expires else None
