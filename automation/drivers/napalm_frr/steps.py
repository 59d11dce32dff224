"""Calls of steps.sh, the router's half of a change: the text that carries one there, and what comes back. Pure."""

import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

SHOW = ("vtysh", "-c", "show running-config no-header")
HOME = "/run/napalm_frr"  # gone with a restart of the machine, which runs its startup configuration then
STATUS_LINES = 7
_CHATTER = re.compile(r"\[\d+\|\w+\] (?:sending configuration|done)|Waiting for children .*")  # of vtysh, from FRR 9 on
KEPT, ROLLED_BACK, RESTORED = "kept", "rolled back", "restored"


class Code(IntEnum):
    """How a step ended, where it did not do what it is for."""

    BUSY = 10
    GRAMMAR = 11
    CHANGED = 12
    NOTHING = 13
    INCOMPLETE = 14
    UNSAVED = 15


@dataclass(frozen=True, slots=True)
class Change:
    """A change that the router remembers. `outcome` is "" until it ended.

    `deadline`, and `when` it began or else ended, are in seconds since the epoch.
    """

    id: str
    who: str
    message: str
    deadline: str
    outcome: str
    confirmable: bool
    when: str
    snapshot: str


def call(program: str, step: Sequence[str], files: Mapping[str, Iterable[str]]) -> str:
    """The script that puts the program and its files there, and runs a step."""
    texts = {"steps.sh": program.splitlines(), **files}
    return "\n".join(
        (
            "umask 077",
            f"mkdir -p {HOME} && work=$(mktemp -d {HOME}/call.XXXXXX) || exit",
            *(line for name, lines in texts.items() for line in _file(name, tuple(lines))),
            f'exec sh "$work/steps.sh" {shlex.join(step)} </dev/null',
            "",
        )
    )


def _file(name: str, lines: Sequence[str]) -> Iterable[str]:
    end = "END"
    while end in lines:
        end += "_"
    return (f"cat >\"$work/{name}\" <<'{end}'", *lines, end)


def words(said: str) -> str:
    """What FRR said to the lines that it was given; "" where it just took them."""
    return "\n".join(line for line in said.splitlines() if line.strip() and not _CHATTER.match(line))


def digest(text: str) -> str:
    """What `sha256sum` says of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def change(answer: str) -> Change:
    """The change that the step `show` tells of."""
    *status, snapshot = answer.split("\n", STATUS_LINES)
    ident, who, message, deadline, outcome, confirmable, when = status
    return Change(ident, who, message, deadline, outcome, confirmable == "yes", when, snapshot)
