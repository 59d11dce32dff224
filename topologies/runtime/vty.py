"""Talking to an FRR daemon by its vty socket, as vtysh does, without starting vtysh.

A command goes out with a zero byte at its end. The answer is text, then three zero bytes, then one byte of status
(0 success, 1 warning, others refused; lib/command.h of FRR).
"""

import re
import socket
import time
from collections.abc import Sequence

from msgspec import Struct

from topologies.errors import Fault

SUCCESS, WARNING = 0, 1
REFUSED_LINE = re.compile(r"(?:\[[^]]*\]\s*)*([^\]:]+?) on config line (\d+): ?(.*)")
_END = b"\0\0\0"


class Answer(Struct, frozen=True):
    """What a daemon said to one command."""

    text: str
    status: int


def answer(heard: bytes) -> Answer | None:
    """The answer in what was heard so far; None while it is not whole."""
    if len(heard) < 4 or heard[-4:-1] != _END:
        return None
    return Answer(heard[:-4].rstrip(b"\0").decode(errors="replace"), heard[-1])


def ask(sock: socket.socket, commands: Sequence[str], *, who: str, timeout: float) -> str:
    """Say the commands one after another over a connected socket; returns the last answer's text.

    Raises Fault where the daemon refuses one, or does not answer within `timeout` seconds in all.
    """
    deadline = time.monotonic() + timeout
    text = ""
    for command in commands:
        said = _say(sock, command, deadline, who)
        if said.status not in (SUCCESS, WARNING):
            raise Fault(f"{who} refused {command!r} (status {said.status}): {said.text.strip() or 'it said nothing'}")
        text = said.text
    return text


def _say(sock: socket.socket, command: str, deadline: float, who: str) -> Answer:
    heard = bytearray()
    try:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        sock.sendall(command.encode() + b"\0")
        while (said := answer(bytes(heard[-4:]))) is None:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            if not (part := sock.recv(1 << 16)):
                raise Fault(f"{who} hung up on {command!r}")
            heard += part
    except TimeoutError as error:
        raise Fault(f"{who} did not answer {command!r} in time") from error
    except OSError as error:
        raise Fault(f"{who} could not be asked {command!r}: {error.strerror}") from error
    return answer(bytes(heard)) or said


def refused_lines(log: str) -> tuple[tuple[str, str, str], ...]:
    """The lines of a configuration that an FRR daemon refused: line number, text, FRR's words."""
    found = (REFUSED_LINE.search(line) for line in log.splitlines())
    return tuple(dict.fromkeys((hit[2], hit[3].strip(), hit[1].strip()) for hit in found if hit))


def refused_by_all(log: str, *others: str) -> tuple[tuple[str, str, str], ...]:
    """The lines of a file that nobody took, out of the logs of all daemons that read it."""
    refused = [{text for _, text, _ in refused_lines(other)} for other in others]
    return tuple(line for line in refused_lines(log) if all(line[1] in texts for texts in refused))
