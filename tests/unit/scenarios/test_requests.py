"""Requests of clients in scenarios: when they are due, what a scenario may say of them, and the series they become."""

from itertools import takewhile
from pathlib import Path
from random import Random

import pytest

from labs.chaos.faults.model import Surge
from labs.chaos.judge import judge
from labs.chaos.model import Episode, Fidelity, ProbeLog, Recording
from labs.chaos.observing import refuse_requests
from labs.chaos.running import asked_by
from labs.chaos.scenario import load
from labs.chaos.series import series
from labs.requests.model import Outcome, RequestLog, Rush, factor, moments
from topologies.errors import Mistake

SCENARIO = """\
scenario: x
about: Nothing happens.
fabric: {design: leaf-spine, spines: 1, leaves: 2, hosts_per_leaf: 1}
requests:
  - {name: chat, clients: [leaf1-host1, leaf2-host1], url: "http://10.32.0.80/v1", rate: 8, patience: 500ms}
steps:
  - {fault: surge, requests: chat, times: 3, at: 2s, lasts: 4s}
lead: 1s
expect: [count(request) > 0]
"""


def test_a_surge_has_so_many_times_as_many_requests() -> None:
    """Within its time, which counts from the first request; the moments follow from the seed."""
    rushes = (Rush(10, 20, 4.0),)

    found = list(takewhile(lambda at: at < 30, moments(50, rushes, Random(3).expovariate)))

    inside = sum(10 <= at < 20 for at in found)
    assert inside / (len(found) - inside) == pytest.approx(2.0, rel=0.15)
    assert found == list(takewhile(lambda at: at < 30, moments(50, rushes, Random(3).expovariate)))


def test_surges_at_one_time_multiply() -> None:
    """And none is there at its end."""
    rushes = (Rush(0, 4, 2.0), Rush(2, 3, 3.0))

    assert [factor(rushes, at) for at in (1, 2, 3, 4)] == [2.0, 6.0, 2.0, 1.0]


def test_a_scenario_says_who_asks_for_what_and_when_more(tmp_path: Path) -> None:
    """A step's time counts from the steady state, and the first request comes `lead` before that."""
    path = tmp_path / "x.yml"
    path.write_text(SCENARIO)
    loaded = load(path)

    (clients,) = asked_by(loaded.scenario, loaded.scenario.steps, 7)

    assert (clients.name, clients.hosts, clients.rate, clients.patience) == (
        "chat",
        ("leaf1-host1", "leaf2-host1"),
        8,
        0.5,
    )
    assert clients.rushes == (Rush(3.0, 7.0, 3.0),)
    assert clients.seed == 7


def test_more_requests_of_what_nobody_asks_are_refused(tmp_path: Path) -> None:
    """With the nearest name."""
    path = tmp_path / "x.yml"
    path.write_text(SCENARIO)
    scenario = load(path).scenario

    with pytest.raises(Mistake, match="no requests 'chats', did you mean 'chat'"):
        asked_by(scenario, [Surge(requests="chats", times=2, at="1s", lasts="1s", name="s")], 1)


def test_clients_are_hosts(tmp_path: Path) -> None:
    """A switch asks for nothing."""
    path = tmp_path / "x.yml"
    path.write_text(SCENARIO.replace("leaf2-host1", "leaf2"))
    loaded = load(path)
    assert loaded.source.plan

    with pytest.raises(Mistake, match="no host 'leaf2', did you mean 'leaf2-host1'"):
        refuse_requests(asked_by(loaded.scenario, loaded.scenario.steps, 1), loaded.source.plan)


def test_two_kinds_of_requests_have_two_names(tmp_path: Path) -> None:
    """With the place of the second."""
    path = tmp_path / "x.yml"
    line = SCENARIO.splitlines()[4]
    path.write_text(SCENARIO.replace(line, f"{line}\n{line}"))

    with pytest.raises(Mistake, match=r"x.yml:5:12: two kinds of requests are called 'chat'"):
        load(path)


def recording(*outcomes: Outcome) -> Recording:
    """A run in which these were the requests of one host."""
    probes = ProbeLog((), (), (), 0.1, Fidelity(0.1, 0, 0, 0, 0, 0))
    episode = Episode("hung", "workload-hung", "all", 2.0, 2.0, 4.0, 4.0)
    log = RequestLog("chat", "h", 2.0, outcomes, 0.0)
    return Recording(probes, (), (episode,), (), 6.0, requests=(log,))


def answered(at: float) -> Outcome:
    """One that went well."""
    return Outcome(at, "answered", "", 0.1, 0.2, 1)


def test_what_came_of_requests_can_be_expected() -> None:
    """By when they were due, what came of them, and how long it took."""
    seen = recording(answered(1.0), Outcome(2.5, "late", "given up", 0.0, 10.0, 3), answered(5.0))

    wanted = (
        "count(request[during=hung, fate!=answered]) == 1",
        "max(request[fate=answered]) <= 200ms",
        "max(first_byte) <= 100ms",
        "max(tries) == 3",
        "last_at(request[fate!=answered]) <= 2500ms",
    )
    verdicts = [each for each in judge(wanted, seen) if not each.standing]
    assert [each.holds for each in verdicts] == [True] * 5


def test_answers_a_second_are_zero_where_there_were_none() -> None:
    """In each half second that lies wholly within the run, by when requests were due."""
    late = [Outcome(2.0 + number / 10, "late", "", 0.0, 9.0, 1) for number in range(10)]

    samples = series(recording(*map(answered, (0.9, 1.0, 1.2, 1.6)), *late, answered(3.2)))["answers"]

    assert [(each.at, each.value) for each in samples] == [(1.0, 4.0), (1.5, 2.0), (2.0, 0.0), (2.5, 0.0)]
