"""The command line as a user types it, with a state folder of its own, and what a lab may leave on the machine."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SMALL, LARGE, MANY = (f"{size}{os.getpid()}x" for size in ("small", "large", "many"))  # names for labs of a test
NAMED = ("/run/netns", "/var/tmp", "/run/frr", "/var/log/frr", "/etc/frr", "/etc/ssh/ssh_config.d")


class Closlab:
    """The program with a state folder of its own; `under` is a program that starts it each time."""

    def __init__(self, folder: Path, under: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.state = folder / "state"
        script = Path(sys.executable).with_name("closlab")
        self.program = [*under, *([str(script)] if script.exists() else [sys.executable, "-m", "labs.cli"])]
        self.env = {**os.environ, "CLOSLAB_STATE": str(self.state), "PYTHONPATH": str(ROOT)}

    def __call__(self, *argv: str, under: tuple[str, ...] = (), **env: str) -> "subprocess.CompletedProcess[str]":
        """One command to its end, with more in its environment; `under` is a program that starts it."""
        return subprocess.run(
            [*under, *self.program, *argv],
            cwd=self.folder,
            env=self.env | env,
            text=True,
            capture_output=True,
            timeout=200,
            check=False,
        )

    def answer(self, *argv: str) -> Any:
        """What a command prints as JSON."""
        done = self(*argv, "--json")
        assert done.stdout, done.stderr
        answer = json.loads(done.stdout)
        assert answer["version"] == 1
        return answer

    def start(self, *argv: str) -> "subprocess.Popen[str]":
        """One command, not waited for."""
        return subprocess.Popen(
            [*self.program, *argv],
            cwd=self.folder,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def file(self, name: str, text: str) -> str:
        """Write a file where the program runs; returns its name."""
        (self.folder / name).write_text(text)
        return name

    def traces(self, lab: str) -> str:
        """What there is of a lab on the machine, in one line; "" for nothing."""
        return ", ".join([*processes(lab, str(self.state)), *names(lab), *map(str, self.state.glob(f"{lab}*"))])


@contextmanager
def held(started: "subprocess.Popen[str]") -> Iterator[None]:
    """Keep a command that is at work from going on, so that others surely find it there."""
    started.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        started.send_signal(signal.SIGCONT)


def processes(lab: str, state: str) -> Iterator[str]:
    """Processes of a lab: its name is in the hosts file that they see, or their nodes have; or they began as a program
    with that state folder in its environment."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            root = process / "root"
            files = [root / "etc/hosts", *root.glob("sys/nodes/*/upper/etc/hosts")]
            begun = state.encode() in (process / "environ").read_bytes() and process.name != str(os.getpid())
            if begun or any(lab in file.read_text(errors="replace") for file in files):
                yield f"process {process.name}"
        except OSError:
            continue


def names(lab: str) -> Iterator[str]:
    """Mounts and files of the machine that bear a lab's name."""
    yield from (line for line in Path("/proc/self/mounts").read_text().splitlines() if lab in line)
    yield from (str(path) for folder in NAMED for path in Path(folder).glob(f"*{lab}*"))
