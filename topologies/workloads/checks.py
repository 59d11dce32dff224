"""Is a service well? A command in its node, a TCP connection, or an HTTP GET, made from inside the node's own network.

Each returns what is wrong, "" for nothing; a service that cannot be asked is not well, and that is no error of ours.
"""

import socket
import time
from collections.abc import Callable

from topologies.errors import ClosError
from topologies.runtime.door import Door
from topologies.workloads.model import Check, Command, Http, Tcp

LONGEST_LINE = 4096  # bytes of an answer's first line
SLACK = 5  # seconds beyond its timeout in which a killed command has ended
KILLED = (124, 137)  # exit codes of `timeout` for a command that it ended


def wrong(check: Check, door: Door, address: str, timeout: float) -> str:
    """What is wrong with the service at an address in a node, "" for nothing; it takes at most `timeout` seconds."""
    deadline = time.monotonic() + timeout
    try:
        match check:
            case Command(argv):
                return _command(door, argv, timeout)
            case Tcp(port):
                _connected(door, address, port, deadline).close()
                return ""
            case Http(port, path):
                return _http(door, address, port, path, deadline)
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except OSError as error:
        return error.strerror or str(error)
    except ClosError as error:
        return str(error)


def _command(door: Door, argv: tuple[str, ...], timeout: float) -> str:
    """`timeout` in the node ends the command, for to end what we started here would leave it running there."""
    done = door.run(["timeout", "-s", "KILL", f"{timeout:g}", *argv], check=False, timeout=timeout + SLACK)
    if done.code in KILLED:
        return f"not finished within {timeout:g} s"
    words = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return f"exit code {done.code}: {words[-1] if words else 'it printed nothing'}" if done.code else ""


def _connected(door: Door, address: str, port: int, deadline: float) -> socket.socket:
    sock = door.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.settimeout(_left(deadline))
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def _http(door: Door, address: str, port: int, path: str, deadline: float) -> str:
    host = f"[{address}]" if ":" in address else address
    with _connected(door, address, port, deadline) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        line = _first_line(sock.recv, lambda: sock.settimeout(_left(deadline)))
    words = line.split()
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        return f"no HTTP: it answers {line[:60]!r}"
    return "" if 200 <= int(words[1]) < 400 else f"status {words[1]}"


def _first_line(read: Callable[[int], bytes], before: Callable[[], None]) -> str:
    """What comes until the end of the first line; a server that sends byte after byte has no more time for that."""
    data = b""
    while b"\n" not in data and len(data) < LONGEST_LINE:
        before()
        if not (more := read(1024)):
            break
        data += more
    return data.partition(b"\n")[0].decode(errors="replace").strip()


def _left(deadline: float) -> float:
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    return left
