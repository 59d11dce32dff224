"""The words of an answer, one after another, as tokens are made."""

from collections.abc import AsyncIterator, Iterable

from gateway.sim.running import Ask


class Telling:
    """The words of an answer as their tokens are made, up to what ends them."""

    def __init__(self, ask: Ask, stops: Iterable[str]) -> None:
        self.got = 0
        self.finish = ask.answer.finish
        self._ask, self._stops = ask, tuple(stops)

    async def pieces(self) -> AsyncIterator[str]:
        """One for each token; what may be the beginning of a stop is kept until it is clear."""
        kept = ""
        for word in self._ask.answer.words():
            await self._ask.came.get()
            self.got += 1
            kept += word
            if (end := _first(kept, self._stops)) is not None:
                self.finish, self._ask.stopped = "stop", True
                yield kept[:end]
                return
            safe = len(kept) - max((_overlap(kept, stop) for stop in self._stops), default=0)
            piece, kept = kept[:safe], kept[safe:]
            yield piece
        if kept:
            yield kept


def _first(text: str, stops: Iterable[str]) -> int | None:
    return min((at for stop in stops if stop and (at := text.find(stop)) >= 0), default=None)


def _overlap(text: str, stop: str) -> int:
    """How much of a text's end may be a stop's beginning."""
    return next((size for size in range(min(len(stop), len(text)), 0, -1) if text.endswith(stop[:size])), 0)
