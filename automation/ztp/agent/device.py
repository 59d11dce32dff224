"""The switch that the agent is on: lldpd for its neighbours, the kernel and FRR for what it runs."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from automation.ztp import system
from automation.ztp.agent.router import Router
from automation.ztp.bundle import CONFIGURATION, SYSTEM, digest
from automation.ztp.cabling import Far, neighbours
from automation.ztp.expected import Expected
from automation.ztp.trouble import Trouble
from topologies import process
from topologies.errors import ClosError

HEARD = ("lldpcli", "-f", "json0", "show", "neighbors")
SELDOM = "configure lldp tx-interval 5\nconfigure lldp tx-hold 2\n"  # neighbours forget a switch in 10 s
HOSTNAME = Path("/etc/hostname")
SETTINGS = Path("/proc/sys")


class Device:
    """The machine that this process runs on."""

    def __init__(self, serial: str, management: str) -> None:
        self._management = management
        self._router = Router(serial)

    def neighbours(self) -> Mapping[str, Sequence[Far]]:
        """Who is heard on each port but the management one."""
        heard = neighbours(run(HEARD))
        return {port: far for port, far in heard.items() if port != self._management}

    def configure(self, files: Mapping[str, str]) -> None:
        """Have all of a bundle run: the system's part first, for FRR's refers to its addresses."""
        self.furnish(files)
        self._router.configure(files[CONFIGURATION], f"ztp {digest(files[CONFIGURATION])[:16]}")

    def furnish(self, files: Mapping[str, str]) -> None:
        """Give the system its name, addresses, settings and neighbours; nothing changes where it has them."""
        wanted = system.read(files[SYSTEM])
        try:
            for path, value in system.settings(wanted).items():
                if (SETTINGS / path).read_text().strip() != value:  # a container may read them only
                    (SETTINGS / path).write_text(value)
            there = system.addresses(run(("ip", "-j", "address")), self._management)
            permanent = system.permanents(run(("ip", "-j", "neighbour", "show", "nud", "permanent")), self._management)
            if lines := list(system.commands(wanted, there, permanent)):
                run(("ip", "-batch", "-"), "\n".join(lines))
            socket.sethostname(wanted.hostname)
            HOSTNAME.write_text(f"{wanted.hostname}\n")
            self._router.rename(wanted.hostname)
        except OSError as error:
            raise Trouble(f"{error.filename or wanted.hostname}: {error.strerror}") from error

    def pending(self) -> bool:
        """Whether FRR's configuration waits to be confirmed."""
        return self._router.pending()

    def lacks(self, expected: Expected, absent: frozenset[str]) -> list[str]:
        """The sessions and routes that are not there."""
        return self._router.lacks(expected, absent)

    def confirm(self) -> None:
        """Keep what FRR runs, for its next start too; from now on neighbours need to be told less often."""
        self._router.confirm()
        run(("lldpcli",), SELDOM)

    def withdraw(self) -> None:
        """Have FRR run what it ran before; the system's part stays, and means nothing without it."""
        self._router.withdraw()


def run(argv: Sequence[str], said: str | None = None) -> str:
    """What a program prints that must succeed; Trouble where it does not."""
    try:
        return process.run(argv, input=said).stdout
    except ClosError as error:
        raise Trouble(str(error)) from error
