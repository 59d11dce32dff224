"""The agent on a switch of values: what it does in every state, also where power is cut, and what it never does."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.ztp import cabling
from automation.ztp.agent.agent import Agent
from automation.ztp.agent.fake import URL, FakeClock, FakeNetwork, FakeServer, FakeSwitch
from automation.ztp.agent.memory import Disk
from automation.ztp.agent.model import REVERT_IN, Identity, Memory, Ruling
from automation.ztp.backoff import LONGEST
from automation.ztp.bundle import Answer, Manifest, digest, write_answer, write_manifest
from automation.ztp.cabling import Cabling, Far, Planned
from automation.ztp.states import LAST, State
from automation.ztp.trouble import Refusal, Trouble

CABLES = cabling.write(Cabling("leaf1", (Planned("eth1", "spine1", "S1", "eth1"),), {"S1": "spine1", "S2": "spine2"}))
FILES = {
    "frr.conf": "router bgp 65001\n",
    "system.json": json.dumps({"hostname": "leaf1", "addresses": [], "sysctls": [], "neighbours": []}),
    "cabling.json": CABLES,
    "expected.json": json.dumps({"sessions": [["eth1", "spine1"]], "routes": []}),
}
RIGHT, SWAPPED = {"eth1": (Far("S1", "eth1"),)}, {"eth1": (Far("S2", "eth1"),)}
WAY = [
    *(State.DISCOVERING, State.BOOTSTRAPPING, State.VERIFYING, State.CABLING),
    *(State.CONFIGURING, State.CHECKING, State.COMPLYING, LAST),
]
GENUINE = b"genuine"


class PowerCut(BaseException):
    """The process ends here."""


@dataclass
class Bench:
    """A switch with everything around it; `now` sees each state before it is told."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    network: FakeNetwork = field(default_factory=FakeNetwork)
    server: FakeServer = field(default_factory=FakeServer)
    switch: FakeSwitch = field(default_factory=lambda: FakeSwitch(heard=RIGHT))
    version: int = 1
    signature: bytes = GENUINE
    serial: str = "CL1"
    states: list[State] = field(default_factory=lambda: [State.DISCOVERING])
    cut_at: State | None = None
    whys: list[str] = field(default_factory=list)

    def answer(self, nonce: str) -> bytes:
        """A bundle for the latest request."""
        now = int(self.clock.time)
        digests = {name: digest(text) for name, text in FILES.items()}
        manifest = Manifest(self.serial, nonce, "leaf1", self.version, now - 60, now + 60, digests)
        return write_answer(Answer(write_manifest(manifest), self.signature, FILES))

    def agent(self) -> Agent:
        """A process of the agent, as it starts."""
        bench = self

        class Answering(FakeServer):
            """Signs for the nonce that it is asked with."""

            def bootstrap(self, identity: Identity, nonce: str) -> bytes:
                bench.server.bootstrap(identity, nonce)
                return bench.server.answer or bench.answer(nonce)

            def report(self, identity, moves):  # type: ignore[no-untyped-def]
                return bench.server.report(identity, moves)

            def ruling(self, identity, life, number):  # type: ignore[no-untyped-def]
                return bench.server.ruling(identity, life, number)

        def say(text: str) -> None:
            if not text.startswith("not reported"):
                self.states.append(State(text.partition(":")[0]))
                self.whys.append(text.partition(": ")[2])
                if self.states[-1] is self.cut_at:
                    self.cut_at = None
                    raise PowerCut

        identity = Identity("CL1", "closlab-leaf", "1", "aa:bb")
        genuine = lambda text, signature: signature == GENUINE  # noqa: E731
        return Agent(
            identity, Disk(self.folder), self.network, lambda url: Answering(), self.switch, genuine,
            self.clock.world(), say,
        )  # fmt: skip

    def memory(self) -> Memory:
        """What is on the switch's disk."""
        return Disk(self.folder).read()

    def when(self, state: State, act) -> None:  # type: ignore[no-untyped-def]
        """Run until that state is entered, then do something, as somebody who cures it would, and go on to the end."""
        self.cut_at = state
        with pytest.raises(PowerCut):
            self.agent().run()
        act()
        self.agent().run()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A new switch."""
    return Bench(tmp_path)


def test_a_switch_goes_from_nothing_to_ready(bench: Bench) -> None:
    """Through all states in their order, each of them told to the server; what runs is kept."""
    bench.agent().run()

    assert bench.states == WAY
    assert [move.state for move in bench.server.told] == WAY[1:]
    assert [move.number for move in bench.server.told] == [1, 2, 3, 4, 5, 6, 7]
    assert bench.switch.kept == FILES
    assert bench.memory().state is LAST
    assert bench.memory().url == URL


def test_one_that_is_ready_asks_for_nothing_when_it_starts_again(bench: Bench) -> None:
    """Provisioning runs once."""
    bench.agent().run()
    asked = len(bench.server.nonces)

    bench.agent().run()

    assert len(bench.server.nonces) == asked


@pytest.mark.parametrize("state", WAY[1:-1])
def test_a_power_cut_in_any_state_is_gone_on_from(bench: Bench, state: State) -> None:
    """It is ready in the end, asks for no second bundle that it has already, and runs what was signed."""
    bench.when(state, bench.switch.lose_power)

    assert bench.memory().state is LAST
    assert bench.switch.kept == FILES
    assert len(bench.server.nonces) == 1


@pytest.mark.parametrize("state", WAY[1:-1])
def test_a_killed_agent_goes_on_too(bench: Bench, state: State) -> None:
    """What runs still runs, and is waited for as if nothing had been."""
    bench.when(state, lambda: None)

    assert bench.memory().state is LAST
    assert bench.switch.kept == FILES


def test_power_cut_between_confirming_and_noting_it_is_harmless(bench: Bench) -> None:
    """The configuration is kept already; it is checked and confirmed again."""
    bench.cut_at = State.CHECKING
    with pytest.raises(PowerCut):
        bench.agent().run()
    bench.switch.confirm()
    bench.switch.lose_power()

    bench.agent().run()

    assert bench.states[-4:] == [State.CONFIGURING, State.CHECKING, State.COMPLYING, LAST]


def test_a_spoilt_memory_is_that_of_a_new_switch(bench: Bench) -> None:
    """It begins anew."""
    (bench.folder / "memory.json").write_text('{"state": "rea')

    bench.agent().run()

    assert bench.states == WAY


def test_a_swapped_cable_is_quarantined_and_named_and_recovers(bench: Bench) -> None:
    """Nothing was configured until the cable was put right."""
    bench.switch.heard = SWAPPED

    def put_right() -> None:
        assert bench.switch.running == {}
        bench.switch.heard = RIGHT

    bench.when(State.QUARANTINED, put_right)

    assert "leaf1:eth1 should lead to spine1:eth1, and leads to spine2:eth1" in bench.whys
    assert bench.switch.kept == FILES


def test_a_neighbour_that_is_never_heard_is_waited_for_and_then_said(bench: Bench) -> None:
    """It may boot later: that is no reason for quarantine."""
    bench.switch.heard = {}

    def appears() -> None:
        bench.switch.heard = RIGHT

    bench.when(State.WAITING, appears)

    assert "after 60 s, leaf1:eth1 hears nobody (spine1:eth1 is expected)" in bench.whys
    assert bench.memory().state is LAST


def test_a_switch_that_the_server_refuses_is_quarantined_until_it_is_approved(bench: Bench) -> None:
    """The server's reason is the switch's."""
    bench.server.trouble = Refusal("serial CL1 is in no inventory")

    def approved() -> None:
        assert bench.switch.running == {}
        bench.server.trouble = None

    bench.when(State.QUARANTINED, approved)

    assert "serial CL1 is in no inventory" in bench.whys
    assert bench.memory().state is LAST


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"signature": b"forged"}, "may be forged"),
        ({"serial": "CL2"}, "for serial CL2, and this switch is CL1"),
        ({"version": -1}, "had version 0 already"),
    ],
)
def test_a_bundle_that_must_not_be_applied_is_not_and_the_next_one_is(
    bench: Bench, wrong: Mapping[str, object], why: str
) -> None:
    """Nothing runs; once the server gives a good one, the switch takes that."""
    good = {name: getattr(bench, name) for name in wrong}
    for name, value in wrong.items():
        setattr(bench, name, value)

    def cured() -> None:
        assert bench.switch.running == {}
        for name, value in good.items():
            setattr(bench, name, value)

    bench.when(State.WAITING, cured)

    assert any(why in each for each in bench.whys)
    assert bench.switch.kept == FILES


def test_the_answer_to_another_request_is_a_replay(bench: Bench) -> None:
    """Genuine, of today, for this switch, and not what it asked for."""
    bench.server.answer = bench.answer("another nonce, from yesterday")

    def cured() -> None:
        assert bench.switch.running == {}
        bench.server.answer = b""

    bench.when(State.WAITING, cured)

    assert any("may be a replay" in why for why in bench.whys)
    assert bench.memory().state is LAST


def test_the_highest_version_is_never_forgotten(bench: Bench) -> None:
    """An older one is refused also after a power cut and a provisioning anew."""
    bench.version = 7
    bench.agent().run()
    disk = Disk(bench.folder)
    disk.write(replace(disk.read(), state=State.DISCOVERING))
    bench.version = 6

    def cured() -> None:
        bench.version = 7

    bench.when(State.WAITING, cured)

    assert any("version 6, and this switch had version 7 already" in why for why in bench.whys)


def test_a_dhcp_server_that_is_down_for_a_while_is_asked_ever_less_often(bench: Bench) -> None:
    """With a bound; afterwards the switch goes on."""
    bench.network.down = True
    calls = 0

    def sleep(seconds: float) -> None:
        nonlocal calls
        calls += 1
        bench.clock.slept.append(seconds)
        bench.network.down = calls < 12

    agent = bench.agent()
    agent.world = replace(agent.world, sleep=sleep)
    agent.run()

    assert bench.clock.slept[:3] == [0.75, 1.5, 3.0]
    assert max(bench.clock.slept) <= LONGEST
    assert bench.memory().state is LAST


def test_what_a_silent_server_was_not_told_it_is_told_later(bench: Bench) -> None:
    """Each move once, in order, though it was down while most of them happened."""
    bench.server.trouble = Trouble("cannot be asked")

    def answers() -> None:
        bench.server.trouble = None

    bench.when(State.WAITING, answers)

    assert [move.number for move in bench.server.told] == list(range(1, len(bench.server.told) + 1))
    assert {move.state for move in bench.server.told} >= {State.WAITING, *WAY[1:]}


def test_a_configuration_that_does_not_work_is_not_confirmed(bench: Bench) -> None:
    """After the time that the switch's own timer takes, it says what lacked, and tries again."""
    bench.switch.lacking = [["the session to spine1 (eth1) is in Idle"]]

    def works() -> None:
        assert bench.switch.kept == {}
        bench.switch.lacking = [[]]
        bench.switch.lose_power()

    bench.when(State.WAITING, works)

    assert f"taken back after {REVERT_IN} s: the session to spine1 (eth1) is in Idle" in bench.whys
    assert bench.switch.kept == FILES


