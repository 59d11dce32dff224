"""A change of many routers as one, on routers that are played: all keep it, or all go back."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from napalm.base.exceptions import CommitError, ConnectionException, ReplaceConfigException
from napalm_frr import FRRDriver
from napalm_frr.steps import KEPT, ROLLED_BACK, Change
from nornir.core import Nornir
from nornir.core.configuration import Config
from nornir.core.inventory import Defaults, Groups, Host, Hosts, Inventory
from nornir.core.state import GlobalState
from nornir.plugins.runners import SerialRunner

from automation.outcome import Answer, Outcome, State, listed, previewed, taken_back
from automation.proof import shared
from automation.rollout import Rollout, late, preview, roll_out
from automation.undisturbed import STOPPERS, undisturbed
from telemetry.model import Difference, What


@dataclass
class Played:
    """What a played router runs, remembers, and will not do."""

    running: str = "old"
    before: str = ""
    pending: str = ""  # the message of the change that waits
    refuses: str = ""  # a word that it does not take
    silent: bool = False
    deaf: bool = False  # it neither confirms nor goes back
    stops: bool = False  # it has this process interrupted when it is to confirm
    unsaved: bool = False  # it cannot write its startup configuration
    last: str = ""  # the message of the change that was kept
    heard: list[str] = field(default_factory=list)


class Router(FRRDriver):
    """The driver of a played router: the last line of a text is its whole configuration."""

    def __init__(self, name: str, played: Played) -> None:
        super().__init__(name, "", "")
        self.played, self.loaded = played, ""

    def load_replace_candidate(self, filename: str | None = None, config: str | None = None) -> None:
        if self.played.silent:
            raise ConnectionException(f"{self.hostname}: out of reach")
        self.loaded = config or ""

    def compare_config(self) -> str:
        return "" if self.loaded == self.played.running else f"- {self.played.running}\n+ {self.loaded}"

    def discard_config(self) -> None:
        self.loaded = ""

    def commit_config(self, message: str = "", revert_in: int | None = None) -> None:
        self.played.heard.append(f"commit {revert_in}")
        if self.played.refuses and self.played.refuses in self.loaded:
            raise ReplaceConfigException(f"{self.hostname}: FRR does not know this")
        self.played.before, self.played.running, self.played.pending = self.played.running, self.loaded, message

    def confirm_commit(self) -> None:
        self._told("confirm")
        if self.played.stops:
            os.kill(os.getpid(), signal.SIGINT)
        self.played.pending, self.played.last = "", self.played.pending
        if self.played.unsaved:
            raise CommitError(f"{self.hostname}: it runs, but is not the startup configuration")

    def rollback(self) -> None:
        self._told("rollback")
        self.played.running, self.played.pending = self.played.before, ""

    def _told(self, what: str) -> None:
        if self.played.deaf:
            raise CommitError(f"{self.hostname}: does not hear")
        self.played.heard.append(what)

    def _commits(self) -> "Router":  # type: ignore[override]  # it remembers for itself
        return self

    def change(self, which: str) -> Change | None:
        if which == "pending":
            waits = self.played.pending
            return Change("1", "me", waits, "9", "", True, "1", "") if waits else None
        if self.played.last:
            return Change("1", "me", self.played.last, "9", KEPT, False, "1", "")
        return Change("1", "me", "an older one", "9", ROLLED_BACK, False, "1", "")


@dataclass
class Connected:
    """What Nornir keeps of an open connection."""

    connection: Router

    def close(self) -> None:
        """Nothing is open."""


def fabric(**played: Played) -> Nornir:
    """Nornir with these routers; a and b stand in for each other."""
    hosts = Hosts()
    for name, each in played.items():
        group = "ab" if name in "ab" else ""
        hosts[name] = Host(name, platform="frr", data={"redundancy_group": group}, defaults=Defaults())
        hosts[name].connections["napalm"] = Connected(Router(name, each))  # type: ignore[assignment]
    inventory = Inventory(hosts, Groups(), Defaults())
    return Nornir(inventory, config=Config(), data=GlobalState(), runner=SerialRunner())


def states(outcome: Outcome) -> dict[str, str]:
    """How each router ended."""
    return {each.name: str(each.state) for each in outcome.nodes}


def wanted(nornir: Nornir, verify: Callable[[], str] = str, kept: Callable[[], object] = str, **more: int) -> Rollout:
    """The change of every router to `new`."""
    texts = dict.fromkeys(nornir.inventory.hosts, "new")
    return Rollout(
        texts=texts,
        message="change 42",
        revert_in=more.get("revert_in", 60),
        verify=verify,
        kept=kept,
        waves=more.get("waves", 0),
    )


def test_all_commit_then_all_are_confirmed() -> None:
    """The verdict comes between, when all have it; who runs it already is left alone."""
    played = {"a": Played(), "b": Played(), "c": Played(running="new")}
    then = []

    outcome = roll_out(
        (nornir := fabric(**played)),
        wanted(nornir, verify=lambda: then.extend(each.running for each in played.values()) or ""),
    )

    assert then == ["new", "new", "new"]
    assert states(outcome) == {"a": "confirmed", "b": "confirmed", "c": "unchanged"}
    assert played["a"].heard == ["commit 60", "confirm"]
    assert played["c"].heard == []
    assert outcome.fine


def test_a_fabric_that_is_not_well_goes_back() -> None:
    """All of it, and the verdict is the reason."""
    played = {"a": Played(), "b": Played()}

    outcome = roll_out((nornir := fabric(**played)), wanted(nornir, verify=lambda: "the check found: a hole"))

    assert outcome.why == "the check found: a hole"
    assert states(outcome) == {"a": "reverted", "b": "reverted"}
    assert [each.running for each in played.values()] == ["old", "old"]


def test_one_that_refuses_takes_the_others_back() -> None:
    """Its words are told, and nobody asks for a verdict."""
    played = {"a": Played(), "b": Played(refuses="new")}

    def never() -> str:
        raise AssertionError

    outcome = roll_out((nornir := fabric(**played)), wanted(nornir, verify=never))

    assert outcome.why == "b did not take it"
    assert states(outcome) == {"a": "reverted", "b": "refused"}
    assert outcome.failures[0].error == "b: FRR does not know this"


def test_one_that_is_out_of_reach_keeps_all_as_they_are() -> None:
    """Nothing is committed anywhere."""
    played = {"a": Played(), "b": Played(silent=True)}

    outcome = roll_out((nornir := fabric(**played)), wanted(nornir))

    assert outcome.why == "b could not be compared; nothing was changed"
    assert states(outcome) == {"a": "differs", "b": "unknown"}
    assert played["a"].heard == []


def test_one_that_cannot_be_told_is_left_to_its_timer() -> None:
    """Whether it should go back, or keep what it has: that is said, and who keeps it."""
    for verdict, other, why in (
        ("no", "reverted", "no"),
        ("", "confirmed", "b could not be confirmed, all others run it"),
    ):
        played = {"a": Played(), "b": Played(deaf=True)}
        outcome = roll_out((nornir := fabric(**played)), wanted(nornir, verify=lambda said=verdict: said))  # type: ignore[misc]
        assert states(outcome) == {"a": other, "b": "waiting"}
        assert outcome.why == why
        assert not outcome.fine


def test_what_was_tried_before_does_not_count() -> None:
    """Nornir passes over hosts that failed once; a new change does not."""
    played = {"a": Played(), "b": Played(refuses="new")}
    nornir = fabric(**played)

    roll_out(nornir, wanted(nornir))
    played["b"].refuses = ""

    assert states(roll_out(nornir, wanted(nornir))) == {"a": "confirmed", "b": "confirmed"}


def test_the_change_of_somebody_else_is_neither_confirmed_nor_taken_back() -> None:
    """Another message waits: it is not ours."""
    played = {"a": Played()}

    def another() -> str:
        played["a"].pending = "change 43"
        return ""

    outcome = roll_out((nornir := fabric(**played)), wanted(nornir, verify=another))

    assert states(outcome) == {"a": "waiting"}
    assert "the last change, 'an older one', was rolled back" in outcome.nodes[0].error
    assert played["a"].heard == ["commit 60"]


def test_a_router_that_cannot_save_keeps_the_change_and_says_so() -> None:
    """It runs, as on all others; it would not after a restart."""
    played = {"a": Played(unsaved=True), "b": Played()}

    outcome = roll_out((nornir := fabric(**played)), wanted(nornir))

    assert states(outcome) == {"a": "unsaved", "b": "confirmed"}
    assert outcome.changed == ("a", "b")
    assert outcome.fine
    assert outcome.failures[0].error == "a: it runs, but is not the startup configuration"


def test_a_change_that_waits_already_is_in_the_way() -> None:
    """Also where the router runs what is wanted: that may be taken back any moment."""
    played = {"a": Played(running="new", before="old", pending="change 41"), "b": Played()}

    outcome = roll_out((nornir := fabric(**played)), wanted(nornir))

    assert outcome.why == "a could not be compared; nothing was changed"
    assert outcome.failures[0].error == "a: a change by me is under way or waits to be confirmed"
    assert played["b"].heard == []
    assert preview(nornir, {"a": "new", "b": "new"}).fine


def test_an_interrupt_takes_back_what_was_committed() -> None:
    """Whatever ends this process in order, it does not leave routers to their timers."""
    played = {"a": Played(), "b": Played()}

    def interrupted() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roll_out((nornir := fabric(**played)), wanted(nornir, verify=interrupted))

    assert [each.heard for each in played.values()] == [["commit 60", "rollback"]] * 2


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where these tests were begun in the background of a shell."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_routers_are_told_to_keep_it_waits() -> None:
    """Half of them told, and the plan not on record, would be the worst moment to end."""
    played = {"a": Played(stops=True), "b": Played()}
    nornir, record = fabric(**played), []

    with pytest.raises(KeyboardInterrupt):
        roll_out(nornir, wanted(nornir, kept=lambda: record.append("new plan")))

    assert [each.heard for each in played.values()] == [["commit 60", "confirm"]] * 2
    assert record == ["new plan"]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_that_another_thread_is_handed_waits_too() -> None:
    """Libraries have threads from before, in which signals are not held back."""
    over, passed = threading.Event(), []
    told, tell = socket.socketpair()
    tell.setblocking(False)
    other = threading.Thread(target=over.wait)
    other.start()
    former = signal.set_wakeup_fd(tell.fileno())
    try:
        with pytest.raises(KeyboardInterrupt), undisturbed():  # noqa: PT012 - the block is what is to end first
            signal.pthread_kill(other.ident or 0, signal.SIGINT)
            assert told.recv(1) == bytes([signal.SIGINT])
            passed.append("all")
    finally:
        signal.set_wakeup_fd(former)
        over.set()
        other.join()

    assert passed == ["all"]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_that_comes_late_leaves_nothing_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """While handlers are put back, as where another thread was handed it: all of them are, and signals are heard."""
    change = signal.signal
    before = [signal.getsignal(each) for each in STOPPERS]

    def late(number: int, handler: Any) -> Any:
        former = change(number, handler)
        if handler in before:
            raise KeyboardInterrupt
        return former

    monkeypatch.setattr(signal, "signal", late)
    with pytest.raises(KeyboardInterrupt), undisturbed():
        pass
    monkeypatch.undo()

    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(STOPPERS) == set()
    assert [signal.getsignal(each) for each in STOPPERS] == before


def test_waves_that_stop_leave_the_rest_untouched() -> None:
    """The first goes back, the others were not run."""
    played = {"a": Played(refuses="new"), "b": Played(), "c": Played()}

    outcome = roll_out((nornir := fabric(**played)), wanted(nornir, waves=2))

    assert states(outcome) == {"a": "refused", "b": "not run", "c": "not run"}
    assert played["b"].heard == played["c"].heard == []


def test_too_late_is_not_confirmed() -> None:
    """Some timers would end while the others are told to keep it."""
    played = {"a": Played(), "b": Played()}

    outcome = roll_out((nornir := fabric(**played)), wanted(nornir, revert_in=0))

    assert late(10, 12, 4) == ""
    assert "it took 0.0 s, and routers go back by themselves after 0 s" in outcome.why
    assert states(outcome) == {"a": "reverted", "b": "reverted"}


def test_a_preview_changes_nothing() -> None:
    """And says what would."""
    played = {"a": Played(), "b": Played(running="new")}

    outcome = preview(fabric(**played), {"a": "new", "b": "new"})

    assert states(outcome) == {"a": "differs", "b": "unchanged"}
    assert outcome.nodes[0].diff == "- old\n+ new"
    assert outcome.fine


def test_a_refused_router_that_cannot_be_told_either_waits() -> None:
    """Nobody knows what it runs, so nobody says that it went back."""
    seen = previewed({"a": Answer(diff="+ x")})

    outcome = taken_back(seen, {"a": Answer(error="timeout")}, (), {"a": Answer(error="gone")}, "a did not take it")

    assert [(each.state, each.error) for each in outcome.nodes] == [(State.WAITING, "timeout")]


def test_halfway_only_what_differs_from_all_plans_is_wrong() -> None:
    """A router that has the change differs from the old plan, one that has not from the new."""
    old = Difference("leaf1", "10.0.0.0/24", What.ROUTE_HOPS, "2", "4")
    new = Difference("leaf2", "10.0.0.0/24", What.ROUTE_HOPS, "4", "2")
    both = (
        Difference("leaf3", "eth1", What.LINK_DOWN, "up", "down"),
        Difference("leaf3", "eth1", What.LINK_DOWN, "up", "gone"),
    )

    assert shared([(new, both[0]), (old, both[1])]) == (both[0],)
    assert shared([(old,)]) == (old,)


def test_many_names_are_few_words() -> None:
    """As many as one reads."""
    assert listed(["a", "b"]) == "a, b"
    assert listed([*"abcdefg"]) == "a, b, c, d, e and 2 more"
