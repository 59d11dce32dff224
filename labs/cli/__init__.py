"""The command line: `closlab`. This module is the frame of every command: signals, errors, exit codes."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from topologies.errors import EXIT_FAULT, EXIT_FINE, EXIT_MISTAKE, ClosError

if TYPE_CHECKING:
    from typer import Typer

STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """This process has to end: a signal said so, or nobody reads its output. What it was doing is cleaned up first.

    It is neither KeyboardInterrupt nor BrokenPipeError, because the command line's library ends the process on those.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def main() -> None:
    """The executable `closlab`."""
    keep_streams()
    heed_signals()
    leave(guarded(lambda: run(sys.argv[1:])))


def leave(code: int) -> NoReturn:
    """End this process now: taking a large lab's values apart one by one would only delay it.

    What is still in a stream goes out first; nobody reads it any more where that fails.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def keep_streams() -> None:
    """What was closed of stdin, stdout and stderr becomes /dev/null: else the next file would take its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one's
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w"))


def run(argv: Sequence[str]) -> int:
    """One command line; returns its exit code, raises ClosError for what closlab found wrong."""
    from labs.cli.app import build

    return invoke(build(), argv, "closlab")


def invoke(app: "Typer", argv: Sequence[str], name: str) -> int:
    """Run a typer application; what the user typed wrong is one line and exit code 2, as any Mistake."""
    import typer

    # Newer typers carry a click of their own; this finds the right one.
    usage_error: type[typer.BadParameter] = typer.BadParameter.__bases__[0]
    try:
        code = typer.main.get_command(app).main(list(argv), name, standalone_mode=False)
    except usage_error as error:
        if text := error.format_message():  # empty where help was printed instead
            complain(f"{text} (`{error.ctx.command_path if error.ctx else name} --help` says more)", name)
        return EXIT_MISTAKE
    return code if isinstance(code, int) else EXIT_FINE


def guarded(work: Callable[[], int], name: str = "closlab") -> int:
    """Do the work; whatever ends it becomes one clear line and an exit code, without a traceback."""
    try:
        code = work()
        sys.stdout.flush()
    except ClosError as error:
        complain(str(error), name)
        return error.exit_code
    except (Stopped, BrokenPipeError) as error:
        return _stopped(error.signum if isinstance(error, Stopped) else signal.SIGPIPE, name)
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error), name)
        return EXIT_FAULT
    return code


def _stopped(signum: int, name: str) -> int:
    """The last word of a stopped process; silence where nobody reads it, also from Python's own last flush."""
    if signum == signal.SIGPIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        complain("stopped", name)
    return 128 + signum


def heed_signals() -> None:
    """From now on a signal to stop raises `Stopped`, so that what is at work can clean up."""
    for signum in STOPPERS:
        signal.signal(signum, _stop)


def complain(text: str, name: str = "closlab") -> None:
    """One error, on stderr; red on a terminal."""
    start, end = ("\033[31m", "\033[0m") if sys.stderr.isatty() and "NO_COLOR" not in os.environ else ("", "")
    print(f"{start}{name}: {text}{end}", file=sys.stderr, flush=True)


def _stop(signum: int, frame: FrameType | None) -> None:
    """Raise once; a second signal must not cut the cleaning short."""
    for each in STOPPERS:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(signum)
