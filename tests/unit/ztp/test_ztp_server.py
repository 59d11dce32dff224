"""The server's decisions: who gets a bundle, who is quarantined and why, and what is remembered."""

import json
from pathlib import Path

import pytest

from automation.ztp import cabling
from automation.ztp.bundle import CABLING, FILES, read_answer, read_manifest, unfit
from automation.ztp.cabling import Cabling, Planned
from automation.ztp.server.desk import VALID_FOR, Desk
from automation.ztp.server.judging import UNWATCHED, WATCHED_FOR, absent, judge, kept
from automation.ztp.server.model import Approval, Caller, Known
from automation.ztp.server.registry import Registry, queries
from automation.ztp.states import State
from automation.ztp.trouble import Refusal, Trouble

NONCE = "n" * 32
NOW = 1_800_000_000.0
LEAF = Caller("CL1", "aa:01", "closlab-leaf", "1", "172.20.20.5")
TWIN = Caller("CL1", "aa:02", "closlab-leaf", "1", "172.20.20.6")
STRANGER = Caller("XX9", "aa:09", "closlab-leaf", "1", "172.20.20.9")
INVENTORY = {"CL1": "leaf1", "CL2": "leaf2"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A server with two bundles."""
    (tmp_path / "bundles").mkdir()
    (tmp_path / "inventory.json").write_text(json.dumps(INVENTORY))
    for node in ("leaf1", "leaf2"):
        cables = cabling.write(Cabling(node, (Planned("eth1", "leaf2", "leaf2", "eth1"),), {}))
        bundle = {"version": 4, "files": {name: f"{node} {name}" for name in FILES} | {CABLING: cables}}
        (tmp_path / "bundles" / f"{node}.json").write_text(json.dumps(bundle))
    return Desk(Registry(str(tmp_path / "registry.sqlite")), tmp_path, lambda text: b"signed", lambda: NOW)


def moves(*states: State, life: str = "first") -> list[dict[str, object]]:
    return [
        {"life": life, "number": number, "state": state.value, "type": "informational", "why": "", "seconds": 0.5}
        for number, state in enumerate(states, start=1)
    ]


def test_a_switch_of_the_inventory_gets_a_bundle_of_its_own(desk: Desk) -> None:
    """Bound to its serial, its request and this hour; what it gets is what a switch takes."""
    answer = read_answer(desk.bootstrap(LEAF, NONCE))
    manifest = read_manifest(answer.manifest)

    assert manifest.node == "leaf1"
    assert unfit(manifest, answer.files, serial="CL1", nonce=NONCE, floor=4, now=NOW) == ""
    assert unfit(manifest, answer.files, serial="CL1", nonce=NONCE, floor=4, now=NOW + VALID_FOR + 1)


def test_asking_twice_changes_nothing(desk: Desk) -> None:
    """A request that was answered into a dead line is made again."""
    assert desk.bootstrap(LEAF, NONCE) == desk.bootstrap(LEAF, NONCE)
    assert len(desk.registry.switches()) == 1


def test_an_unknown_serial_is_quarantined_until_it_is_approved(desk: Desk) -> None:
    """The reason names the command that approves it."""
    with pytest.raises(Refusal, match=r"XX9 is in no inventory: `closlab ztp approve XX9 NODE`"):
        desk.bootstrap(STRANGER, NONCE)
    assert [(row["state"], row["node"]) for row in desk.registry.switches()] == [("quarantined", "")]

    desk.approve("XX9", "leaf2", "")

    assert read_manifest(read_answer(desk.bootstrap(STRANGER, NONCE)).manifest).node == "leaf2"


def test_a_switch_whose_place_was_given_to_another_is_refused(desk: Desk) -> None:
    """A replaced one that comes back does not take it away again."""
    desk.approve("XX9", "leaf1", "")

    with pytest.raises(Refusal, match="leaf1 is serial XX9, which somebody approved in place of CL1"):
        desk.bootstrap(LEAF, NONCE)


def test_a_serial_that_two_switches_have_is_quarantined_with_both_named(desk: Desk) -> None:
    """Neither gets anything, until somebody says which of them it is."""
    desk.bootstrap(LEAF, NONCE)

    for twin in (TWIN, LEAF):
        with pytest.raises(Refusal, match="CL1 is two switches, with the MAC addresses aa:01 and aa:02"):
            desk.bootstrap(twin, NONCE)
    assert {row["state"] for row in desk.registry.switches()} == {"quarantined"}

    desk.approve("CL1", "leaf1", "aa:02")

    assert desk.bootstrap(TWIN, NONCE)
    with pytest.raises(Refusal, match="two switches"):
        desk.bootstrap(LEAF, NONCE)


def test_a_neighbour_is_expected_by_the_serial_that_it_has_now(desk: Desk) -> None:
    """Whoever is provisioned after a neighbour was replaced looks for the new one."""

    def expected() -> str:
        answer = read_answer(desk.bootstrap(LEAF, NONCE))
        return cabling.read(answer.files[CABLING]).ports[0].serial

    assert expected() == "CL2"

    desk.approve("XX9", "leaf2", "")

    assert expected() == "XX9"


def test_an_approval_for_a_node_that_is_none_is_refused_with_those_there_are(desk: Desk) -> None:
    """A misspelt name is not kept."""
    with pytest.raises(Trouble, match="no switch 'leaf7' is to be provisioned; there are leaf1, leaf2"):
        desk.approve("XX9", "leaf7", "")
    assert desk.registry.approvals() == {}


@pytest.mark.parametrize("nonce", [None, 7, "", "short", "x" * 200, ["n"]])
def test_a_request_without_a_proper_nonce_is_none(desk: Desk, nonce: object) -> None:
    """Nothing is signed for it."""
    with pytest.raises(Trouble, match="nonce of 16 to 128"):
        desk.bootstrap(LEAF, nonce)


def test_progress_is_noted_once_however_often_it_is_told(desk: Desk) -> None:
    """The latest move by number is where the switch stands."""
    told = moves(State.BOOTSTRAPPING, State.VERIFYING)

    desk.progress(LEAF, told)
    desk.progress(LEAF, told)
    desk.progress(LEAF, told[:1])

    assert [move["number"] for move in desk.registry.moves()] == [1, 2]
    assert desk.registry.switches()[0]["state"] == "verifying"


def test_a_switch_that_forgot_everything_is_heard_again(desk: Desk) -> None:
    """It counts from one again, in another life."""
    desk.progress(LEAF, moves(State.BOOTSTRAPPING, State.READY))

    desk.progress(LEAF, moves(State.QUARANTINED, life="second"))

    assert desk.registry.switches()[0]["state"] == "quarantined"
    assert len(desk.registry.moves()) == 3


@pytest.mark.parametrize(
    "told",
    [None, {}, "moves", [1], [{}], [{"life": "", "number": 1, "state": "flying", "type": "", "why": "", "seconds": 0}]],
)
def test_a_report_that_is_none_is_refused(desk: Desk, told: object) -> None:
    """Whatever comes, the registry has states that there are."""
    with pytest.raises(Trouble):
        desk.progress(LEAF, told)


def test_what_was_noted_is_there_after_a_restart(desk: Desk, tmp_path: Path) -> None:
    """Approvals, switches and moves."""
    desk.progress(LEAF, moves(State.BOOTSTRAPPING))
    desk.approve("XX9", "leaf2", "")
    desk.registry.close()

    again = Registry(str(tmp_path / "registry.sqlite"))

    assert again.approvals() == {"XX9": Approval("XX9", "leaf2")}
    assert [row["state"] for row in again.switches()] == ["bootstrapping"]
    assert len(again.moves()) == 1


def test_quarantined_switches_are_not_to_be_waited_for(desk: Desk) -> None:
    """Whoever reports is told which; one that was replaced counts no more."""
    desk.bootstrap(LEAF, NONCE)
    desk.progress(LEAF, moves(State.QUARANTINED))
    other = Caller("CL2", "aa:03", "closlab-leaf", "1", "172.20.20.8")

    assert desk.progress(other, []) == ("leaf1",)
    old, new = Known("CL1", "a", "leaf1", State.QUARANTINED), Known("CL7", "b", "leaf1", State.READY)
    assert absent((old, new), (State.QUARANTINED,)) == ()


def test_a_replaced_switch_has_no_place_any_more(desk: Desk) -> None:
    """It stands there as one that nobody expects, with whom its place went to."""
    desk.bootstrap(LEAF, NONCE)
    desk.approve("XX9", "leaf1", "")

    (former,) = desk.registry.switches()

    assert (former["node"], former["state"], former["why"]) == ("", "quarantined", "leaf1 is serial XX9 now")
    assert desk.holders()["leaf1"] == "XX9"


def test_a_change_waits_for_a_ruling_while_somebody_watches(desk: Desk) -> None:
    """The ruling is on that attempt of that switch, and on no other."""
    assert desk.ruling(LEAF, "a", 6) == (True, UNWATCHED)

    desk.watch()
    assert desk.ruling(LEAF, "a", 6) == (None, "")
    desk.rule("CL1", "aa:01", "a", 6, "")
    desk.rule("CL1", "aa:01", "a", 12, "get_facts differs")

    assert desk.ruling(LEAF, "a", 6) == (True, "")
    assert desk.ruling(LEAF, "a", 12) == (False, "get_facts differs")
    assert desk.ruling(TWIN, "a", 6) == desk.ruling(LEAF, "b", 6) == (None, "")


def test_whoever_watched_and_went_away_is_not_waited_for_for_ever() -> None:
    """A controller may be killed in the middle."""
    assert kept(None, 100.0, 100.0 + WATCHED_FOR / 2) == (None, "")
    assert kept(None, 100.0, 100.0 + WATCHED_FOR) == (True, UNWATCHED)


@pytest.mark.parametrize(("life", "number"), [(None, 1), ("a", None), ("a", "1"), ("a", True), (1, 1)])
def test_a_question_about_no_attempt_is_refused(desk: Desk, life: object, number: object) -> None:
    """From a switch, or from whoever rules."""
    with pytest.raises(Trouble, match="an attempt has"):
        desk.ruling(LEAF, life, number)
    with pytest.raises(Trouble, match="an attempt has"):
        desk.rule("CL1", "aa:01", life, number, "")


def test_who_says_no_serial_or_mac_is_nobody() -> None:
    """A caller without headers."""
    assert "says its serial number" in judge(Caller("", "", "", "", ""), (), INVENTORY, {}).why


def test_queries_are_found_by_their_names() -> None:
    """The file has one for each name."""
    assert queries("-- a file\n\n-- name: one\nSELECT 1\n\n-- name: two three\nSELECT 2;\n") == {
        "one": "SELECT 1",
        "two three": "SELECT 2;",
    }
