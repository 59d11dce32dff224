"""What stands for msgspec in nodes does what its Structs do, as far as shared modules use them."""

from collections.abc import Mapping

import msgspec
import pytest

from automation.ztp import structs


def kinds(module):  # type: ignore[no-untyped-def]
    """The same nouns by one of the two."""

    class Hop(module.Struct, frozen=True):  # type: ignore[name-defined,misc]
        gateway: str
        dead: bool = False

    class Route(module.Struct, frozen=True, order=True):  # type: ignore[name-defined,misc]
        prefix: str
        hops: Mapping[str, int] = module.field(default_factory=dict)

    return Hop, Route


@pytest.mark.parametrize("module", [structs, msgspec], ids=["stand-in", "msgspec"])
def test_a_struct_is_a_frozen_value_with_defaults(module) -> None:  # type: ignore[no-untyped-def]
    """Equal where its fields are, hashable, ordered where asked, and not to be changed."""
    hop, route = kinds(module)

    assert hop("fe80::1") == hop(gateway="fe80::1", dead=False)
    assert len({hop("a"), hop("a"), hop("b")}) == 2
    assert route("10.0.0.0/8") < route("11.0.0.0/8")
    assert route("10.0.0.0/8").hops == {}
    with pytest.raises(AttributeError):
        hop("a").dead = True
