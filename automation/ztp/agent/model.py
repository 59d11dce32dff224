"""What the agent knows: who the switch is, where it stands, and the world outside as it sees it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from automation.ztp.cabling import Far
from automation.ztp.expected import Expected
from automation.ztp.states import FIRST, State

VENDOR_CLASS = "closlab-switch"  # how switches call themselves to DHCP servers (option 60)
REVERT_IN = 180  # seconds until a switch runs again what it ran before, unless its new configuration is confirmed


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a switch is, as its maker wrote it into it."""

    serial: str
    model: str
    version: str
    mac: str = ""  # of its management interface

    @property
    def client_id(self) -> str:
        """How it calls itself to DHCP servers."""
        return f"{self.model}##{self.serial}"


@dataclass(frozen=True, slots=True)
class Lease:
    """What DHCP gave: an address, and where to be provisioned."""

    address: str
    url: str


@dataclass(frozen=True, slots=True)
class Moved:
    """One move, for the server: the state that was entered, why, and the seconds that the former one took.

    It is numbered within a life of the switch's memory: one that was reset begins another.
    """

    life: str
    number: int
    state: State
    why: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to become of a change: kept, or not, and why. `why` of one that is kept says what is odd about it."""

    keep: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is on the switch's disk. `floor` is the highest version of a bundle that it ever took.

    `tries` counts what failed since the last success; `unsent` are moves that no server has heard of yet.
    """

    state: State = FIRST
    why: str = ""
    since: float = 0  # seconds since the epoch
    tries: int = 0
    url: str = ""
    nonce: str = ""
    answer: str = ""
    floor: int = 0
    node: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    life: str = ""
    moves: int = 0
    unsent: tuple[Moved, ...] = ()


class Network(Protocol):
    """The management network. Both raise Trouble."""

    def lease(self, identity: Identity) -> Lease:
        """An address on it, kept up from then on."""

    def resume(self, identity: Identity) -> None:
        """Have an address again, whenever there is one: a switch that is ready waits for nobody."""


class Server(Protocol):
    """Who provisions. Both raise Trouble where it cannot be reached, or is not the one that is trusted."""

    def bootstrap(self, identity: Identity, nonce: str) -> bytes:
        """The answer to a request for a bundle; Refusal where somebody has to allow it first."""

    def report(self, identity: Identity, moves: Sequence[Moved]) -> frozenset[str]:
        """Tell of moves; returns the nodes that are not to be waited for."""

    def ruling(self, identity: Identity, life: str, number: int) -> Ruling | None:
        """Whether the change that waits since that move may be kept; None while nobody has said so."""


class Switch(Protocol):
    """The switch itself, as the agent acts on it. All raise Trouble."""

    def neighbours(self) -> Mapping[str, Sequence[Far]]:
        """Who is heard on each port."""

    def configure(self, files: Mapping[str, str]) -> None:
        """Have all of a bundle run, and go back after REVERT_IN unless it is confirmed; fine when done twice."""

    def pending(self) -> bool:
        """Whether that waits to be confirmed: not after a loss of power, nor when its time has passed."""

    def lacks(self, expected: Expected, absent: frozenset[str]) -> list[str]:
        """What the running switch lacks of what it must show, without what depends on absent nodes."""

    def confirm(self) -> None:
        """Keep what runs, for the next start too."""

    def withdraw(self) -> None:
        """Run again what ran before, where something waits to be confirmed."""


@dataclass(frozen=True, slots=True)
class World:
    """Time and chance, as the agent is given them. `now` is in seconds since the epoch, and may be wrong."""

    now: Callable[[], float]
    passed: Callable[[], float]  # a clock in seconds that only goes forward
    sleep: Callable[[float], None]
    chance: Callable[[], float]  # from 0 to 1
    nonce: Callable[[], str]
