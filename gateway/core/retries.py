"""Budgets for asking twice: retries and hedges are a share of what is asked anyway, so that they cannot make an
overload of a failure (Google SRE book, chapter 21; Dean and Barroso, The Tail at Scale, CACM 2013)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowed:
    """Of all requests, the share that may be asked again, what is saved up at most, and a second's least."""

    share: float = 0.1
    saved: float = 10.0
    a_second: float = 1.0


class Again:
    """A budget of requests that are asked again."""

    def __init__(self, now: float, allowed: Allowed | None = None) -> None:
        self.allowed = allowed or Allowed()
        self._left, self._at = self.allowed.saved, now

    def asked(self, now: float) -> None:
        """A request was asked for the first time."""
        if not self.allowed.share:
            return
        self._left = min(self._filled(now) + self.allowed.share, self.allowed.saved)
        self._at = max(now, self._at)

    def may(self, now: float) -> bool:
        """Whether one may be asked again now; if so, it counts."""
        left = self._filled(now)
        if left < 1:
            return False
        self._left, self._at = left - 1, max(now, self._at)
        return True

    def _filled(self, now: float) -> float:
        passed = max(now - self._at, 0.0)
        return min(self._left + passed * self.allowed.a_second, self.allowed.saved)
