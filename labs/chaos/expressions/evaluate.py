"""The figures of an expression, from samples. Pure."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from labs.chaos.expressions.model import LOGIC, TIMES, Binary, Call, Choice, Expression, Negation, Number
from labs.chaos.model import Episode
from labs.chaos.series import SECONDS, Sample


class Function(Struct, frozen=True):
    """What is done with samples. `empty` is its value where there are none, None where it has none then; `unit` is that
    of its value where it is not the series'."""

    of: Callable[[Sequence[Sample]], float]
    empty: float | None
    about: str
    unit: str = ""


class NoValue(Exception):
    """An expression has no value: nothing to take a mean of, or a division by zero."""


def _quantile(share: float) -> Callable[[Sequence[Sample]], float]:
    """The nearest-rank quantile."""

    def of(samples: Sequence[Sample]) -> float:
        ordered = sorted(each.value for each in samples)
        return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]

    return of


FUNCTIONS: dict[str, Function] = {
    "count": Function(len, 0, "how many samples there are"),
    "sum": Function(lambda samples: math.fsum(each.value for each in samples), 0, "their sum"),
    "max": Function(lambda samples: max(each.value for each in samples), 0, "the largest value"),
    "min": Function(lambda samples: min(each.value for each in samples), None, "the smallest value"),
    "mean": Function(
        lambda samples: math.fsum(each.value for each in samples) / len(samples), None, "the arithmetic mean"
    ),
    "p50": Function(_quantile(0.5), None, "the median"),
    "p90": Function(_quantile(0.9), None, "what 90 % do not exceed"),
    "p99": Function(_quantile(0.99), None, "what 99 % do not exceed"),
    "first_at": Function(lambda samples: min(each.at for each in samples), None, "when the first one was", SECONDS),
    "last_at": Function(lambda samples: max(each.at for each in samples), None, "when the last one was", SECONDS),
}
"""Every function by name."""
_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}


class Scope(Struct, frozen=True):
    """What an expression is about: the samples by series, and the episodes that `during` and the like speak of."""

    series: Mapping[str, Sequence[Sample]]
    episodes: Sequence[Episode]
    ended: float


def evaluate(found: Expression, scope: Scope) -> float:
    """The value of an expression that was checked; 1 and 0 are yes and no. Raises NoValue."""
    match found:
        case Number():
            return found.value
        case Call():
            return call_value(found, scope)
        case Negation():
            value = evaluate(found.of, scope)
            return float(not value) if found.operator == "not" else -value
        case Binary():
            return _binary(found, scope)


def call_value(call: Call, scope: Scope) -> float:
    """The value of a function. Raises NoValue where it has nothing to work on."""
    function = FUNCTIONS[call.function]
    samples = [each for each in scope.series[call.series] if all(_fits(each, choice, scope) for choice in call.choices)]
    if samples:
        return float(function.of(samples))
    if function.empty is None:
        raise NoValue(f"{call.text} has no value: nothing of the kind happened")
    return function.empty


def _binary(found: Binary, scope: Scope) -> float:
    left = evaluate(found.left, scope)
    if found.operator in LOGIC and bool(left) == (found.operator == "or"):
        return left  # what the right side would say changes nothing
    right = evaluate(found.right, scope)
    if found.operator in LOGIC:
        return right
    if found.operator != "/":
        return float(_OPERATORS[found.operator](left, right))
    if right == 0:
        raise NoValue("a division by zero")
    return left / right


def _fits(sample: Sample, choice: Choice, scope: Scope) -> bool:
    if choice.key in TIMES:
        return any(
            _in_time(sample.at, choice.key, each, scope) for each in scope.episodes if each.name == choice.pattern
        )
    return fnmatchcase(sample.labels[choice.key], choice.pattern) != choice.unlike


def _in_time(at: float, key: str, episode: Episode, scope: Scope) -> bool:
    """A fault lasts until its healing begins; what healing costs comes after it."""
    healing = scope.ended if episode.healing is None else episode.healing
    if key == "before":
        return at < episode.injected
    return at >= healing if key == "after" else episode.injected <= at < healing
