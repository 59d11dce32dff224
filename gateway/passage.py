"""The way of a request through the gateway, whichever edge it came by: let in, sent to a backend, sent to another where
that fails, hedged where it is late, and what it held given back when it is over.

An edge says what is wanted, gets an answer that has begun, reads it, and leaves. The core decides at each step; this
module does what it says. A request holds a place at a backend from when it is sent until it is left, so an edge must
leave whatever happens; before it has an answer, that is done here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.config.settings import Route
from gateway.core.admission import Admitted, Core, Settled, Ticket
from gateway.core.model import Ask, Priority, Reason, Refused, Tokens
from gateway.reaching import Reach, Reaches
from gateway.record import Done
from gateway.upstream.model import Answer, Call, Failed, Trouble

TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
"""What a backend may answer where another may do better."""
FULL = frozenset({429, 503})
"""Of these, what says that it has no room."""
ELSEWHERE = frozenset({Reason.NO_BACKEND, Reason.QUEUE_FULL, Reason.QUEUE_DELAY})
"""Refusals for which the next model of a chain is asked."""
FOREVER = float("inf")


class Turned(Exception):
    """The gateway says no."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason.value)
        self.refused = refused


class Wanted(Struct, frozen=True):
    """What an edge asks for. `routes` are the model and those to ask instead; `call` makes what is sent, for the name
    by which backends know the model; `answer` is the most tokens of an answer, 0 where nothing is said."""

    tenant: str
    priority: Priority
    routes: tuple[Route, ...]
    call: Callable[[str], Call]
    prompt: int
    answer: int = 0
    deadline: float = FOREVER
    prefix: int | None = None


@dataclass(slots=True, eq=False)
class Passing:
    """A request that has an answer, and what it took until then, in seconds: `waited` in the queue, `spent` with
    backends, `first` until the one that answers began. It must be left."""

    ticket: Ticket
    route: Route
    began: float
    backend: str = ""
    reach: Reach | None = None
    answer: Answer | None = None
    waited: float = 0.0
    spent: float = 0.0
    first: float = 0.0
    tries: int = 0

    def recorded_in(self, done: Done) -> Done:
        """The record of a request, with what is known here of its way."""
        return replace(
            done,
            model=self.route.model,
            backend=self.backend,
            rack=self.reach.part.rack if self.reach else "",
            tries=self.tries,
            cost=self.ticket.lane.price.of(done.tokens),
            waited=self.waited,
            first=self.first,
        )


@dataclass(slots=True, eq=False)
class _Turn:
    """One that waits in the queue, until it is told."""

    come: asyncio.Future[None]
    told: Admitted | Refused | None = None


Told: TypeAlias = tuple[Reach | None, Answer | Failed]


