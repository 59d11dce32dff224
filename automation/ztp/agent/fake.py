"""A switch, its network and its server that are values in memory, and fail where they are told to. For tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from automation.ztp.agent.model import Identity, Lease, Moved, Ruling, World
from automation.ztp.cabling import Far
from automation.ztp.expected import Expected
from automation.ztp.trouble import Refusal, Trouble

URL = "https://192.0.2.1:8443/v1"


@dataclass(slots=True)
class FakeNetwork:
    """A DHCP server that answers unless `down`."""

    down: bool = False
    url: str = URL
    asked: int = 0

    def lease(self, identity: Identity) -> Lease:
        """Always the same address."""
        self.asked += 1
        if self.down:
            raise Trouble(f"no DHCP server answers {identity.client_id}")
        return Lease("192.0.2.7/24", self.url)

    def resume(self, identity: Identity) -> None:
        """Nothing to do."""
        self.asked += 1


@dataclass(slots=True)
class FakeServer:
    """Gives `answer`, or raises `trouble`; remembers what it was told. The last of `rulings` holds for ever."""

    answer: bytes = b""
    trouble: Trouble | None = None
    absent: frozenset[str] = frozenset()
    nonces: list[str] = field(default_factory=list)
    told: list[Moved] = field(default_factory=list)
    rulings: list[Ruling | None] = field(default_factory=lambda: [Ruling(keep=True)])
    ruled: list[tuple[str, int]] = field(default_factory=list)

    def bootstrap(self, identity: Identity, nonce: str) -> bytes:
        """The answer, whatever the nonce."""
        self.nonces.append(nonce)
        if self.trouble is not None:
            raise self.trouble
        return self.answer

    def report(self, identity: Identity, moves: Sequence[Moved]) -> frozenset[str]:
        """Remember it; whoever is refused a bundle may report all the same."""
        if self.trouble is not None and not isinstance(self.trouble, Refusal):
            raise self.trouble
        self.told += [move for move in moves if move not in self.told]
        return self.absent

    def ruling(self, identity: Identity, life: str, number: int) -> Ruling | None:
        """The next one."""
        if self.trouble is not None and not isinstance(self.trouble, Refusal):
            raise self.trouble
        self.ruled.append((life, number))
        return self.rulings.pop(0) if len(self.rulings) > 1 else self.rulings[0]


@dataclass(slots=True)
class FakeSwitch:
    """Remembers what it runs. `lacking` are the answers to what it lacks, the last one for ever."""

    heard: Mapping[str, Sequence[Far]] = field(default_factory=dict)
    lacking: list[list[str]] = field(default_factory=lambda: [[]])
    trouble: Trouble | None = None
    running: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False  # a configuration, to be confirmed

    def neighbours(self) -> Mapping[str, Sequence[Far]]:
        """What is to be heard."""
        return self.heard

    def configure(self, files: Mapping[str, str]) -> None:
        """Run it."""
        if self.trouble is not None:
            raise self.trouble
        self.running, self.waits = files, True

    def pending(self) -> bool:
        """Whether what runs is not confirmed."""
        return self.waits

    def lacks(self, expected: Expected, absent: frozenset[str]) -> list[str]:
        """The next answer, without what has the name of an absent node in it."""
        found = self.lacking.pop(0) if len(self.lacking) > 1 else self.lacking[0]
        return [lack for lack in found if not any(node in lack for node in absent)]

    def confirm(self) -> None:
        """Keep what runs."""
        self.kept, self.waits = self.running, False

    def withdraw(self) -> None:
        """Run what was kept."""
        self.lose_power()

    def lose_power(self) -> None:
        """Run what was kept, and have nothing pending."""
        self.running, self.waits = self.kept, False


@dataclass(slots=True)
class FakeClock:
    """Time that passes only by sleeping, and a little with each look."""

    time: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)
    nonces: int = 0

    def world(self) -> World:
        """Time and chance by this clock."""
        return World(self.now, self.now, self.sleep, lambda: 0.5, self.nonce)

    def now(self) -> float:
        """Seconds since the epoch."""
        self.time += 0.001
        return self.time

    def sleep(self, seconds: float) -> None:
        """Have time pass."""
        self.slept.append(seconds)
        self.time += seconds

    def nonce(self) -> str:
        """Another one each time."""
        self.nonces += 1
        return f"nonce-number-{self.nonces:04}"
