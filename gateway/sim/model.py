"""The nouns of the simulator. Times in seconds, sizes in tokens or in blocks of them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

BLOCK = 16
"""Tokens of a block of the KV cache, as vLLM has it."""
Time: TypeAlias = Annotated[float, Meta(ge=0, le=60)]
Count: TypeAlias = Annotated[int, Meta(ge=1)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]


class Timing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long a step takes: `base`, and for each token that is prefilled and each sequence that gets its next token.
    `variance` is the standard deviation of that as a share of it, `slowdown` a factor of all."""

    base: Time = 0.002
    prefill: Time = 0.00002
    decode: Time = 0.00005
    variance: Share = 0.0
    slowdown: Annotated[float, Meta(gt=0, le=1000)] = 1.0


class Size(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What fits: sequences at once, tokens of one step, blocks of the KV cache."""

    batch: Count = 64
    step: Count = 2048
    blocks: Count = 4096


class Kind(StrEnum):
    """How a request can fail."""

    ERROR = "error"  # 500
    BUSY = "busy"  # 503
    RATELIMIT = "ratelimit"  # 429
    REFUSE = "refuse"  # the connection is reset before anything is said
    SILENCE = "silence"  # nothing is ever said
    GARBLE = "garble"  # what is said is no HTTP
    CUT = "cut"  # the connection is reset in the middle of the answer
    STALL = "stall"  # the answer stops in the middle, and the connection stays


class Failing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What share of requests fails, and how; and whether the health check says that all is well."""

    rate: Share = 0.0
    kind: Kind = Kind.ERROR
    healthy: bool = True


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that can be changed while it runs."""

    timing: Timing = Timing()
    size: Size = Size()
    failing: Failing = Failing()


PROFILES: Mapping[str, Settings] = {
    # For tests and laptops: a word within 20 ms, and 5 ms for each after it.
    "small": Settings(timing=Timing(base=0.005, prefill=0.00002, decode=0.00005)),
    # An accelerator of 80 GB, 3.35 TB/s and about 1 PFLOP/s dense in 16 bit. A step reads all weights once: 16 GB take
    # 5 ms, and 140 GB over eight of them 5.2 ms, and as much again for communication. Prefill is 2 FLOP a weight and
    # token at 40 % of the peak. The rest of the memory is KV cache, of 128 KiB and 320 KiB a token.
    "llama-8b": Settings(
        timing=Timing(base=0.006, prefill=0.00004, decode=0.00003, variance=0.05),
        size=Size(batch=256, step=8192, blocks=28_000),
    ),
    "llama-70b": Settings(
        timing=Timing(base=0.011, prefill=0.00005, decode=0.00004, variance=0.05),
        size=Size(batch=256, step=8192, blocks=85_000),
    ),
    # So slow that a laptop's load is too much for a few of them: 32 answers at once, 20 ms a word.
    "lab": Settings(timing=Timing(base=0.02, prefill=0.00002, decode=0.0), size=Size(batch=32)),
}