@dataclass(slots=True)
class Passage:
    """One process's. `clock` is the core's; `hedges` whether late requests may be asked twice."""

    core: Core
    reaches: Reaches
    clock: Callable[[], float]
    hedges: bool = False
    _waiting: dict[Ticket, _Turn] = field(default_factory=dict)

    async def enter(self, wanted: Wanted) -> Passing:
        """An answer that has begun. Raises Turned where the gateway refuses, Failed where no backend answers."""
        if wanted.deadline == FOREVER:
            return await self._first_of(wanted)
        try:
            async with asyncio.timeout(wanted.deadline - self.clock()):
                return await self._first_of(wanted)
        except TimeoutError:
            raise Turned(Refused(Reason.DEADLINE, FOREVER)) from None

    def leave(self, passing: Passing, used: Tokens) -> None:
        """It is over, with so many tokens used; an answer that is not complete is cut off."""
        if passing.answer is not None:
            passing.answer.close()
        if passing.reach is not None:
            self.reaches.left(passing.reach)
            passing.reach = None
        self.tell(self.core.ended(passing.ticket, used, self.clock()))

    def tell(self, settled: Settled) -> None:
        """Wake those who waited, and are told now."""
        for ticket, told in settled:
            turn = self._waiting.pop(ticket)
            turn.told = told
            if not turn.come.done():  # else it is being cancelled, and looks at what it was told
                turn.come.set_result(None)

    async def _first_of(self, wanted: Wanted) -> Passing:
        """Try the model, and then those to ask instead."""
        for route in wanted.routes[:-1]:
            try:
                passing = await self._through(wanted, route)
            except Failed:
                continue
            except Turned as turned:
                if turned.refused.reason not in ELSEWHERE:
                    raise
                continue
            if passing.answer is None or passing.answer.status not in TRY_AGAIN:
                return passing
            self.leave(passing, Tokens())
        return await self._through(wanted, wanted.routes[-1])

    async def _through(self, wanted: Wanted, route: Route) -> Passing:
        now = self.clock()
        most = Tokens(wanted.prompt, wanted.answer or route.answer_tokens)
        ask = Ask(wanted.tenant, route.model, most, wanted.priority, wanted.deadline, wanted.prefix)
        ticket, told, settled = self.core.asked(ask, now)
        self.tell(settled)
        if ticket is None:
            assert isinstance(told, Refused)
            raise Turned(told)
        passing = Passing(ticket, route, now)
        if not isinstance(told, Admitted):
            told = await self._turn(passing)
        try:
            await self._send(passing, told.backend, wanted.call(route.served_as))
        except BaseException:  # whatever it is, what the request holds is given back, and it goes on
            self.leave(passing, Tokens())
            raise
        return passing

    async def _turn(self, passing: Passing) -> Admitted:
        """Wait in the queue."""
        turn = self._waiting[passing.ticket] = _Turn(asyncio.get_running_loop().create_future())
        try:
            await turn.come
        except asyncio.CancelledError:
            self._waiting.pop(passing.ticket, None)
            if not isinstance(turn.told, Refused):  # who was refused meanwhile has ended already
                self.leave(passing, Tokens())
            raise
        if isinstance(turn.told, Refused):
            raise Turned(turn.told)
        assert turn.told is not None, "whoever wakes it has told it"
        passing.waited = self.clock() - passing.began
        return turn.told

    async def _send(self, passing: Passing, backend: str, call: Call) -> None:
        """Ask backends until one answers, or none may be asked any more."""
        told: Admitted | None = Admitted(backend)
        while told is not None:
            after = self.core.hedge_after(passing.ticket) if self.hedges else FOREVER
            if after == FOREVER:
                began = self.clock()
                reach, outcome = await self._ask(passing, told.backend, call)
                passing.spent += self.clock() - began if isinstance(outcome, Failed) else outcome.seconds
                told = self._judge(passing, told.backend, reach, outcome)
            else:
                told = await self._race(passing, told.backend, call, after)

    async def _race(self, passing: Passing, backend: str, call: Call, after: float) -> Admitted | None:
        """Ask one backend, and a second beside it where it is late; the first to answer is taken."""
        began, late = self.clock(), False
        asking = {self._asking(passing, backend, call): backend}
        try:
            while True:
                done, _ = await asyncio.wait(
                    asking, timeout=None if late else after, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    late, more = True, self.core.hedged(passing.ticket, self.clock())
                    if more is not None:
                        asking[self._asking(passing, more.backend, call)] = more.backend
                    continue
                task = done.pop()
                again = self._judge(passing, asking.pop(task), *task.result())
                if again is not None or passing.answer is not None:
                    return again
        finally:
            passing.spent += self.clock() - began
            for task in asking:
                self._abandon(task)

    def _asking(self, passing: Passing, backend: str, call: Call) -> asyncio.Task[Told]:
        return asyncio.get_running_loop().create_task(self._ask(passing, backend, call))

    def _abandon(self, task: asyncio.Task[Told]) -> None:
        """What this one does is no longer wanted, whether it knows already or not."""
        if task.cancel() or task.cancelled() or task.exception() is not None:
            return
        reach, outcome = task.result()
        if reach is not None and not isinstance(outcome, Failed):
            self._drop(reach, outcome)

    async def _ask(self, passing: Passing, backend: str, call: Call) -> Told:
        """Ask one backend; a way to it is only told, and held, where it answers."""
        reach = self.reaches.find(passing.route.model, backend)
        passing.tries += 1
        if reach is None:
            return None, Failed(Trouble.UNREACHABLE, f"{backend} is no longer configured")
        sent = Call(call.path, (*call.headers, *reach.headers), call.body, call.method) if reach.headers else call
        self.reaches.took(reach)
        try:
            return reach, await reach.upstream.ask(sent)
        except Failed as failed:
            self.reaches.left(reach)
            return None, failed
        except BaseException:  # cancelled, or what must not be: it is not on its way any more
            self.reaches.left(reach)
            raise

    def _judge(self, passing: Passing, backend: str, reach: Reach | None, outcome: Answer | Failed) -> Admitted | None:
        """What comes of an outcome: the backend to ask next, or None where the request has its answer, or another is at
        it. Raises Failed where there is no answer and will be none."""
        now, ticket = self.clock(), passing.ticket
        if isinstance(outcome, Failed):
            again, settled = self.core.failed(ticket, backend, now, full=False)
            self.tell(settled)
            if again is None and not ticket.backends:
                raise outcome
            return again
        assert reach is not None, "what answers is reached"
        if outcome.status not in TRY_AGAIN:
            self.core.answered(ticket, backend, outcome.seconds, now)
        else:
            again, settled = self.core.failed(ticket, backend, now, full=outcome.status in FULL)
            self.tell(settled)
            if again is not None or ticket.backends:
                self._drop(reach, outcome)
                return again
        passing.backend, passing.reach, passing.answer, passing.first = backend, reach, outcome, outcome.seconds
        return None

    def _drop(self, reach: Reach, answer: Answer) -> None:
        """Another answer is wanted than this."""
        answer.close()
        self.reaches.left(reach)
