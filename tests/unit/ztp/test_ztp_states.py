"""The table of states and moves, walked; the document's copy of it held to it."""

import re
from pathlib import Path

import pytest

from automation.ztp.agent.agent import STEPS
from automation.ztp.states import FIRST, LAST, MOVES, PROGRESS, Event, State, move

DOCUMENT = Path(__file__).parents[3] / "docs" / "ztp.md"
RFC_8572 = {  # section 7.3, those that a switch without boot images and scripts can have
    *("bootstrap-initiated", "bootstrap-warning", "bootstrap-error", "bootstrap-complete", "informational"),
    *("parsing-initiated", "parsing-warning", "parsing-error", "parsing-complete"),
    *("config-initiated", "config-warning", "config-error", "config-complete"),
}


def reached(start: State) -> set[State]:
    """All states that moves lead to from one."""
    found, ahead = {start}, [start]
    while ahead:
        here = ahead.pop()
        new = {to for (state, _), to in MOVES.items() if state is here} - found
        found |= new
        ahead += new
    return found


def test_every_state_can_be_reached_from_the_first_and_leads_to_the_last() -> None:
    """No state is a dead end, none is out of reach."""
    assert reached(FIRST) == set(State)
    assert all(LAST in reached(state) for state in State)


def test_every_state_but_the_last_has_a_step_and_the_moves_that_it_can_end_with() -> None:
    """What the agent does is looked up by state; a wait can only end with another try."""
    assert STEPS.keys() == set(State) - {LAST}
    for state in STEPS:
        events = {event for from_state, event in MOVES if from_state is state}
        assert events == {Event.AGAIN} if state in (State.WAITING, State.QUARANTINED) else Event.DONE in events


def test_only_a_state_that_changes_nothing_leads_to_configuring() -> None:
    """Nothing is configured whose cables were not looked at, and nothing is looked at that was not verified.

    What a power cut took is done again, for it was looked at before.
    """
    before = {to: {state for (state, event), t in MOVES.items() if t is to and event is Event.DONE} for to in State}

    assert before[State.CONFIGURING] == {State.CABLING}
    assert before[State.CABLING] == {State.VERIFYING}
    assert {state for (state, _), to in MOVES.items() if to is State.CONFIGURING} == {
        *(State.CABLING, State.CHECKING, State.COMPLYING)
    }
    assert {state for (state, _), to in MOVES.items() if to is LAST} == {State.COMPLYING}


def test_a_move_that_the_table_does_not_have_is_an_error() -> None:
    """It names both."""
    with pytest.raises(ValueError, match="ready cannot move on by failed"):
        move(State.READY, Event.FAILED)


def test_every_state_is_reported_as_a_progress_type_of_the_rfc() -> None:
    """A server that knows RFC 8572 understands them."""
    assert PROGRESS.keys() == set(State)
    assert set(PROGRESS.values()) <= RFC_8572


def test_the_document_has_the_same_table() -> None:
    """docs/ztp.md lists every move, and no other."""
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)` \|", DOCUMENT.read_text(), flags=re.MULTILINE)

    assert rows, "the document has no table of moves"
    assert {(State(state), Event(event)): State(to) for state, event, to in rows} == MOVES
