"""A few steps that a signal to stop must not part: it waits until they are done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold signals to stop back while this lasts; threads and programs that begin meanwhile do so too.

    A thread from before, as some libraries have, may still be handed one, and the main thread would then be told. So
    the main thread only notes it, and hears of it in the end.
    """
    heard: list[int] = []
    former = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPERS)
    ours = STOPPERS if threading.current_thread() is threading.main_thread() else ()
    handlers = {each: signal.signal(each, lambda number, _: heard.append(number)) for each in ours}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
        for number in dict.fromkeys(heard):
            signal.raise_signal(number)  # it waits, as the others do, for the next line
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
