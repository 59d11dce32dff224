"""The agent: one step a state, its outcome looked up in the table, what is new put on disk before anything follows.

A step may be cut off anywhere and is then done again from its beginning, so each can be done twice. What stops a step
is Trouble, and never an exception of any other kind: that would be a bug, ends the process, and whoever watches over it
starts it anew in the same state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from automation.ztp import cabling
from automation.ztp.agent.memory import Disk
from automation.ztp.agent.model import REVERT_IN, Identity, Memory, Moved, Network, Ruling, Server, Switch, World
from automation.ztp.agent.verifying import verified
from automation.ztp.backoff import pause
from automation.ztp.bundle import CABLING, EXPECTED
from automation.ztp.expected import read as read_expected
from automation.ztp.states import FIRST, LAST, Event, State, move
from automation.ztp.trouble import Refusal, Trouble

HEARD_WITHIN = 60  # seconds that all neighbours may take until they are heard
GATHERED_WITHIN = 6  # seconds until wrong cables are named, so that all are: every switch tells within 5 who it is
EVERY, LONGEST = 0.2, 1.0  # seconds between two looks, growing
TOLD_EVERY = 2.0  # seconds between two questions whom not to wait for
MOST_UNSENT = 40  # moves kept for a server that does not answer
NAMED = 3  # things named of what is wrong
GONE = "no configuration waits to be confirmed any more"

Outcome = tuple[Event, str, Memory]


@dataclass(slots=True)
class Agent:
    """A switch on its way. `connect` makes a Server of an address, `genuine` judges signatures."""

    identity: Identity
    disk: Disk
    network: Network
    connect: Callable[[str], Server]
    switch: Switch
    genuine: Callable[[str, bytes], bool]
    world: World
    say: Callable[[str], None]
    _server: Server | None = None
    _url: str = ""

    def run(self) -> None:
        """Go on from where the switch was until it is ready, and the server knows."""
        memory = self.disk.read()
        memory = memory if memory.life else replace(memory, life=self.world.nonce())
        entered = self.world.passed()
        if memory.state not in (FIRST, State.WAITING, State.QUARANTINED):
            self.network.resume(self.identity)
        while memory.state is not LAST:
            event, why, memory = self.step(memory)
            seconds, entered = self.world.passed() - entered, self.world.passed()
            memory = moved(memory, event, why, seconds=seconds, now=self.world.now())
            self.disk.write(memory)
            self.say(f"{memory.state}{f': {why}' if why else ''}")
            memory = self._tell(memory)
        tries = 0
        while memory.unsent:
            tries += 1
            self.world.sleep(pause(tries, self.world.chance()))
            memory = self._tell(memory)
        self.disk.write(memory)

    def step(self, memory: Memory) -> Outcome:
        """Do what belongs to a state; never raises for what can go wrong outside of the agent."""
        try:
            return STEPS[memory.state](self, memory)
        except Refusal as error:
            return Event.REFUSED, str(error), memory
        except Trouble as error:
            return Event.FAILED, str(error), memory

    def _discover(self, memory: Memory) -> Outcome:
        lease = self.network.lease(self.identity)
        return Event.DONE, "", replace(memory, url=lease.url)

    def _bootstrap(self, memory: Memory) -> Outcome:
        url = self.network.lease(self.identity).url  # again, for power may have been cut in between
        nonce = self.world.nonce()
        answer = self._at(url).bootstrap(self.identity, nonce)
        return Event.DONE, "", replace(memory, url=url, nonce=nonce, answer=answer.decode(errors="replace"))

    def _verify(self, memory: Memory) -> Outcome:
        manifest, files = verified(
            memory.answer.encode(),
            self.genuine,
            serial=self.identity.serial,
            nonce=memory.nonce,
            floor=memory.floor,
            now=self.world.now(),
        )
        taken = replace(memory, answer="", nonce="", node=manifest.node, files=files)
        return Event.DONE, f"{manifest.node}, version {manifest.version}", replace(taken, floor=manifest.version)

    def _cabling(self, memory: Memory) -> Outcome:
        wanted = cabling.read(memory.files[CABLING])
        begun, every = self.world.passed(), EVERY
        while True:
            heard, passed = self.switch.neighbours(), self.world.passed() - begun
            late, unclear = passed > HEARD_WITHIN, cabling.unclear(wanted, heard)
            wrong = cabling.wrong(wanted, heard, surely=late)
            if wrong and (not unclear or passed > GATHERED_WITHIN):
                raise Refusal(listed(wrong))
            if not wrong and not unclear:
                return Event.DONE, "", memory
            if late:
                raise Trouble(f"after {HEARD_WITHIN} s, {listed(unclear)}")
            self.world.sleep(every)
            every = min(every * 1.5, LONGEST)

    def _configure(self, memory: Memory) -> Outcome:
        self.switch.configure(memory.files)
        return Event.DONE, "", memory

    def _check(self, memory: Memory) -> Outcome:
        if not self.switch.pending():
            return Event.LOST, GONE, memory
        expected = read_expected(memory.files[EXPECTED])
        absent: frozenset[str] = frozenset()
        begun, every, told = self.world.passed(), EVERY, 0.0
        while lacks := self.switch.lacks(expected, absent):
            passed = self.world.passed() - begun
            if passed > REVERT_IN:
                raise Trouble(f"taken back after {REVERT_IN} s: {listed(lacks)}")
            if passed - told > TOLD_EVERY:
                told, absent = passed, self._absent(memory)
            self.world.sleep(every)
            every = min(every * 1.5, LONGEST)
        return Event.DONE, f"without {', '.join(sorted(absent))}" if absent else "", memory

    def _comply(self, memory: Memory) -> Outcome:
        """Keep the change once it was found to comply; take it back where it does not, or nobody can be asked."""
        begun, trouble = self.world.passed(), ""
        while self.switch.pending():
            ruling, trouble = self._ruling(memory)
            if ruling is None:
                if self.world.passed() - begun > REVERT_IN:
                    raise Trouble(f"taken back after {REVERT_IN} s: {trouble or 'nobody said whether it complies'}")
                self.world.sleep(LONGEST if trouble else EVERY)
                continue
            if not ruling.keep:
                self.switch.withdraw()
                raise Refusal(f"taken back, for it does not comply: {ruling.why}")
            self.switch.confirm()
            return Event.DONE, "; ".join(filter(None, (memory.why, ruling.why))), memory
        return Event.LOST, GONE, memory

    def _ruling(self, memory: Memory) -> tuple[Ruling | None, str]:
        """What is said of the change, or why nobody can be asked."""
        try:
            return self._at(memory.url).ruling(self.identity, memory.life, memory.moves), ""
        except Trouble as error:
            return None, str(error)

    def _wait(self, memory: Memory) -> Outcome:
        self.world.sleep(pause(memory.tries, self.world.chance()))
        return Event.AGAIN, "", memory

    def _absent(self, memory: Memory) -> frozenset[str]:
        """The nodes not to be waited for; none where nobody tells."""
        try:
            return self._at(memory.url).report(self.identity, memory.unsent)
        except Trouble:
            return frozenset()

    def _tell(self, memory: Memory) -> Memory:
        """Report what the server has not heard; what cannot be told now is told with the next move."""
        if not memory.url or not memory.unsent:
            return memory
        try:
            self._at(memory.url).report(self.identity, memory.unsent)
        except Trouble as error:
            self.say(f"not reported: {error}")
            return memory
        return replace(memory, unsent=())

    def _at(self, url: str) -> Server:
        if self._server is None or url != self._url:
            self._server, self._url = self.connect(url), url
        return self._server


STEPS: Mapping[State, Callable[[Agent, Memory], Outcome]] = {
    State.DISCOVERING: Agent._discover,
    State.BOOTSTRAPPING: Agent._bootstrap,
    State.VERIFYING: Agent._verify,
    State.CABLING: Agent._cabling,
    State.CONFIGURING: Agent._configure,
    State.CHECKING: Agent._check,
    State.COMPLYING: Agent._comply,
    State.WAITING: Agent._wait,
    State.QUARANTINED: Agent._wait,
}


def moved(memory: Memory, event: Event, why: str, *, seconds: float, now: float) -> Memory:
    """The memory after an event, with the move that it led to for the server. Pure."""
    state = move(memory.state, event)
    tries = memory.tries + (event in (Event.FAILED, Event.REFUSED))
    entry = Moved(memory.life, memory.moves + 1, state, why, round(seconds, 3))
    return replace(
        memory,
        state=state,
        why=why,
        since=now,
        tries=0 if state is LAST else tries,
        moves=entry.number,
        unsent=(*memory.unsent, entry)[-MOST_UNSENT:],
    )


def listed(words: list[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return "; ".join(words[:NAMED]) + more
