"""FRR on the switch itself: its configuration as a transaction of `napalm_frr`, its sessions, the kernel's routes."""

import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from napalm_frr.candidate import Candidate
from napalm_frr.commits import Commits
from napalm_frr.errors import ChangeError

from automation.ztp.agent.model import REVERT_IN
from automation.ztp.agent.soliciting import solicit
from automation.ztp.expected import Expected, lacking, lacking_sessions, states
from automation.ztp.trouble import Trouble
from telemetry.model import ESTABLISHED
from topologies import process
from topologies.errors import ClosError
from topologies.process import Finished
from topologies.runtime import vty
from topologies.runtime.netlink import Netlink

SOCKETS = "/run/frr"
ASKED_WITHIN = 10  # seconds for one answer of a daemon
WATCHER = "watchfrr"
RUN_WITHIN = 60  # seconds for a program


class Here:
    """The way of `napalm_frr` to a router that one is on."""

    def ask(self, daemon: str, command: str, *, timeout: float | None = None) -> str:
        """What a daemon answers to a command."""
        within = timeout or ASKED_WITHIN
        with self._open(daemon, within) as sock:
            return vty.ask(sock, ["enable", command], who=daemon, timeout=within)

    def run(
        self, argv: Sequence[str], *, input: str | None = None, check: bool = True, timeout: float | None = None
    ) -> Finished:
        """Run a program to its end."""
        return process.run(argv, input=input, check=check, timeout=timeout or RUN_WITHIN)

    def say(self, daemon: str, lines: Sequence[str]) -> None:
        """Tell a daemon some lines."""
        with self._open(daemon, ASKED_WITHIN) as sock:
            vty.ask(sock, lines, who=daemon, timeout=ASKED_WITHIN)

    def daemons(self) -> Sequence[str]:
        """Which daemons of FRR are there."""
        return [path.stem for path in sorted(Path(SOCKETS).glob("*.vty")) if path.stem != WATCHER]

    def close(self) -> None:
        """Nothing stays open."""

    def _open(self, daemon: str, timeout: float) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect(f"{SOCKETS}/{daemon}.vty")
        except OSError:
            sock.close()
            raise
        return sock


@contextmanager
def _troubles() -> Iterator[None]:
    """Whatever FRR or the kernel has against it, as Trouble."""
    try:
        yield
    except (ChangeError, ClosError, OSError) as error:
        raise Trouble(str(error)) from error


class Router:
    """FRR as the agent needs it. All raise Trouble."""

    def __init__(self, place: str) -> None:
        self._here = Here()
        self._commits = Commits(self._here, place)

    def rename(self, hostname: str) -> None:
        """Tell all daemons the name of the system.

        Each took the one that was there when it started, and vtysh shows the present one beside theirs: a configuration
        would never be found to run.
        """
        with _troubles():
            for daemon in self._here.daemons():
                self._here.say(daemon, ("enable", "configure terminal", f"hostname {hostname}"))

    def configure(self, text: str, message: str) -> None:
        """Have FRR run a whole configuration and go back by itself unless it is confirmed.

        One that is pending already under the same message is left; one that was cut off half-way is taken back first.
        """
        with _troubles():
            pending = self._commits.change("pending")
            if pending is not None and pending.confirmable and pending.message == message:
                return
            if pending is not None:
                self._commits.abandon(pending)
            self._commits.commit(Candidate(replaces=True, texts=(text,)), message, revert_in=REVERT_IN)

    def pending(self) -> bool:
        """Whether a configuration waits to be confirmed."""
        with _troubles():
            pending = self._commits.change("pending")
            return pending is not None and pending.confirmable

    def confirm(self) -> None:
        """Keep what runs, for the next start too."""
        with _troubles():
            self._commits.confirm()

    def withdraw(self) -> None:
        """Run again what ran before, where a configuration waits to be confirmed."""
        with _troubles():
            if (pending := self._commits.change("pending")) is not None:
                self._commits.abandon(pending)

    def lacks(self, expected: Expected, absent: Collection[str]) -> list[str]:
        """The sessions and routes that are not there."""
        with _troubles():
            found = states(self._here.ask("bgpd", "show bgp summary json")) if expected.sessions else {}
            if lack := lacking_sessions(expected, found, absent):
                solicit(neighbour for neighbour, _ in expected.sessions if found.get(neighbour) != ESTABLISHED)
                return lack
            with Netlink.open() as kernel:
                names = {link.index: link.name for link in kernel.links()}
                return lacking(expected, kernel.routes(), names, absent)
