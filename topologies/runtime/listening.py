"""Whether a daemon takes calls at its unix socket, seen from the kernel's table: nobody is called.

A call that ends before it said who calls is no harmless question. Zebra of FRR 10 takes it for a client of its own
that died, and where its first routes are still in the queue, the node is left without any connected route.
"""

import os
from pathlib import Path

_ACCEPTING = 0x00010000  # __SO_ACCEPTCON, linux/net.h
_COLUMNS = 7  # Num RefCount Protocol Flags Type St Inode, before the path


def listens(path: str, pid: int | str = "self") -> bool:
    """Whether somebody listens at a socket, by the path that this process sees; False where the process is gone."""
    # Nodes that share a network share the table, and each has files of its own; to look for the file costs little.
    if not os.path.exists(f"/proc/{pid}/root{path}"):
        return False
    try:
        table = Path(f"/proc/{pid}/net/unix").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return _plain(path) in accepting(table)


def accepting(table: str) -> frozenset[str]:
    """The paths in /proc/net/unix at which somebody listens, those below /var/run as below /run."""
    rows = (line.split(maxsplit=_COLUMNS) for line in table.splitlines()[1:])
    return frozenset(_plain(row[-1]) for row in rows if len(row) > _COLUMNS and int(row[3], 16) & _ACCEPTING)


def _plain(path: str) -> str:
    return path.removeprefix("/var") if path.startswith("/var/run/") else path
