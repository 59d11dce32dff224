"""Durations and sizes as files write them: 250ms, 1.5s, 2min; 64KiB, 1MB. Pure."""

from typing import Annotated

from msgspec import Meta

PATTERN = r"^[0-9]+(\.[0-9]+)?(us|ms|s|min)$"
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}

Duration = Annotated[str, Meta(pattern=PATTERN, description="A number and its unit: us, ms, s or min; such as 250ms.")]


def seconds(text: str) -> float:
    """A duration that fits the pattern, in seconds."""
    number = text.rstrip("usmin")
    return float(number) * UNITS[text[len(number) :]]


JUMPS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
JUMP = rf"^[+-][0-9]+({'|'.join(JUMPS)})$"
Jump = Annotated[str, Meta(pattern=JUMP, description="A sign, a whole number and its unit: s, min, h, d; such as -1h.")]


def jumped(text: str) -> int:
    """By how many seconds a clock is set, of a text that fits the pattern."""
    number = text.rstrip("sminhd")
    return int(number) * JUMPS[text[len(number) :]]


SIZES = {"B": 1, "kB": 10**3, "KiB": 1 << 10, "MB": 10**6, "MiB": 1 << 20, "GB": 10**9, "GiB": 1 << 30}
SIZE = rf"^[0-9]+({'|'.join(SIZES)})$"
Size = Annotated[
    str,
    Meta(
        pattern=SIZE,
        description="A whole number and its unit: B, kB, KiB, MB, MiB, GB, GiB.",
    ),
]


def octets(text: str) -> int:
    """A size that fits the pattern, in bytes."""
    number = text.rstrip("BkKiMG")
    return int(number) * SIZES[text[len(number) :]]
