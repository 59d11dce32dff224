"""The management network by DHCP: udhcpc asks, and keeps the lease up in the background.

Options of a request (RFC 2132, RFC 3004), in the shape that SONiC gives them: 60 the vendor class, 61 the client id
MODEL##SERIAL, 77 the user class. Of the answer: 67, where to be provisioned.
"""

import os
import signal
from pathlib import Path

from automation.ztp.agent.model import VENDOR_CLASS, Identity, Lease
from automation.ztp.trouble import Trouble
from topologies import process
from topologies.errors import ClosError

USER_CLASS = "closlab-ZTP"
LEASE = Path("/run/ztp/lease")  # written by lease.sh
PIDFILE = Path("/run/ztp/udhcpc.pid")
SCRIPT = "/usr/lib/ztp/lease.sh"
TRIES, PAUSE = 3, 2  # discover packets, and seconds between them


class Dhcp:
    """An interface that asks for its address."""

    def __init__(self, interface: str) -> None:
        self._interface = interface

    def lease(self, identity: Identity) -> Lease:
        """An address and where to be provisioned: those that are kept up already, or new ones."""
        if not _running():
            _begin(words(self._interface, identity, waits=True), identity)
        return read_lease(LEASE.read_text() if LEASE.exists() else "")

    def resume(self, identity: Identity) -> None:
        """Ask for an address, in the background where nobody answers at once."""
        if not _running():
            _begin(words(self._interface, identity, waits=False), identity)

    def drop(self) -> None:
        """Let go of the lease, so that the next one is asked for anew."""
        if _running():
            os.kill(int(PIDFILE.read_text()), signal.SIGTERM)
        PIDFILE.unlink(missing_ok=True)
        LEASE.unlink(missing_ok=True)


def words(interface: str, identity: Identity, *, waits: bool) -> tuple[str, ...]:
    """The command that asks."""
    client = f"0x3d:{identity.client_id.encode().hex()}"
    user = f"0x4d:{USER_CLASS.encode().hex()}"
    asked = ("-O", "bootfile")
    told = ("-V", VENDOR_CLASS, "-C", "-x", client, "-x", user)
    patience = ("-n", "-t", str(TRIES), "-T", str(PAUSE)) if waits else ("-b", "-t", "1", "-T", str(PAUSE))
    return ("busybox", "udhcpc", "-i", interface, "-s", SCRIPT, "-p", str(PIDFILE), *patience, *told, *asked)


def read_lease(text: str) -> Lease:
    """What the script of udhcpc wrote down. Trouble where the server did not say where to be provisioned."""
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    address, url = told.get("address", ""), told.get("bootfile", "")
    if not address:
        raise Trouble("udhcpc left no lease behind")
    if not url.startswith("https://"):
        name = f"{url!r} as bootfile (option 67)" if url else "no bootfile (option 67)"
        raise Trouble(f"the DHCP server {told.get('server', '')} names {name}: it should be an https:// address")
    return Lease(address, url)


def _begin(argv: tuple[str, ...], identity: Identity) -> None:
    LEASE.parent.mkdir(parents=True, exist_ok=True)
    LEASE.unlink(missing_ok=True)
    try:
        done = process.run(argv, check=False, timeout=TRIES * PAUSE + 20)
    except ClosError as error:
        raise Trouble(str(error)) from error
    if done.code:
        raise Trouble(f"no DHCP server answers {identity.client_id}: {_last(done.stderr or done.stdout)}")


def _running() -> bool:
    """Whether a udhcpc of ours keeps the lease up: the number alone could be another process's by now."""
    try:
        pid = int(PIDFILE.read_text())
        return b"udhcpc" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it printed nothing"
