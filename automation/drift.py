"""Which lines of a router's configuration are not as they are meant to be, and since when that is known. Pure."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

GONE, THERE = "lacks", "has"  # a line that the router is to run and does not, and one that it runs and is not to


class Line(Struct, frozen=True):
    """One line that differs, within the lines of the blocks that it stands in."""

    what: str  # GONE or THERE
    line: str
    within: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name in what is remembered."""
        return "\n".join((self.what, *self.within, self.line))


class Seen(Struct, frozen=True, forbid_unknown_fields=True):
    """What is remembered of a lab: for each router, since when each line was seen to differ, in seconds since the
    epoch."""

    routers: dict[str, dict[str, float]] = {}

    def since(self, router: str, line: Line) -> float:
        """When a line was first seen to differ."""
        return self.routers[router][line.key]


def lines(diff: str) -> Iterator[Line]:
    """The lines of a difference as `compare_config` tells it: what goes (-) was there, what comes (+) was lacking."""
    blocks: list[str] = []
    for text in diff.splitlines():
        mark, rest = (text[0], text[2:]) if text[:2] in ("- ", "+ ") else ("", text)
        line = rest.strip()
        del blocks[len(rest) - len(rest.lstrip()) :]
        if mark:
            yield Line(THERE if mark == "-" else GONE, line, tuple(blocks))
        blocks.append(line)


def remembered(before: Seen, diffs: Mapping[str, str], now: float) -> Seen:
    """What is known after routers were asked: lines that still differ keep their time, lines that do not are forgotten.

    Of a router that is not among `diffs` nothing new is known.
    """
    asked = {
        name: {line.key: before.routers.get(name, {}).get(line.key, now) for line in lines(diff)}
        for name, diff in diffs.items()
    }
    return Seen({name: known for name, known in {**before.routers, **asked}.items() if known})
