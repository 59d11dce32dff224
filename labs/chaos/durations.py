"""Durations as files write them: 250ms, 1.5s, 2min. Pure."""

from typing import Annotated

from msgspec import Meta

PATTERN = r"^[0-9]+(\.[0-9]+)?(us|ms|s|min)$"
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}

Duration = Annotated[str, Meta(pattern=PATTERN, description="A number and its unit: us, ms, s or min; such as 250ms.")]


def seconds(text: str) -> float:
    """A duration that fits the pattern, in seconds."""
    number = text.rstrip("usmin")
    return float(number) * UNITS[text[len(number) :]]
