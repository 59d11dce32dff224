"""What is known of a request on its way through, whichever edge it came by, and the record of it at its end."""

from dataclasses import dataclass
from os import urandom
from random import random

from gateway.core.model import Reason, Tokens
from gateway.keys import Key
from gateway.passage import Passing
from gateway.process import Gateway
from gateway.record import Done, Outcome
from gateway.tracing import Trace, begun

NOBODY = Key("")
NOTHING = Tokens()


@dataclass(slots=True, eq=False)
class Account:
    """One request's. `tokens` is what it has used so far, `overhead` what the gateway added, in seconds."""

    gateway: Gateway
    edge: str
    kind: str
    began: float
    id: bytes = b""
    trace: Trace | None = None
    key: Key = NOBODY
    model: str = ""
    passing: Passing | None = None
    tokens: Tokens = NOTHING
    overhead: float = 0.0
    stream: bool = False
    recorded: bool = False

    def traced(self, traceparent: bytes) -> None:
        """Have it traced, if it is one of those that are."""
        if self.gateway.settings.file.traces.url:
            self.trace = begun(traceparent, self.gateway.settings.file.traces.share, random, urandom)

    def passed(self, passing: Passing) -> None:
        """It has an answer, which begins to go back now."""
        self.passing = passing
        self.overhead = self.gateway.clock() - self.began - passing.waited - passing.spent

    def over(self, outcome: Outcome, status: int, reason: Reason | None = None) -> None:
        """Record that it is over, once."""
        if not self.recorded:
            self.recorded = True
            self.gateway.over(self._done(outcome, status, reason))

    def _done(self, outcome: Outcome, status: int, reason: Reason | None) -> Done:
        passing, gateway = self.passing, self.gateway
        done = Done(
            at=gateway.wall(),
            id=self.id.decode("ascii", "replace"),
            trace=self.trace,
            edge=self.edge,
            kind=self.kind,
            tenant=self.key.tenant,
            key=self.key.name,
            model=self.model,
            outcome=outcome,
            status=status,
            reason=reason,
            took=gateway.clock() - self.began,
            stream=self.stream,
            tokens=self.tokens,
            overhead=self.overhead,
        )
        return done if passing is None else passing.recorded_in(done)
