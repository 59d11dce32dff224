"""How long to wait before another try: twice as long each time, up to a bound, never all at the same moment. Pure."""

FIRST = 1.0  # seconds
LONGEST = 30.0
MOST_DOUBLINGS = 10  # more would change nothing, and a number can be too large


def pause(tries: int, chance: float) -> float:
    """Seconds to wait after so many tries that failed; `chance`, 0 to 1, spreads switches that failed together.

    Between half of the full time and all of it, so that a wait is never none.
    """
    full = min(FIRST * float(2 ** min(max(tries - 1, 0), MOST_DOUBLINGS)), LONGEST)
    return full * (0.5 + chance / 2)
