"""The gateway and the simulator as programs, as a user starts them."""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Program:
    """One that runs; what it wrote so far is in `said`."""

    process: "subprocess.Popen[bytes]"
    said: str = ""

    def until(self, pattern: str, within: float = 20) -> str:
        """What it says that fits a pattern, as soon as it says it."""
        end = time.monotonic() + within
        assert self.process.stdout is not None
        while not (found := re.search(pattern, self.said)):
            ready, _, _ = select.select([self.process.stdout], [], [], max(end - time.monotonic(), 0))
            assert ready, f"it did not say {pattern!r} within {within} s: {self.said}"
            piece = os.read(self.process.stdout.fileno(), 65_536).decode()
            assert piece, f"it ended, and did not say {pattern!r}: {self.said}"
            self.said += piece
        return found[1] if found.re.groups else found[0]

    def end(self, within: float = 20) -> int:
        """Wait for its end; returns its exit code."""
        out, _ = self.process.communicate(timeout=within)
        self.said += out.decode()
        return self.process.returncode


def arguments(*words: str) -> list[str]:
    """A command line of closlab."""
    return [sys.executable, "-m", "labs.cli", "gateway", *words]


def environment() -> dict[str, str]:
    """In which a program finds this repository, wherever it runs."""
    root = str(Path(__file__).parents[3])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}


def ran(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """`closlab gateway ...`, to its end."""
    command = arguments(*words)
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def started(*words: str, cwd: Path) -> Iterator[Program]:
    """`closlab gateway ...`, until the test is over."""
    command = arguments(*words)
    process = subprocess.Popen(command, cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield Program(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