def test_a_quarantined_neighbour_is_not_waited_for(bench: Bench) -> None:
    """The server says who is; the switch is ready without it, and says so."""
    bench.switch.lacking = [["the session to spine1 (eth1) is in Idle"]]
    bench.server.absent = frozenset({"spine1"})

    bench.agent().run()

    assert bench.whys[-1] == "without spine1"


def test_a_configuration_that_frr_does_not_take_is_told_in_its_words(bench: Bench) -> None:
    """And nothing is kept."""
    bench.switch.trouble = Trouble("not taken: % Unknown command")

    def cured() -> None:
        assert bench.switch.running == {}
        bench.switch.trouble = None

    bench.when(State.WAITING, cured)

    assert "not taken: % Unknown command" in bench.whys


def test_a_change_is_kept_only_when_it_was_found_to_comply(bench: Bench) -> None:
    """The ruling is on this very attempt, and is waited for; what is odd about it is said."""
    bench.server.rulings = [None, None, Ruling(True, "by its own checks")]

    bench.agent().run()

    assert bench.server.ruled == [(bench.memory().life, 6)] * 3
    assert bench.whys[-1] == "by its own checks"
    assert bench.switch.kept == FILES


def test_a_change_that_does_not_comply_is_taken_back_at_once_and_the_switch_quarantined(bench: Bench) -> None:
    """With what was found; when that is cured it provisions itself again."""
    bench.server.rulings = [Ruling(False, "get_interfaces eth1 mtu should be 9500, and is 1500"), Ruling(True)]

    def cured() -> None:
        assert bench.switch.running == bench.switch.kept == {}

    bench.when(State.QUARANTINED, cured)

    assert "taken back, for it does not comply: get_interfaces eth1 mtu should be 9500, and is 1500" in bench.whys
    assert bench.switch.kept == FILES


