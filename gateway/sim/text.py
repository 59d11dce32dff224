"""What the simulator says: words that follow from the prompt and the seed alone, and numbers that follow from a text.

A token is a word, a part of six letters of one, or a sign: about four characters, as with real tokenisers.
"""

import re
from array import array
from collections import Counter
from hashlib import blake2b, shake_128
from math import sqrt
from random import Random

from gateway.sim.model import BLOCK

TOKEN = re.compile(r"\w{1,6}|[^\w\s]")
SPOKEN = (
    "a and are as at bandwidth be buffer by congestion each fabric fast flow for from gradient hash hop if in is it "
    "lane leaf link load loss mark model no of on one or pace packet path pause port queue rack rail rate ring route "
    "server so spine step than that the then there they this to token traffic two waits when which window with"
)
"""The words that it knows."""


def tokens(text: str) -> list[str]:
    """A text in tokens."""
    return TOKEN.findall(text)


def blocks(parts: list[str]) -> tuple[int, ...]:
    """For each whole block of a prompt, a hash of all up to its end."""
    found, so_far = [], blake2b(digest_size=8)
    for at in range(BLOCK, len(parts) + 1, BLOCK):
        so_far.update("\0".join(parts[at - BLOCK : at]).encode())
        found.append(int.from_bytes(so_far.digest(), "big"))
    return tuple(found)


class Answer:
    """What is said to a prompt, token by token: as many as `most`, or fewer where it has come to its end by then."""

    def __init__(self, prompt: str, seed: int, most: int) -> None:
        self._random = Random(f"{seed} {prompt}")
        length = 1 + min(int(self._random.expovariate(1 / 200)), 4000)
        self.length = min(length, most)
        self.finish = "stop" if length <= most else "length"

    def words(self) -> list[str]:
        """All of them, each with the space that goes before it."""
        known = SPOKEN.split()
        words = [self._random.choice(known) for _ in range(self.length)]
        return [word if not number else f" {word}" for number, word in enumerate(words)]


def vector(text: str, size: int) -> list[float]:
    """A unit vector that follows from a text; texts that share words are nearer to each other."""
    total = [0] * size
    for part, times in Counter(tokens(text) or [""]).items():
        drawn = array("h", shake_128(part.encode()).digest(2 * size))
        total = [before + times * each for before, each in zip(total, drawn, strict=True)]
    norm = sqrt(sum(each * each for each in total)) or 1.0
    return [each / norm for each in total]
