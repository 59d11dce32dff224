"""Changes of a router's configuration as transactions, which FRR itself does not have.

A commit is worked out here and carried out there (steps.sh): from the moment something is applied, a timer on the
router will take it back, whatever becomes of this process. Here the result is compared with what was wanted, and only
where they are the same is the timer ended, or left for the one who is to confirm.
"""

import getpass
import os
import socket
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

from napalm_frr.candidate import Aim, Candidate
from napalm_frr.errors import ChangeError, NotCommitted, NothingWaits, NotTaken, StepFailed
from napalm_frr.normal import normal
from napalm_frr.steps import KEPT, RESTORED, ROLLED_BACK, SHOW, Change, Code, call, change, digest, words
from napalm_frr.transport import Transport
from topologies.process import Finished, failure

KEPT_WITHIN = 120  # seconds after which a commit is taken back whose maker has vanished half-way
STEP_WITHIN = 300  # seconds for one call; it may wait there until a daemon is back
TRIES = 3  # where somebody else changes the router between look and change
PASSES = 2  # more, where some lines only count after others


@cache
def program() -> str:
    """The router's half."""
    return files("napalm_frr").joinpath("steps.sh").read_text()


def myself() -> str:
    """Who makes a change, for others to read."""
    return f"{getpass.getuser()} on {socket.gethostname()}, process {os.getpid()}"


class Commits:
    """The changes of one router."""

    def __init__(self, router: Transport, place: str) -> None:
        self._router = router
        self._place = place

    def running(self) -> str:
        """The running configuration as FRR shows it."""
        return self._router.run(SHOW).stdout

    def commit(
        self,
        candidate: Candidate,
        message: str = "",
        revert_in: int | None = None,
        outcome: str = KEPT,
        seen: str = "",
    ) -> None:
        """Have the router run what a candidate wants, for `revert_in` seconds if nobody confirms, or for good.

        `seen` is what the router ran a moment ago, if somebody looked: it is asked again only where that has changed.

        Raises NotCommitted where another change is under way, and NotTaken where FRR does not take it: then the router
        runs what it ran before, as it does where an interrupt ends this on the way.
        """
        ident = uuid.uuid4().hex
        try:
            aim, done = self._begin(ident, candidate, message, KEPT_WITHIN if revert_in is None else revert_in, seen)
            back = self._verify(ident, aim, done, candidate)
            if revert_in is None:
                self._keep(ident, outcome)
            else:
                self._expect(self._step(["offer", ident], {"undo": back}))
        except Exception:
            raise
        except BaseException:  # an interrupt: the router may have it already, and its timer would take long
            pending = self.change("pending")
            if pending is not None and pending.id == ident:
                self.abandon(pending)
            raise

    def confirm(self) -> None:
        """Keep the change that waits for it. Raises NothingWaits where there is none."""
        self._keep("", KEPT)

    def rollback(self) -> None:
        """Take the pending change back, or else the last one that was kept. NotCommitted where there is neither."""
        pending = self.change("pending")
        if pending is not None:
            aim = Aim(normal(pending.snapshot), ())
            back = aim.way_back_from(normal(self.running()))
            self._expect(self._step(["revert", "", ROLLED_BACK], {"undo": back}))
            return
        last = self.change("last")
        if last is None or last.outcome != KEPT:
            told = f"the last change, by {last.who}, is {last.outcome}" if last else "no change was made"
            raise NotCommitted(f"{self._place}: nothing to roll back: {told}")
        self.commit(Candidate(replaces=True, texts=(last.snapshot,)), outcome=ROLLED_BACK)

    def abandon(self, left: Change) -> None:
        """Take back a change whose maker vanished half-way, before it could be confirmed; its timer is not awaited."""
        aim = Aim(normal(left.snapshot), ())
        back = aim.way_back_from(normal(self.running()))
        self._expect(self._step(["revert", left.id, RESTORED], {"undo": back}))

    def change(self, which: str) -> Change | None:
        """The change that is `pending`, or the `last` one that ended; None where the router remembers none."""
        done = self._step(["show", which])
        if done.code == Code.NOTHING:
            return None
        self._expect(done)
        return change(done.stdout)

    def _begin(self, ident: str, candidate: Candidate, message: str, seconds: int, seen: str) -> tuple[Aim, Finished]:
        """Work the change out and have it applied; again where the router was changed in between."""
        for attempt in range(TRIES):
            if attempt or not seen:
                seen = self.running()
            before = normal(seen)
            aim = Aim(before, candidate.over(before))
            step = ["begin", ident, myself(), str(seconds), " ".join(message.split()), digest(seen)]
            done = self._step(step, {"delta": aim.way, "undo": aim.back})
            if done.code != Code.CHANGED:
                break
        if done.code == Code.GRAMMAR:
            raise self._refusal(candidate, f"FRR does not know this:\n{words(done.stderr)}")
        self._expect(done)
        return aim, done

    def _verify(self, ident: str, aim: Aim, done: Finished, candidate: Candidate) -> Sequence[str]:
        """See that the router shows what it is to show; returns the way back from there. Else it goes back now."""
        said = words(done.stderr)
        shown = normal(done.stdout)
        for _ in range(PASSES):
            rest = aim.rest(shown)
            if not rest:
                break
            done = self._step(["apply", ident], {"delta": rest})
            self._expect(done)
            shown = normal(done.stdout)
        back = aim.way_back_from(shown)
        if lacking := aim.lacking(shown):
            restored = self._step(["revert", ident, RESTORED], {"undo": back})
            self._expect(restored)
            told = f"FRR said:\n{said}\nIt" if said else "FRR said nothing, but it"
            raise self._refusal(candidate, f"{told} shows (-), and is to show (+):\n{lacking}")
        return back

    def _keep(self, ident: str, outcome: str) -> None:
        self._expect(self._step(["keep", ident, outcome]))

    def _step(self, step: Sequence[str], carried: Mapping[str, Iterable[str]] | None = None) -> Finished:
        text = call(program(), step, carried or {})
        return self._router.run(["sh"], input=text, check=False, timeout=STEP_WITHIN)

    def _expect(self, done: Finished) -> None:
        """Raise what stands for a step that was not done."""
        told = done.stderr.strip()
        match done.code:
            case 0:
                return
            case Code.BUSY:
                raise NotCommitted(f"{self._place}: a change by {told} is under way or waits to be confirmed")
            case Code.CHANGED:
                raise NotCommitted(f"{self._place}: somebody else keeps changing it; try again")
            case Code.NOTHING:
                raise NothingWaits(f"{self._place}: no change waits; the last one: {told or 'none'}")
            case Code.INCOMPLETE:
                raise NotCommitted(f"{self._place}: the former configuration is NOT wholly back:\n{told}")
            case Code.UNSAVED:
                raise NotCommitted(f"{self._place}: it runs, but is not the startup configuration:\n{told}")
            case _:
                raise StepFailed(f"{self._place}: may you change it (as root)? {failure(done)}")

    def _refusal(self, candidate: Candidate, why: str) -> ChangeError:
        return NotTaken(f"{self._place}: not taken, the former configuration runs. {why}", replaces=candidate.replaces)
