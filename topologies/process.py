"""The one door for starting programs. A failure quotes the whole command, its exit code and its own stderr."""

import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from topologies.errors import Fault, Mistake


class Finished(Struct, frozen=True):
    """What a program left: its exit code, 128 and the signal's number where one ended it, and what it printed."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    input: str | None = None,
    timeout: float = 60,
    check: bool = True,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program to its end, at most `timeout` seconds.

    Raises Mistake where the program is missing or may not be started, Fault where it did not end in time or, with
    `check`, ended with another exit code than 0.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            cwd=cwd,
            env=env,
            check=False,
        )
    except FileNotFoundError as error:
        raise Mistake(f"program not found: {error.filename}; `closlab doctor` says what installs it") from error
    except PermissionError as error:
        raise Mistake(f"no permission to start {error.filename}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Fault(f"not finished after {timeout:g} s: {shlex.join(argv)}") from error
    finished = Finished(tuple(argv), _code(done.returncode), done.stdout, done.stderr)
    if check and finished.code:
        raise Fault(failure(finished))
    return finished


def begin(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start a program that we talk to by its input and output, in a session of its own; Mistake where it is missing.

    What is typed on this terminal does not reach it, and it outlives us: it must end when its input does.
    """
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            list(argv), stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env, start_new_session=True
        )
    except FileNotFoundError as error:
        raise Mistake(f"program not found: {error.filename}; `closlab doctor` says what installs it") from error


def gather(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Finished:
    """Run a program with this process's input to its end, however long that takes; Mistake where it is missing."""
    try:
        with _interrupts_left_to_it():
            done = subprocess.run(list(argv), capture_output=True, text=True, errors="replace", env=env, check=False)
    except FileNotFoundError as error:
        raise Mistake(f"program not found: {error.filename}; `closlab doctor` says what installs it") from error
    return Finished(tuple(argv), _code(done.returncode), done.stdout, done.stderr)


def attach(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Run a program with this terminal to its end; returns its exit code. Mistake where it is missing."""
    try:
        with _interrupts_left_to_it():
            return _code(subprocess.run(list(argv), env=env, check=False).returncode)
    except FileNotFoundError as error:
        raise Mistake(f"program not found: {error.filename}; `closlab doctor` says what installs it") from error


def _code(returncode: int) -> int:
    """An exit code as shells count them."""
    return returncode if returncode >= 0 else 128 - returncode


@contextmanager
def _interrupts_left_to_it() -> Iterator[None]:
    """Ctrl-C reaches everything on the terminal, and the program there says what it means: ping counts, vtysh goes on.

    A handler and not SIG_IGN, for that the program would inherit.
    """
    former = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def failure(finished: Finished) -> str:
    """One text for a program that failed: the command, its exit code, its own words."""
    words = finished.stderr.strip() or finished.stdout.strip() or "it printed nothing"
    return f"exit code {finished.code} from: {shlex.join(finished.argv)}\n{words}"
