"""What is written of a request, and what is asked later. Pure."""

import re
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from gateway.errors import Mistake
from gateway.record import Done, Outcome

By: TypeAlias = Literal["tenant", "model", "backend", "rack", "outcome", "reason"]
BY: tuple[By, ...] = get_args(By)
"""What sums of minutes are kept by."""
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
COLUMNS = (
    "at",
    "minute",
    *BY,
    "key",
    "edge",
    "kind",
    "status",
    "stream",
    "tries",
    "prompt_tokens",
    "answer_tokens",
    "cost",
    "waited",
    "first",
    "each",
    "overhead",
    "took",
)
"""Of a row: seconds, and since 1970 where it is a moment; money in millionths."""

Row: TypeAlias = tuple[float | str | int, ...]


class Usage(Struct, frozen=True):
    """Sums over requests that have something in common. `first` is the mean time until an answer began, of those that
    did, in seconds; `cost` is money."""

    by: dict[str, str]
    requests: int
    answered: int
    refused: int
    failed: int
    prompt_tokens: int
    answer_tokens: int
    cost: float
    first: float | None


def row(done: Done) -> Row:
    """What is written of a request."""
    tokens = done.tokens
    each = max(done.took - done.waited - done.first, 0.0) / (tokens.answer - 1) if tokens.answer > 1 else 0.0
    return (
        done.at,
        int(done.at // 60 * 60),
        done.tenant,
        done.model,
        done.backend,
        done.rack,
        done.outcome.value,
        done.reason.value if done.reason else "",
        done.key,
        done.edge,
        done.kind,
        done.status,
        int(done.stream),
        done.tries,
        tokens.prompt,
        tokens.answer,
        done.cost,
        done.waited,
        done.first,
        each if done.stream else 0.0,
        done.overhead,
        done.took,
    )


def began(done: Done) -> bool:
    """Whether an answer had begun."""
    return bool(done.backend) and done.outcome not in (Outcome.REFUSED, Outcome.FAILED)


def parsed(by: str) -> tuple[By, ...]:
    """What sums are wanted by: `tenant,model`. Raises Mistake for what they are not kept by."""
    wanted = tuple(each.strip() for each in by.split(",") if each.strip())
    found = tuple(each for each in BY if each in wanted)
    if len(found) != len(wanted) or not found:
        unknown = ", ".join(each for each in wanted if each not in BY) or "nothing"
        raise Mistake(f"--by: {unknown}; sums are kept by {', '.join(BY)}")
    return found


def ago(text: str) -> int:
    """Seconds of `30m`, `1h`, `7d`; Mistake for anything else."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None or not int(found[1]):
        raise Mistake(f"--since: {text!r} is not a time such as 30m, 1h or 7d")
    return int(found[1]) * SECONDS[found[2]]
