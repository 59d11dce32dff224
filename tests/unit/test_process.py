"""The door for starting programs, where no lab is needed to see it."""

import signal

import pytest

from topologies import process
from topologies.errors import Fault, Mistake


def test_an_interrupt_is_the_attached_programs_to_heed() -> None:
    """It is not killed by it, ends as it wants, and afterwards this process heeds interrupts as before."""
    before = signal.getsignal(signal.SIGINT)
    words = "trap 'exit 7' INT; kill -INT $PPID; kill -INT $$; exit 1"

    code = process.attach(["sh", "-c", words])

    assert code == 7
    assert signal.getsignal(signal.SIGINT) is before


def test_a_failure_quotes_the_command_its_code_and_its_words() -> None:
    """So that nobody has to run it again to know."""
    with pytest.raises(Fault, match=r"exit code 3 from: sh -c 'echo no room >&2; exit 3'\nno room"):
        process.run(["sh", "-c", "echo no room >&2; exit 3"])


def test_a_program_that_does_not_end_in_time_is_a_fault() -> None:
    """The text says which, and how long it was given."""
    with pytest.raises(Fault, match=r"not finished after 0\.05 s: sleep 60"):
        process.run(["sleep", "60"], timeout=0.05)


@pytest.mark.parametrize("start", [process.run, process.attach])
def test_a_missing_program_is_named(start: object) -> None:
    """With the command that says what installs it."""
    with pytest.raises(Mistake, match="program not found: no-such-program; `closlab doctor`"):
        start(["no-such-program"])  # type: ignore[operator]  # either of the two doors


def test_a_signal_counts_as_shells_count_it() -> None:
    """128 and its number, whichever way the program was started."""
    argv = ["sh", "-c", "kill -9 $$"]

    codes = (process.run(argv, check=False).code, process.gather(argv).code, process.attach(argv))

    assert codes == (137, 137, 137)
