"""A few steps that a signal to stop must not part: it waits until they are done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold signals to stop back while this lasts; threads and programs that begin meanwhile do so too.

    A thread from before, as some libraries have, may still be handed one, and the main thread would then be told,
    perhaps a little later. So the main thread only notes what it hears until nothing is held back any more. One that
    comes while all is put back as it was ends that step alone.
    """
    heard: list[int] = []
    with ExitStack() as after:  # the last comes first
        former = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPERS)
        after.callback(_told, heard)
        for each in STOPPERS if threading.current_thread() is threading.main_thread() else ():
            handler = signal.signal(each, lambda number, _: heard.append(number))
            after.callback(signal.signal, each, signal.SIG_DFL if handler is None else handler)
        after.callback(signal.pthread_sigmask, signal.SIG_SETMASK, former)
        yield


def _told(heard: list[int]) -> None:
    """The first is enough: all of them say the same."""
    if heard:
        signal.raise_signal(heard[0])
