"""Where the switches of a lab stand, out of what the server's registry has."""

from automation.ztp.standing import GIVEN_UP, MoveRow, Status, SwitchRow, standings
from automation.ztp.states import State
from automation.ztp.watching import listed

CROSSED = "leaf1:eth1 should lead to spine1:eth1, and leads to spine1:eth2"
TRY = (State.BOOTSTRAPPING, State.VERIFYING, State.CABLING, State.QUARANTINED, State.DISCOVERING)


def status(moves: list[tuple[State, str]]) -> Status:
    """What a server knows of one switch that made these moves, one a second."""
    rows = tuple(
        MoveRow("S1", "m1", "life", number, state, "", why, 1.0, float(number))
        for number, (state, why) in enumerate(moves)
    )
    state, why = moves[-1]
    switch = SwitchRow("S1", "m1", "", "", "10.0.0.2/24", "leaf1", state, why, 0.0, float(len(moves)))
    return Status(len(moves), (switch,), rows)


def test_a_switch_that_is_given_up_says_what_it_was_refused_for_also_while_it_tries_again() -> None:
    """It asks anew by itself: what it is at by chance when somebody looks is not what that person must mend."""
    tries = [(state, CROSSED if state is State.QUARANTINED else "") for state in TRY * GIVEN_UP]

    (stands,) = standings(status([*tries, (State.CABLING, "leaf1, version 1")]), {"leaf1": "S1"})

    assert stands.stuck
    assert listed([stands]) == f"leaf1 is cabling: {CROSSED}"


def test_a_switch_that_is_not_given_up_says_what_it_is_at() -> None:
    """It was refused once, and the next time something else is in its way."""
    once = [(state, CROSSED if state is State.QUARANTINED else "") for state in TRY]

    (stands,) = standings(status([*once, (State.WAITING, "no DHCP server answers")]), {"leaf1": "S1"})

    assert not stands.stuck
    assert listed([stands]) == "leaf1 is waiting: no DHCP server answers"
