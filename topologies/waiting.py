"""Wait for a thing to be so, never for a while."""

import time
from collections.abc import Callable

from topologies.errors import Fault


def until(what: str, missing: Callable[[], str], *, within: float, every: float = 0.02, longest: float = 0.5) -> float:
    """Wait until `missing()` says nothing is missing any more (""); returns the seconds that it took.

    Raises Fault after `within` seconds, with the last thing that was missing. `every` is the pause between looks, in
    seconds; it grows by half each time up to `longest`, so that a long wait costs little.
    """
    begun = time.monotonic()
    while lack := missing():
        if time.monotonic() - begun > within:
            raise Fault(f"waited {within:g} s, still not so: {what} ({lack})")
        time.sleep(every)
        every = min(every * 1.5, longest)
    return time.monotonic() - begun
