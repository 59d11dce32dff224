"""The seam between two versions of GoBGP's API: how each spells its enumerations and packs what a path carries.

All other messages are alike in both, and `napalm_gobgp.reading` reads them by these four verbs. Pure.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from napalm_gobgp.stubs import Stubs

ATTRIBUTES = {
    "origin": "OriginAttribute",
    "as_path": "AsPathAttribute",
    "next_hop": "NextHopAttribute",
    "multi_exit_disc": "MultiExitDiscAttribute",
    "local_pref": "LocalPrefAttribute",
    "communities": "CommunitiesAttribute",
    "mp_reach": "MpReachNLRIAttribute",
}


class Codec(Protocol):
    """One version of the API."""

    stubs: Stubs

    def number(self, enumeration: str, word: str) -> int:
        """The number of a word of an enumeration, such as BEST of WatchEventRequest.Table.Filter.Type."""

    def packed(self, prefix: str, attributes: Mapping[str, Any]) -> Any:
        """A path to a prefix with these attribute messages, by the names in ATTRIBUTES."""

    def prefix(self, path: Any) -> str:
        """The prefix that a path leads to, "" where it is of no family that we know."""

    def attributes(self, path: Any) -> Mapping[str, Any]:
        """The attribute messages of a path, by the names in ATTRIBUTES."""


def _enumeration(stubs: Stubs, path: str) -> Any:
    head, *rest = path.split(".")
    found = stubs.names[head]
    for name in rest:
        found = getattr(found, name)
    return found


def family(stubs: Stubs, prefix: str) -> Any:
    """The family message of a prefix: unicast of its version of IP."""
    return stubs.message("Family", afi=2 if ":" in prefix else 1, safi=1)


def halves(prefix: str) -> tuple[str, int]:
    """An address and its length."""
    address, _, length = prefix.partition("/")
    return address, int(length)


class V3:
    """Version 3: plain words, and all that a path carries in google.protobuf.Any."""

    def __init__(self, stubs: Stubs) -> None:
        self.stubs = stubs
        self._names = {kind: name for name, kind in ATTRIBUTES.items()}

    def number(self, enumeration: str, word: str) -> int:
        """As `Codec.number`."""
        return int(_enumeration(self.stubs, enumeration).Value(word))

    def packed(self, prefix: str, attributes: Mapping[str, Any]) -> Any:
        """As `Codec.packed`."""
        address, length = halves(prefix)
        path = self.stubs.message("Path", family=family(self.stubs, prefix))
        path.nlri.Pack(self.stubs.message("IPAddressPrefix", prefix=address, prefix_len=length))
        for each in attributes.values():
            path.pattrs.add().Pack(each)
        return path

    def prefix(self, path: Any) -> str:
        """As `Codec.prefix`."""
        found = self._unpacked(path.nlri, "IPAddressPrefix")
        return f"{found.prefix}/{found.prefix_len}" if found else ""

    def attributes(self, path: Any) -> Mapping[str, Any]:
        """As `Codec.attributes`."""
        kinds = ((each.type_url.rpartition(".")[2], each) for each in path.pattrs)
        return {self._names[kind]: self._unpacked(each, kind) for kind, each in kinds if kind in self._names}

    def _unpacked(self, packed: Any, kind: str) -> Any:
        message = self.stubs.message(kind)
        return message if packed.Unpack(message) else None


class V4:
    """Version 4: words with their enumeration's name before them, and typed paths."""

    def __init__(self, stubs: Stubs) -> None:
        self.stubs = stubs

    def number(self, enumeration: str, word: str) -> int:
        """As `Codec.number`."""
        found = _enumeration(self.stubs, enumeration)
        return int(next(number for name, number in found.items() if name == word or name.endswith(f"_{word}")))

    def packed(self, prefix: str, attributes: Mapping[str, Any]) -> Any:
        """As `Codec.packed`."""
        address, length = halves(prefix)
        nlri = self.stubs.message(
            "NLRI", prefix=self.stubs.message("IPAddressPrefix", prefix=address, prefix_len=length)
        )
        packed = [self.stubs.message("Attribute", **{name: each}) for name, each in attributes.items()]
        return self.stubs.message("Path", family=family(self.stubs, prefix), nlri=nlri, pattrs=packed)

    def prefix(self, path: Any) -> str:
        """As `Codec.prefix`."""
        found = path.nlri.prefix
        return f"{found.prefix}/{found.prefix_len}" if path.nlri.WhichOneof("nlri") == "prefix" else ""

    def attributes(self, path: Any) -> Mapping[str, Any]:
        """As `Codec.attributes`."""
        kinds = ((each.WhichOneof("attr"), each) for each in path.pattrs)
        return {kind: getattr(each, kind) for kind, each in kinds if kind in ATTRIBUTES}


CODECS: dict[str, Callable[[Stubs], Codec]] = {"v4": V4, "v3": V3}  # asked in this order
