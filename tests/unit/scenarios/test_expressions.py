"""The language of expectations: what it means, and what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.chaos.expressions.checking import checked
from labs.chaos.expressions.evaluate import FUNCTIONS, NoValue, Scope, evaluate
from labs.chaos.model import Episode
from labs.chaos.series import SERIES, Sample
from topologies.errors import Mistake


def sample(at: float, value: float, **labels: str) -> Sample:
    """A sample."""
    return Sample(at, value, {"source": "h1", "target": "h2", "family": "ipv4", "flow": "0", **labels})


OUTAGES = (sample(0.5, 0.2), sample(1.5, 0.1, source="h2"), sample(2.5, 0.4, flow="1"), sample(3.0, 0.3))
SCOPE = Scope(
    {name: () for name in SERIES} | {"outage": OUTAGES, "sent": (sample(0, 1000),), "lost": (sample(0, 5),)},
    (Episode("cut", "link-down", "x", 1.0, 1.1, 2.0, 3.0), Episode("late", "link-down", "x", 2.6, 2.7)),
    4.0,
)


def value(text: str) -> float:
    """What an expectation gives."""
    return evaluate(checked(text, ["cut", "late"]), SCOPE)


@pytest.mark.parametrize(
    "text",
    [
        "max(outage) == 400ms",
        "min(outage) == 0.1s",
        "count(outage) == 4",
        "sum(outage) > 0.99 s and sum(outage) < 1.01s",
        "mean(outage) == 250ms",
        "p50(outage) == 200ms",
        "p99(outage) == 0.4s",
        "first_at(outage) == 0.5s",
        "last_at(outage) == 3s",
        "last_at(outage) - first_at(outage) == 2500ms",
        "max(outage) / min(outage) == 4",
        "2 * max(outage) == 800ms",
        "max(outage) * 2 == 800ms",
        "sum(lost) / sum(sent) <= 0.5 %",
        "not sum(lost) / sum(sent) <= 0.4%",
        "count(outage[source=h2]) == 1",
        "count(outage[source!=h2]) == 3",
        "count(outage[source=h*, flow=1]) == 1",
        "count(outage[during=cut]) == 1",
        "count(outage[before=cut]) == 1",
        "count(outage[after=cut]) == 2",
        "count(outage[during=late]) == 1",  # never healed: to the end
        "count(outage[after=late]) == 0",
        "max(bgp_down) == 0",
        "sum(bgp_down) == 0 or mean(bgp_down) == 0",  # the right side is not asked
        "1 < 2 and (2 < 1 or 1 == 1)",
        "1 + 2 * 3 == 7",
        "(1 + 2) * 3 == 9",
        "10 - 2 - 3 == 5",
        "12 / 2 / 3 == 2",
        "-1 < 0",
        "max(goodput) <= 5 Mbps and 1000kbps == 1Mbps and 2 * 500Mbps == 1Gbps",
        "1k/2 == 500",
        "2k == 2000 and 1M == 1000 * 1k and 1min == 60s and 1000us == 1ms",
    ],
)
def test_what_is_true_is_found_true(text: str) -> None:
    """Each one holds, and its opposite does not."""
    assert value(text) == 1
    assert value(f"not ({text})") == 0


@pytest.mark.parametrize(
    ("text", "why", "column"),
    [
        ("max(outage) <= 1", "a time and a number do not go together", 12),
        ("sum(lost) <= 1s", "a number and a time do not go together", 10),
        ("max(outage) + 1 < 1s", "do not go together", 12),
        ("max(outage) * max(outage) < 1s", "a time and a time cannot be multiplied", 12),
        ("1 / max(outage) < 1", "a number cannot be divided by a time", 2),
        ("min(goodput) >= 5", "a rate and a number do not go together", 13),
        ("min(goodput)", "such as min(goodput) <= 1Mbps", 0),
        ("count(outage) <= 1s", "do not go together", 14),
        ("max(outag) <= 1s", "no series 'outag', did you mean 'outage'?", 0),
        ("mx(outage) <= 1s", "no function 'mx', did you mean 'max'?", 0),
        ("max(outage[during=cat]) <= 1s", "no step 'cat', did you mean 'cut'?", 11),
        ("max(outage[during!=cut]) <= 1s", "during takes =", 11),
        ("max(outage[node=a]) <= 1s", "no label of outage 'node'", 11),
        ("max(outage)", "an expectation compares: such as max(outage) <= 1s", 0),
        ("count(outage)", "an expectation compares: such as count(outage) <= 1", 0),
        ("1 and 2 < 3", "'and' cannot join a number and a comparison", 2),
        ("not 1", "'not' cannot stand before a number", 0),
        ("(1 < 2) + 1 < 2", "'+' cannot join", 8),
        ("-(1 < 2)", "'-' cannot stand before", 0),
        ("max(outage) <= 5 parsec", "no unit 'parsec'", 17),
        ("max(outage", "')' must stand here", 10),
        ("max outage", "max is a function", 4),
        ("max()", "the name of a series", 4),
        ("max(outage[]) < 1s", "a label must stand here", 11),
        ("max(outage[source]) < 1s", "= or != must stand here", 17),
        ("max(outage[source=]) < 1s", "what the label is to be", 18),
        ("1 < 2 < 3", "nothing may follow here", 6),
        ("1 <", "a number, a function or a bracket", 3),
        ("", "a number, a function or a bracket", 0),
        ("1 < 2 # c", "'#' means nothing here", 6),
        ("(" * 60 + "1", "nested too deep", 50),
        ("__import__(os) < 1", "no function '__import__'", 0),
    ],
)
def test_what_means_nothing_is_refused_with_a_mark_under_it(text: str, why: str, column: int) -> None:
    """Before anything runs."""
    with pytest.raises(Mistake) as error:
        checked(text, ["cut", "late"])

    said, shown, mark = str(error.value).split("\n")
    assert why in said
    assert shown == f"    {text}"
    assert mark == " " * (4 + column) + "^"


@pytest.mark.parametrize(
    "text",
    ["mean(bgp_down) < 1", "first_at(bgp_down) < 1s", "p99(reconvergence) < 1s", "sum(lost) / sum(bgp_down) < 1"],
)
def test_what_has_no_value_says_so(text: str) -> None:
    """A mean of nothing, a division by zero."""
    with pytest.raises(NoValue):
        value(text)


@given(st.text(alphabet="max(outge)<=1s[]=,*+-/ andor%", max_size=40))
def test_any_text_is_an_expectation_or_a_mistake(text: str) -> None:
    """And nothing else is ever raised."""
    try:
        found = checked(text, ["cut"])
        evaluate(found, SCOPE)
    except (Mistake, NoValue):
        return
    assert evaluate(found, SCOPE) in (0, 1)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_functions_agree_with_each_other(values: list[float]) -> None:
    """Whatever the samples are."""
    samples = [sample(number, each) for number, each in enumerate(values)]

    found = {name: function.of(samples) for name, function in FUNCTIONS.items()}

    assert found["min"] <= found["p50"] <= found["p90"] <= found["p99"] <= found["max"]
    assert found["min"] <= found["mean"] + 1e-9
    assert found["mean"] <= found["max"] + 1e-9
    assert found["sum"] == pytest.approx(found["mean"] * found["count"])
