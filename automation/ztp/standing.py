"""Where the switches of a lab stand, out of what its server knows. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from automation.ztp.states import FIRST, State

GIVEN_UP = 3  # times that a switch was quarantined, after which it is not expected to cure itself


class SwitchRow(msgspec.Struct, frozen=True):
    """A switch as the server's registry has it; times in seconds since the epoch."""

    serial: str
    mac: str
    model: str
    version: str
    address: str
    node: str
    state: State
    why: str
    first_seen: float
    last_seen: float


class MoveRow(msgspec.Struct, frozen=True):
    """A move as the registry has it: the state entered, and the seconds that the one before it took."""

    serial: str
    mac: str
    life: str
    number: int
    state: State
    type: str
    why: str
    seconds: float
    heard: float


class Status(msgspec.Struct, frozen=True):
    """What the server tells; `changes` grows with whatever could be seen of it."""

    changes: int
    switches: tuple[SwitchRow, ...]
    moves: tuple[MoveRow, ...]
    holders: Mapping[str, str] = msgspec.field(default_factory=dict)  # the serial number that each node has now


@dataclass(frozen=True, slots=True)
class Standing:
    """One switch: where it stands, why, how long it was in each state in all, and what it was last quarantined for."""

    node: str
    serial: str
    mac: str = ""
    address: str = ""
    state: State = FIRST
    why: str = ""
    seconds: Mapping[State, float] = field(default_factory=dict)
    quarantined: int = 0
    refused: str = ""
    life: str = ""  # with `moves`, which of its attempts it is at
    moves: int = 0

    @property
    def stuck(self) -> bool:
        """Whether somebody has to do something."""
        return self.quarantined >= GIVEN_UP and self.state is not State.READY


def standings(status: Status, serials: Mapping[str, str]) -> tuple[Standing, ...]:
    """Every switch that is expected, by node, then those that nobody expects. `serials` is by node, as they were made:
    what the server knows counts before it."""
    serials = {node: status.holders.get(node, serial) for node, serial in serials.items()}
    nodes = {serial: node for node, serial in serials.items()}
    seen = [_standing(row, row.node or nodes.get(row.serial, ""), _of(status.moves, row)) for row in status.switches]
    latest = {each.node: each for each in seen if each.node and each.serial == serials.get(each.node)}
    expected = [latest.get(node) or Standing(node, serial) for node, serial in serials.items()]
    others = [each for each in seen if each not in expected]
    return (*expected, *others)


def unready(found: Collection[Standing], nodes: Collection[str]) -> list[Standing]:
    """The switches of these nodes that are not members yet."""
    return [each for each in found if each.node in nodes and each.state is not State.READY]


def _of(moves: Sequence[MoveRow], row: SwitchRow) -> list[MoveRow]:
    """The moves of a switch in its present life: what it did before it was reset is another story."""
    own = [move for move in moves if (move.serial, move.mac) == (row.serial, row.mac)]
    return [move for move in own if move.life == own[-1].life]


def _standing(row: SwitchRow, node: str, moves: Sequence[MoveRow]) -> Standing:
    seconds: dict[State, float] = {}
    former = FIRST
    for move in moves:
        seconds[former] = seconds.get(former, 0) + move.seconds
        former = move.state
    refused = [move.why for move in moves if move.state is State.QUARANTINED]
    life, number = (moves[-1].life, moves[-1].number) if moves else ("", 0)
    return Standing(
        node,
        row.serial,
        row.mac,
        row.address,
        row.state,
        row.why,
        seconds,
        quarantined=len(refused),
        refused=refused[-1] if refused else "",
        life=life,
        moves=number,
    )
