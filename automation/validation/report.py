"""What a compliance report of NAPALM says, flat: where a router is not as the rules say. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

_WHOLE = re.compile(r"\^(.*)\$", re.DOTALL)
_ESCAPED = re.compile(r"\\(\W)")
_ANY_PATH = r"(?:\d+ )*"  # what comes before the origin in an AS path
NOTHING = "nothing"


class Finding(Struct, frozen=True):
    """One thing that is not as a rule says: of which router, which rule, where in what it gives."""

    node: str
    rule: str
    where: str
    expected: str
    found: str


def findings(node: str, report: Mapping[str, Any]) -> tuple[Finding, ...]:
    """All of a report; a getter that was skipped is one, for nothing was looked at. None where the router complies."""
    rules = {name: said for name, said in report.items() if isinstance(said, dict)}
    return tuple(found for name, said in rules.items() for found in _of_rule(node, name, said))


def unanswered(node: str, error: BaseException) -> Finding:
    """A router that did not answer."""
    return Finding(node, "all", "", "an answer", str(error))


def _of_rule(node: str, rule: str, said: Mapping[str, Any]) -> Iterator[Finding]:
    if said.get("skipped"):
        yield Finding(node, rule, "", "an answer", f"skipped: {said.get('reason', 'no reason given')}")
        return
    for where, expected, found in _walk(said, ()):
        yield Finding(node, rule, " ".join(where), expected, found)


def _walk(said: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    present = said["present"]
    if isinstance(present, dict):
        for key, each in present.items():
            if each["complies"]:
                continue
            if each["nested"]:
                yield from _walk(each["diff"], (*above, str(key)))
            else:
                yield ((*above, str(key)), told(each["expected_value"]), told(each["actual_value"]))
        yield from (((*above, str(key)), "to be there", NOTHING) for key in said["missing"])
        yield from (((*above, str(key)), NOTHING, "one more than planned") for key in said["extra"])
        return
    yield from ((above, told(each), NOTHING) for each in said["missing"])
    yield from ((above, NOTHING, told(each)) for each in said["extra"])


def told(value: Any) -> str:
    """A value for people: expressions that are whole texts as those texts."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {told(each)}" for key, each in value.items() if key != "_mode")
    text = str(value)
    hit = _WHOLE.fullmatch(text)
    return _ESCAPED.sub(r"\1", hit[1].replace(_ANY_PATH, "... ")) if hit else text