def test_a_change_on_which_nobody_can_be_asked_is_taken_back(bench: Bench) -> None:
    """The server is down from then on: the reason says so."""
    bench.cut_at = State.COMPLYING
    with pytest.raises(PowerCut):
        bench.agent().run()
    bench.server.trouble = Trouble("cannot be asked")

    def answers() -> None:
        assert bench.switch.kept == {}
        bench.server.trouble = None

    bench.when(State.WAITING, answers)

    assert f"taken back after {REVERT_IN} s: cannot be asked" in bench.whys
    assert bench.switch.kept == FILES


FAULTS = st.lists(
    st.sampled_from(
        ["forged", "other serial", "old", "swapped", "silent", "down", "refused", "differs", "cut", "lost", "none"]
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(faults=FAULTS)
def test_whatever_goes_wrong_nothing_but_a_genuine_bundle_ever_runs(
    tmp_path_factory: pytest.TempPathFactory, faults: list[str]
) -> None:
    """Faults come and go; in the end the switch is ready, and none was configured over wrong or silent cables."""
    bench = Bench(tmp_path_factory.mktemp("switch"), version=2)
    for fault in [*faults, "none"]:
        bench.signature = b"forged" if fault == "forged" else GENUINE
        bench.serial = "CL2" if fault == "other serial" else "CL1"
        bench.version = 1 if fault == "old" else 2
        bench.switch.heard = {"swapped": SWAPPED, "silent": {}}.get(fault, RIGHT)
        bench.network.down = fault == "down"
        bench.server.trouble = Refusal("unknown") if fault == "refused" else None
        bench.server.rulings = [Ruling(fault != "differs", fault)]
        if fault == "lost":
            bench.switch.lose_power()
        bench.cut_at = {"cut": State.CONFIGURING, "none": None}.get(fault, State.WAITING)
        bench.cut_at = State.QUARANTINED if fault in ("swapped", "refused", "differs") else bench.cut_at
        before, state = bench.switch.running, bench.memory().state
        with suppress(PowerCut):
            bench.agent().run()
        if fault in ("swapped", "silent") and state not in (State.CONFIGURING, State.CHECKING, State.COMPLYING):
            assert bench.switch.running == before
        assert bench.switch.running in ({}, FILES)
        if bench.memory().state is LAST:
            break

    assert bench.memory().state is LAST
    assert bench.switch.kept == FILES
