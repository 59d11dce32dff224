"""FRR's and iproute2's JSON, and FRR's way of writing times. Pure."""

import re
from datetime import datetime
from typing import TypeVar

import msgspec
from napalm.base.exceptions import CommandErrorException

T = TypeVar("T")
UNKNOWN = -1  # NAPALM's number for what a device does not say
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d)")
_LONG = re.compile(r"(\d+)([ywdhm])")
_UNITS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60}  # seconds


def decode(text: str, kind: type[T]) -> T:
    """JSON as a type. Raises CommandErrorException with its beginning where it is not that."""
    try:
        return msgspec.json.decode(text.encode(), type=kind)
    except msgspec.MsgspecError as error:
        raise CommandErrorException(f"answer not understood: {error}; it begins {text.strip()[:80]!r}") from error


def seconds(text: str) -> int:
    """A duration as FRR writes it, `00:01:30`, `1d02h03m` or `02w3d04h`, in seconds; UNKNOWN for anything else."""
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, rest = (int(each) for each in clock.groups())
        return 3600 * hours + 60 * minutes + rest
    parts = _LONG.findall(text)
    return sum(int(count) * _UNITS[unit] for count, unit in parts) if parts else UNKNOWN


def epoch(stamp: str, zone: str) -> float:
    """FRR's local time `2026/11/25 15:08:34.91` and the zone `+0100` as seconds since the epoch; -1.0 for ""."""
    return datetime.strptime(f"{stamp} {zone}", "%Y/%m/%d %H:%M:%S.%f %z").timestamp() if stamp else float(UNKNOWN)
