"""What the user sees of switches that provision themselves."""

from automation.ztp.standing import Standing
from automation.ztp.states import State
from labs.cli.provisioning import fitting, used


def standing(node: str, state: State) -> Standing:
    return Standing(node, f"CL-{node}", state=state)


def test_where_the_terminal_is_short_those_that_are_ready_go_first() -> None:
    """What is left stands in the order that it had; at least one line is there."""
    found = [standing("a", State.READY), standing("b", State.CHECKING), standing("c", State.READY)]

    assert fitting(found, 9) == found
    assert [each.node for each in fitting(found, 2)] == ["b", "c"]
    assert [each.node for each in fitting(found, 1)] == ["b"]
    assert [each.node for each in fitting(found, -3)] == ["b"]


def test_columns_with_nothing_in_them_are_left_out() -> None:
    """A state that no switch was in, and reasons where there are none."""
    columns, rows = used([standing("a", State.READY)])

    assert columns == ["SWITCH", "SERIAL", "STATE"]
    assert rows == [["a", "CL-a", "ready"]]
