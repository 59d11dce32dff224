"""What several workers counted, and how they stand, made into one."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.admin.merging import merged
from gateway.admin.model import Backend, Model, State, Tenant
from gateway.core.model import Reason, Tokens
from gateway.counts import Counts, total
from gateway.metrics import Figures
from gateway.record import Done, Outcome

DONE = st.builds(
    Done,
    at=st.just(0.0),
    edge=st.sampled_from(("http", "grpc")),
    kind=st.sampled_from(("chat", "embeddings")),
    tenant=st.sampled_from(("one", "two")),
    key=st.just(""),
    model=st.just("m"),
    outcome=st.sampled_from(Outcome),
    status=st.sampled_from((200, 429, 502)),
    reason=st.sampled_from((None, Reason.TOKENS)),
    backend=st.sampled_from(("", "a", "b")),
    stream=st.booleans(),
    tries=st.integers(0, 3),
    tokens=st.builds(Tokens, st.integers(0, 9), st.integers(0, 9)),
    cost=st.integers(0, 1000),
    waited=st.sampled_from((0.0, 0.25)),
    first=st.sampled_from((0.001, 0.5, 100.0)),
    took=st.sampled_from((0.5, 128.0)),
)


def counted(done: Sequence[Done]) -> Counts:
    """What one worker counted."""
    counts = Counts()
    for each in done:
        counts.count(each)
    return counts


@given(st.lists(st.tuples(DONE, st.integers(0, 2))))
def test_it_does_not_matter_who_counted(done: list[tuple[Done, int]]) -> None:
    """Sums are those of one that had them all; also when they went over a pipe."""
    apart = [counted([each for each, who in done if who == worker]) for worker in range(3)]
    sent = [msgspec.msgpack.decode(msgspec.msgpack.encode(each), type=Counts) for each in apart]

    together, alone = figures(total(sent)), figures(counted([each for each, _ in done]))

    assert together == pytest.approx(alone)


@given(st.lists(DONE))
def test_buckets_of_histograms_never_go_down(done: list[Done]) -> None:
    """As Prometheus has them: each holds those of the ones before."""
    buckets: dict[tuple[str, ...], list[float]] = {}
    for (name, *labels), value in figures(counted(done)).items():
        if name.endswith("_bucket"):
            series = (name, *(each for each in labels if not each.startswith("le=")))
            buckets.setdefault(series, []).append(value)

    assert all(a <= b for values in buckets.values() for a, b in pairwise(values))


def figures(counts: Counts) -> dict[tuple[str, ...], float]:
    """As Prometheus reads them."""
    text = generate_latest(Figures(counts, [], {})).decode()  # type: ignore[arg-type]  # it asks for nothing but collect
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    return {(each.name, *(f"{key}={value}" for key, value in each.labels.items())): each.value for each in samples}


def stands(state: str, in_flight: int, *, ready: bool = True, lag: float = 0.0) -> State:
    """One worker, whose only server it sees so."""
    backend = Backend("a", "r1", state, in_flight, 10.0, float(state == "good"), 0.1 * in_flight)
    tenant = Tenant("one", 3, 1.0, 5.0, None, None)
    return State(ready, False, in_flight, lag, 1, (Model("m", 1, (backend,)),), (tenant,))


def test_workers_stand_together() -> None:
    """What each has is summed up; the worst that any saw is shown; accounts are shared, and not summed up."""
    state = merged([stands("good", 2, lag=0.1), stands("ejected", 0, ready=False), stands("tried", 4)])

    (model,), (tenant,) = state.models, state.tenants
    (backend,) = model.backends
    assert (state.ready, state.in_flight, state.lag, state.workers, model.waiting) == (True, 6, 0.1, 3, 3)
    assert (backend.state, backend.in_flight, backend.limit) == ("ejected", 6, 30.0)
    assert backend.share == pytest.approx(1 / 3)
    assert backend.expected == pytest.approx(0.3)
    assert tenant.running == 3


def test_while_settings_change_workers_need_not_have_the_same() -> None:
    """What only some have is shown all the same."""
    new = stands("good", 1)
    more = msgspec.structs.replace(new, models=(*new.models, msgspec.structs.replace(new.models[0], name="n")))

    state = merged([new, more])

    assert [(each.name, each.backends[0].in_flight) for each in state.models] == [("m", 2), ("n", 1)]


def test_nobody_is_not_ready() -> None:
    """While no worker answers there is nothing to show."""
    assert (merged([]).ready, merged([]).workers) == (False, 0)


def test_how_many_see_a_server_so_is_what_prometheus_reads() -> None:
    """So that one that only some workers reach can be told from one that nobody does."""
    found = figures_of([stands("good", 2), stands("ejected", 0)])

    assert {state: found["gateway_backend_state", state] for state in ("good", "ejected", "tried")} == {
        "good": 1,
        "ejected": 1,
        "tried": 0,
    }
    assert found["gateway_backend_in_flight", ""] == 2


def figures_of(states: Sequence[State]) -> dict[tuple[str, str], float]:
    """Each metric, by its state where it has one."""
    samples = [each for family in Figures(Counts(), states, {}).collect() for each in family.samples]
    return {(each.name, each.labels.get("state", "")): each.value for each in samples}
