"""The address of a service in its node, and the certainty that it is withdrawn when whoever announces it is gone.

A small program in the node (lease.sh) puts the address on `lo`, and takes it away, with its announcement, when it no
longer hears from us. So the normal end and a kill -9 take the same way.
"""

import subprocess
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from topologies.errors import Fault, Mistake
from topologies.render.gobgp import API
from topologies.runtime.door import LOGS, Door

SCRIPT = Path(__file__).with_name("lease.sh")
TAKEN = 75  # the exit code where somebody else holds the address
LOG = f"{LOGS}/announce.log"
ENDING = 30.0  # seconds in which the address is taken away


def prefix_of(address: str) -> str:
    """A single address as a prefix."""
    return f"{address}/{ip_address(address).max_prefixlen}"


class Lease:
    """An address that is held, with the rules of an nftables `table`. `beat` must be called more often than every
    `seconds`."""

    def __init__(self, door: Door, address: str, seconds: float, *, table: str = "") -> None:
        self._door = door
        self._address = address
        self._seconds = seconds
        self._table = table
        self._held: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Lease":
        """Put the address on `lo`. Raises Mistake where somebody announces it from there, Fault where that fails."""
        held = self._door.begin(self._words())
        if held.stdout is None or held.stdout.readline() != "held\n":
            self._refused(held)
        self._held = held
        return self

    @property
    def held(self) -> bool:
        """Whether the program in the node still holds the address."""
        return self._held is not None and self._held.poll() is None

    def beat(self) -> None:
        """Say that we live. Raises Fault where the program in the node is gone, and with it our promise."""
        try:
            if self._held is None or self._held.stdin is None:
                raise BrokenPipeError
            self._held.stdin.write(".")
            self._held.stdin.flush()
        except BrokenPipeError as error:
            raise Fault(f"{self._door.node}: what holds {self._address} for us was ended") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Have the address withdrawn and taken away, and wait for it. Raises Fault where that did not happen."""
        held, self._held = self._held, None
        if held is None:
            return
        early = held.poll() is not None
        try:
            held.communicate(timeout=ENDING)  # closes its input, by which it ends
            if early or held.returncode:  # what was done since, or is undone still, another one takes back
                self._door.run(self._words(), input="", timeout=ENDING)
        except subprocess.TimeoutExpired as late:
            said = f"{self._door.node}: {self._address} is still not withdrawn after {ENDING:g} s; see {LOG} there"
            raise Fault(said) from late

    def _words(self) -> list[str]:
        """The program in the node, under a lock that only one can have."""
        family = "ipv6" if ":" in self._address else "ipv4"
        lock = f"/run/closlab-announce-{self._address}.lock"
        words = [prefix_of(self._address), family, f"{self._seconds:g}", str(API), LOG, *self._table.split()]
        return ["flock", "-n", "-F", "-E", str(TAKEN), lock, "sh", "-c", SCRIPT.read_text(), "lease", *words]

    def _refused(self, held: "subprocess.Popen[str]") -> NoReturn:
        _, words = held.communicate()
        if held.returncode == TAKEN:
            raise Mistake(f"{self._door.node}: {self._address} is announced from there already; one announcer must end")
        raise Fault(f"{self._door.node}: cannot have {self._address}, exit code {held.returncode}: {words.strip()}")
