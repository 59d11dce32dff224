"""A few steps that a signal to stop must not part: it waits until they are done."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold signals to stop back while this lasts; threads and programs that begin meanwhile do so too."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
