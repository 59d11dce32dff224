"""Keys of clients."""

import re

import pytest

from gateway.keys import BYTES, Key, digest, found, made

TEXT = made(bytes(range(BYTES)))
KEYS = {digest(TEXT.encode()): Key("t", models=frozenset({"m"}), expires=100.0)}


def test_a_key_is_known_by_its_hash_alone() -> None:
    """Nothing that is kept holds any part of it."""
    assert re.fullmatch(r"cgk-[A-Za-z0-9_-]{43}", TEXT)
    assert TEXT[4:20].encode() not in next(iter(KEYS))
    assert found(KEYS, b"Bearer " + TEXT.encode(), 50.0) == next(iter(KEYS.values()))


@pytest.mark.parametrize(
    "header", [b"", b"Bearer", b"Bearer ", b"Basic " + TEXT.encode(), TEXT.encode(), b"Bearer " + TEXT.encode()[:-1]]
)
def test_what_is_no_key_finds_nothing(header: bytes) -> None:
    """Other schemes, parts of a key, nothing."""
    assert found(KEYS, header, 50.0) is None


def test_a_key_ends_at_its_time() -> None:
    """Not a moment later."""
    assert found(KEYS, b"bearer " + TEXT.encode(), 99.9) is not None
    assert found(KEYS, b"bearer " + TEXT.encode(), 100.0) is None


def test_a_key_may_ask_for_its_models() -> None:
    """For all where none are named."""
    assert Key("t").allows("m")
    assert not Key("t", models=frozenset({"m"})).allows("n")


def test_a_key_needs_all_its_chance() -> None:
    """Fewer bytes would be a weak key."""
    with pytest.raises(ValueError, match="32 bytes, not 3"):
        made(b"abc")
