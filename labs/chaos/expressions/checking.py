"""Whether an expectation means something, before anything runs: names are known, units fit, it says yes or no. Pure."""

from collections.abc import Collection

from labs.chaos.expressions.evaluate import FUNCTIONS
from labs.chaos.expressions.model import COMPARISONS, LOGIC, TIMES, Binary, Call, Expression, Negation, Number
from labs.chaos.expressions.parser import parse, refuse
from labs.chaos.series import COUNT, RATE, SECONDS, SERIES
from topologies.files.complaint import nearest

BOOLEAN = "yes or no"
NAMED = {SECONDS: "a time", COUNT: "a number", RATE: "a rate", BOOLEAN: "a comparison"}


def checked(text: str, steps: Collection[str]) -> Expression:
    """The expectation that a text is. Raises Mistake, with a mark under the place, for one that means nothing."""
    found = parse(text)
    if (kind := _Checker(text, steps).unit(found)) != BOOLEAN:
        refuse(text, 0, f"this is {NAMED[kind]}, and an expectation compares: such as {text} <= {EXAMPLES[kind]}")
    return found


EXAMPLES = {SECONDS: "1s", COUNT: "1", RATE: "1Mbps"}


class _Checker:
    def __init__(self, text: str, steps: Collection[str]) -> None:
        self._text, self._steps = text, steps

    def unit(self, found: Expression) -> str:
        """What an expression gives: a time, a number, or yes or no."""
        match found:
            case Number(unit=unit):
                return unit
            case Call():
                return self._call(found)
            case Negation():
                return self._negation(found)
            case Binary():
                return self._binary(found)

    def _negation(self, found: Negation) -> str:
        unit = self.unit(found.of)
        if (unit == BOOLEAN) != (found.operator == "not"):
            refuse(self._text, found.column, f"{found.operator!r} cannot stand before {NAMED[unit]}")
        return unit

    def _binary(self, found: Binary) -> str:
        left, right = self.unit(found.left), self.unit(found.right)
        logic = found.operator in LOGIC
        if logic != (left == BOOLEAN) or logic != (right == BOOLEAN):
            refuse(self._text, found.column, f"{found.operator!r} cannot join {NAMED[left]} and {NAMED[right]}")
        if logic:
            return BOOLEAN
        if found.operator == "*":
            if COUNT not in (left, right):
                refuse(self._text, found.column, f"{NAMED[left]} and {NAMED[right]} cannot be multiplied")
            return right if left == COUNT else left
        if found.operator == "/":
            if right not in (left, COUNT):
                refuse(self._text, found.column, f"{NAMED[left]} cannot be divided by {NAMED[right]}")
            return COUNT if left == right else left
        if left != right:
            refuse(self._text, found.column, f"{NAMED[left]} and {NAMED[right]} do not go together; times have a unit")
        return BOOLEAN if found.operator in COMPARISONS else left

    def _call(self, call: Call) -> str:
        if call.function not in FUNCTIONS:
            self._unknown(call.column, "function", call.function, FUNCTIONS)
        if call.series not in SERIES:
            self._unknown(call.column, "series", call.series, SERIES)
        described = SERIES[call.series]
        for choice in call.choices:
            if choice.key in TIMES:
                if choice.unlike:
                    refuse(self._text, choice.column, f"{choice.key} takes =, not !=")
                if choice.pattern not in self._steps:
                    self._unknown(choice.column, "step", choice.pattern, self._steps)
            elif choice.key not in described.labels:
                self._unknown(choice.column, f"label of {call.series}", choice.key, (*described.labels, *TIMES))
        return FUNCTIONS[call.function].unit or described.unit if call.function != "count" else COUNT

    def _unknown(self, column: int, what: str, name: str, known: Collection[str]) -> None:
        refuse(self._text, column, f"no {what} {name!r}{nearest(name, known)}; there are {', '.join(known)}")
