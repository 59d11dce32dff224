"""The token bucket (tbf) at the root of an interface, made slower and faster in its place: what waits goes on waiting,
and it holds as many bytes as before."""

import json

from msgspec import Struct

from topologies import process
from topologies.errors import Fault


class Shaper(Struct, frozen=True):
    """Its rate in bit/s, and in bytes what it sends at once and what it holds."""

    rate: int
    burst: int
    limit: int


def shaper(netns: str, interface: str) -> Shaper:
    """The shaper of an interface. Raises Fault where there is none."""
    shown = _tc(netns, ["-raw", "-json", "qdisc", "show", "dev", interface, "root"])
    for each in json.loads(shown or "[]"):
        if each["kind"] == "tbf":
            options = each["options"]
            return Shaper(int(options["rate"]) * 8, int(options["burst"]), int(options["limit"]))
    raise Fault(f"{interface} has no rate, so it has no shaper")


def reshape(netns: str, interface: str, wanted: Shaper) -> None:
    """Change the shaper of an interface. Raises Fault."""
    words = ["rate", f"{wanted.rate}bit", "burst", str(wanted.burst), "limit", str(wanted.limit)]
    _tc(netns, ["qdisc", "change", "dev", interface, "root", "tbf", *words])


def _tc(netns: str, words: list[str]) -> str:
    return process.run(["nsenter", f"--net={netns}", "--", "tc", *words]).stdout
