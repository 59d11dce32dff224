"""`tools netem`: durations as Go writes them, tc's words, and what is refused."""

import json

import pytest

from labs.clab.netem import Impairment, cells, duration, impairment, read, refusal, report, seconds, words
from topologies.errors import Mistake


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


@pytest.mark.parametrize(
    ("asked", "own", "tail"),
    [
        (Impairment(rate=1000), 0, "tbf rate 1000kbit burst 20000 latency 50ms"),
        (Impairment(rate=100_000), 0, "tbf rate 100000kbit burst 125000 latency 50ms"),
        (Impairment(), 0, "noqueue"),
        (Impairment(), 5000, "tbf rate 5000kbit burst 20000 latency 50ms"),
        (Impairment(rate=9000), 5000, "tbf rate 5000kbit burst 20000 latency 50ms"),
        (Impairment(delay=0.005, jitter=0.001), 0, "netem delay 5000us 1000us"),
        (Impairment(loss=10, corruption=2.5, rate=100), 0, "netem loss 10% corrupt 2.5% rate 100kbit"),
        (Impairment(loss=10), 5000, "netem loss 10% rate 5000kbit"),
    ],
)
def test_the_words_for_tc(asked: Impairment, own: int, tail: str) -> None:
    """A rate alone is tbf's; the link's own rate stays under everything."""
    assert " ".join(words(asked, "eth1", own_kbit=own)) == f"tc qdisc replace dev eth1 root {tail}"


def test_a_kernel_without_netem_is_named_with_what_it_cannot_do() -> None:
    """A refusal for another reason is not explained away."""
    said = "Error: Specified qdisc kind is unknown."

    assert refusal(Impairment(delay=1, loss=2, rate=3), said).startswith("delay, loss: this kernel has no netem")
    assert refusal(Impairment(rate=3), said) == ""
    assert refusal(Impairment(delay=1), "RTNETLINK answers: Operation not permitted") == ""


def test_tc_is_read_back() -> None:
    """Queues of both kinds, in the real program's units; tbf's line is as iproute2 6.1 prints it."""
    tc = [
        {"kind": "tbf", "handle": "8005:", "dev": "eth1", "root": True, "options": {"rate": 125000, "burst": 20000}},
        {
            "kind": "netem",
            "dev": "eth2",
            "options": {
                "delay": {"delay": 0.1, "jitter": 0.01, "correlation": 0},
                "loss-random": {"loss": 0.1, "correlation": 0},
                "rate": {"rate": 12500},
            },
        },
        {"kind": "noqueue", "dev": "eth3", "options": {}},
    ]

    found = read(json.dumps(tc))

    assert found["eth1"] == Impairment(rate=1000)
    assert found["eth2"] == Impairment(delay=0.1, jitter=0.01, loss=10, rate=100)
    assert found["eth3"] == Impairment()
    assert read("") == {}


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
