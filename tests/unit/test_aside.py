"""Work in a child process: its result, its errors, its end."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from topologies.aside import aside, held
from topologies.errors import Fault, Mistake
from topologies.waiting import until


def test_what_the_child_returns_is_given_when_it_is_asked_for() -> None:
    """The caller goes on meanwhile, and the work was done in another process."""
    with aside("sum", lambda: (os.getpid(), sum(range(10)))) as done:
        pid, total = done()

    assert total == 45
    assert pid != os.getpid()


@pytest.mark.parametrize("error", [Mistake("no such thing"), Fault("it broke"), OSError(28, "No space left")])
def test_what_the_child_raises_is_raised_here(error: Exception) -> None:
    """Errors that users are told of keep their kind and their words."""

    def fail() -> None:
        raise error

    with aside("failing", fail) as done, pytest.raises(type(error), match=str(error.args[-1])):
        done()


def test_a_child_that_dies_is_a_fault_that_says_what_it_was_at() -> None:
    """Whatever ended it: there is no whole answer."""
    with aside("mesh", lambda: os._exit(3)) as done, pytest.raises(Fault, match=r"mesh: .* ended without a word"):
        done()


def test_a_child_that_nobody_asks_ends_with_the_block(tmp_path: Path) -> None:
    """Also where the block is left by an error while the child is still at work."""
    number = tmp_path / "pid"

    def wait() -> None:
        number.write_text(str(os.getpid()))
        os.read(os.pipe()[0], 1)

    with pytest.raises(Mistake), aside("waiting", wait):  # noqa: PT012 - the block is what is left
        until("the child is at work", lambda: "" if number.exists() and number.read_text() else "no", within=10)
        raise Mistake("something else")

    assert not Path(f"/proc/{number.read_text()}").exists()


def test_work_that_is_held_begins_when_it_is_let(tmp_path: Path) -> None:
    """It is made ready at once, and what it does then is done after `begin`."""
    made, done = tmp_path / "made", tmp_path / "done"

    def prepare() -> Callable[[], str]:
        made.touch()
        return lambda: (done.touch(), "sent")[1]

    with held("mesh", prepare) as child:
        until("it is made ready", lambda: "" if made.exists() else "no", within=10)
        assert not done.exists()
        child.begin()
        assert child.result() == "sent"
    assert done.exists()


def test_what_cannot_be_made_ready_is_told_when_asked_for() -> None:
    """Nobody waits for a child that failed before it was let begin."""

    def prepare() -> Callable[[], str]:
        raise Mistake("too few open files")

    with held("mesh", prepare) as child:
        child.begin()
        with pytest.raises(Mistake, match="too few open files"):
            child.result()
