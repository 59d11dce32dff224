"""Text to expression, by recursive descent. Pure.

or      := and { "or" and }
and     := not { "and" not }
not     := "not" not | compare
compare := sum [ ("<=" | ">=" | "==" | "!=" | "<" | ">") sum ]
sum     := product { ("+" | "-") product }
product := value { ("*" | "/") value }
value   := NUMBER [UNIT] | "-" value | "(" or ")" | NAME "(" NAME [ "[" choice { "," choice } "]" ] ")"
choice  := NAME ("=" | "!=") PATTERN
"""

import re
from collections.abc import Callable
from typing import NoReturn

from msgspec import Struct

from labs.chaos.expressions.model import COMPARISONS, Binary, Call, Choice, Expression, Negation, Number
from topologies.errors import Mistake

UNITS = {
    "us": (1e-6, "s"),
    "ms": (1e-3, "s"),
    "s": (1.0, "s"),
    "min": (60.0, "s"),
    "%": (0.01, ""),
    "k": (1e3, ""),
    "M": (1e6, ""),
    "kbps": (1e3, "bit/s"),
    "Mbps": (1e6, "bit/s"),
    "Gbps": (1e9, "bit/s"),
    "": (1.0, ""),
}
"""What a unit multiplies a number by, and the unit that it is then in."""
_TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z_]\w*)|(?P<sign><=|>=|==|!=|[-+*/<>=()\[\],%]))")
_VALUE = re.compile(r"\s*([\w.:/*?-]+)")
_DEEPEST = 50  # brackets within each other


class _Token(Struct, frozen=True):
    kind: str
    text: str
    at: int
    end: int


def parse(text: str) -> Expression:
    """An expression; Mistake with a mark under the place where the text is none."""
    return _Parser(text).whole()


def refuse(text: str, column: int, why: str) -> NoReturn:
    """Raise a Mistake that shows where in an expression something is wrong."""
    raise Mistake(f"{why}\n    {text}\n    {' ' * column}^")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        """All of the text as one expression."""
        found = self._or()
        if (rest := self._peek()).kind != "end":
            self._refuse(rest, "nothing may follow here")
        return found

    def _or(self) -> Expression:
        return self._chain(self._and, ("or",))

    def _and(self) -> Expression:
        return self._chain(self._not, ("and",))

    def _not(self) -> Expression:
        token = self._peek()
        if token.text != "not":
            return self._compare()
        self._next()
        return Negation("not", self._deeper(self._not, token), token.at)

    def _compare(self) -> Expression:
        left = self._sum()
        token = self._peek()
        if token.text not in COMPARISONS:
            return left
        self._next()
        return Binary(token.text, left, self._sum(), token.at)

    def _sum(self) -> Expression:
        return self._chain(self._product, ("+", "-"))

    def _product(self) -> Expression:
        return self._chain(self._value, ("*", "/"))

    def _chain(self, part: Callable[[], Expression], operators: tuple[str, ...]) -> Expression:
        found = part()
        while (token := self._peek()).text in operators:
            self._next()
            found = Binary(token.text, found, part(), token.at)
        return found

    def _value(self) -> Expression:
        token = self._next()
        if token.kind == "number":
            return self._number(token)
        if token.text == "-":
            return Negation("-", self._deeper(self._value, token), token.at)
        if token.text == "(":
            found = self._deeper(self._or, token)
            self._expect(")")
            return found
        if token.kind == "word":
            return self._call(token)
        self._refuse(token, "a number, a function or a bracket must stand here")

    def _number(self, token: _Token) -> Number:
        unit = self._peek()
        name = unit.text if unit.kind == "word" or unit.text == "%" else ""
        if name in ("and", "or"):
            name = ""
        if name not in UNITS:
            self._refuse(unit, f"no unit {name!r}; there are {', '.join(each for each in UNITS if each)}")
        if name:
            self._next()
        factor, base = UNITS[name]
        return Number(float(token.text) * factor, base)

    def _call(self, function: _Token) -> Call:
        self._expect("(", f"{function.text} is a function, and its series in brackets must follow")
        series = self._next()
        if series.kind != "word":
            self._refuse(series, "the name of a series must stand here")
        choices = []
        if self._peek().text == "[":
            self._next()
            choices.append(self._choice())
            while self._peek().text == ",":
                self._next()
                choices.append(self._choice())
            self._expect("]")
        end = self._expect(")")
        return Call(function.text, series.text, tuple(choices), function.at, self._text[function.at : end.end])

    def _choice(self) -> Choice:
        key = self._next()
        if key.kind != "word":
            self._refuse(key, "a label must stand here, or one of during, before and after")
        sign = self._next()
        if sign.text not in ("=", "!="):
            self._refuse(sign, "= or != must stand here")
        match = _VALUE.match(self._text, self._at)
        if match is None:
            self._refuse(self._peek(), "what the label is to be must stand here")
        self._at = match.end()
        return Choice(key.text, match[1], sign.text == "!=", key.at)

    def _deeper(self, part: Callable[[], Expression], token: _Token) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._refuse(token, "nested too deep")
        found = part()
        self._depth -= 1
        return found

    def _peek(self) -> _Token:
        if not self._text[self._at :].strip():
            return _Token("end", "", len(self._text.rstrip()), len(self._text))
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            start = len(self._text) - len(self._text[self._at :].lstrip())
            refuse(self._text, start, f"{self._text[start]!r} means nothing here")
        kind = str(match.lastgroup)
        return _Token(kind, match[kind], match.start(kind), match.end())

    def _next(self) -> _Token:
        token = self._peek()
        self._at = token.end
        return token

    def _expect(self, text: str, why: str = "") -> _Token:
        token = self._next()
        if token.text != text:
            self._refuse(token, why or f"{text!r} must stand here")
        return token

    def _refuse(self, token: _Token, why: str) -> NoReturn:
        refuse(self._text, token.at, why)
