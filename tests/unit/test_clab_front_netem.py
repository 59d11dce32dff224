"""`tools netem`: durations as Go writes them, units, and what is refused."""

import pytest

from labs.clab import netem
from labs.clab.netem import Impairment, cells, duration, impairment, report, seconds
from topologies.errors import Mistake
from topologies.impairments import model


@pytest.mark.parametrize(
    ("text", "value"), [("5ms", 0.005), ("1.5s", 1.5), ("1m30s", 90), ("0", 0), ("0s", 0), ("250us", 0.00025)]
)
def test_a_duration_is_read_as_go_writes_it(text: str, value: float) -> None:
    """With a unit each part, or a bare 0."""
    assert seconds("--delay", text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["5", "ms", "5 ms", "1s5", "-1s", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """The message shows one."""
    with pytest.raises(Mistake, match="such as 5ms"):
        seconds("--delay", text)


@pytest.mark.parametrize(("value", "text"), [(0.1, "100ms"), (1.5, "1.5s"), (0.00025, "250µs"), (0, "0s")])
def test_a_duration_is_written_as_go_writes_it(value: float, text: str) -> None:
    """In the largest unit that leaves a number of one or more."""
    assert duration(value) == text


@pytest.mark.parametrize(
    ("asked", "words_of_it"),
    [
        (("0s", "0s", 101.0, 0, 0.0), "from 0 to 100"),
        (("0s", "0s", 0.0, 0, -1.0), "from 0 to 100"),
        (("0s", "1ms", 0.0, 0, 0.0), "--jitter needs --delay"),
        (("0s", "0s", 0.0, -5, 0.0), "not below 0"),
    ],
)
def test_what_makes_no_sense_is_refused(asked: tuple[str, str, float, int, float], words_of_it: str) -> None:
    """Before anything is done."""
    with pytest.raises(Mistake, match=words_of_it):
        impairment(*asked)


def test_the_backends_units_are_others() -> None:
    """Milliseconds and Mbit/s there, and back; a link's own rate is shown where no other is set."""
    asked = Impairment(delay=0.1, jitter=0.01, loss=10, rate=1500, corruption=2.5)
    made = model.Impairment(1.5, 100, 10, 10, 2.5)

    assert netem.made_of(asked) == made
    assert netem.shown_as(made, own_kbit=5000) == asked
    assert netem.shown_as(model.Impairment(), own_kbit=5000) == Impairment(rate=5000)


def test_the_shapes_of_show() -> None:
    """As the real program prints them."""
    found = Impairment(delay=0.1, loss=10)

    assert report("eth1", found) == {
        "interface": "eth1",
        "delay": "100ms",
        "jitter": "",
        "packet_loss": 10,
        "rate": 0,
        "corruption": 0,
    }
    assert cells("eth1", found) == ["eth1", "100ms", "0s", "10.00%", "0", "0.00%"]
    assert cells("eth1", Impairment()) == ["eth1", "N/A", "N/A", "N/A", "N/A", "N/A"]
