r"""Answers out of a folder instead of a router: what tests replay.

A folder has one file for each question, named after it (`bgpd_show_bgp_vrf_all_neighbors_json.txt`), that holds the
answer as it came. A program that failed has its exit code and stderr beside it (`.code`, `.err`).
"""

import re
from collections.abc import Sequence
from pathlib import Path

from napalm.base.exceptions import CommandErrorException, ConnectionException

from napalm_frr.transport import Target, known_to_vtysh
from topologies.process import Finished, failure

LONGEST = 150  # characters of a file's name


def open_recorded(target: Target) -> "RecordedTransport":
    """The folder that the optional arguments name; ConnectionException where there is none."""
    folder = Path(str(target.options["recorded"]))
    if not folder.is_dir():
        raise ConnectionException(
            f"{target.hostname}: no recording at {folder}; `python -m tests.record_napalm` makes one"
        )
    return RecordedTransport(folder)


def file_name(words: Sequence[str]) -> str:
    """The name, without an ending, of the file that holds the answer to a question."""
    return re.sub(r"[^a-zA-Z0-9]+", "_", " ".join(words)).strip("_")[:LONGEST]


class RecordedTransport:
    """Plays back; raises FileNotFoundError for what nobody recorded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, daemon: str, command: str, *, timeout: float | None = None) -> str:
        """What the daemon answered then."""
        return self._play([daemon, command]).stdout

    def run(
        self, argv: Sequence[str], *, input: str | None = None, check: bool = True, timeout: float | None = None
    ) -> Finished:
        """What the program left then."""
        finished = self._play(argv)
        if check and finished.code:
            raise CommandErrorException(failure(finished))
        return finished

    def daemons(self) -> Sequence[str]:
        """Those that vtysh reaches."""
        return known_to_vtysh(self)

    def close(self) -> None:
        """Nothing is open."""

    def _play(self, words: Sequence[str]) -> Finished:
        path = self._folder / file_name(words)
        code, err = path.with_suffix(".code"), path.with_suffix(".err")
        return Finished(
            tuple(words),
            int(code.read_text()) if code.exists() else 0,
            path.with_suffix(".txt").read_text(),
            err.read_text() if err.exists() else "",
        )
