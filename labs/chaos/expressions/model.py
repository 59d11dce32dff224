"""What an expectation is made of. Values only."""

from typing import TypeAlias

from msgspec import Struct


class Number(Struct, frozen=True):
    """A number in its base unit: seconds (`unit` "s"), or a count or share ("")."""

    value: float
    unit: str


class Choice(Struct, frozen=True):
    """One condition on samples: a label is, or is not (`unlike`), like a pattern with `*` and `?`; or a time, by a
    step's name, for the keys during, before and after."""

    key: str
    pattern: str
    unlike: bool
    column: int


class Call(Struct, frozen=True):
    """A function over the samples of a series that fit all conditions. `text` is how it was written."""

    function: str
    series: str
    choices: tuple[Choice, ...]
    column: int
    text: str


class Binary(Struct, frozen=True):
    """Two values and what is done with them; `column` is that of the operator."""

    operator: str
    left: "Expression"
    right: "Expression"
    column: int


class Negation(Struct, frozen=True):
    """`not`, or a minus sign."""

    operator: str
    of: "Expression"
    column: int


Expression: TypeAlias = Number | Call | Binary | Negation
COMPARISONS = ("<=", ">=", "==", "!=", "<", ">")
LOGIC = ("and", "or")
TIMES = ("during", "before", "after")
