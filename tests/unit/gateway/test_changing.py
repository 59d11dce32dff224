"""Other settings while requests are under way: what stays keeps how it stands, what goes finishes what it has."""

from random import Random

from gateway.core.admission import Admitted, Core, Model, Queued, Setup, Ticket
from gateway.core.concurrency import Tuning
from gateway.core.health import State
from gateway.core.model import Ask, Reason, Refused, Tokens
from gateway.core.servers import Server, Standing
from gateway.core.tenants import Limits

M1, M2 = Server("m1", "r1"), Server("m2", "r2")
INITIAL = int(Tuning().initial)


def setup(*servers: Server, limits: Limits | None = None, model: str = "m") -> Setup:
    """One tenant and one model."""
    return Setup({"t": limits or Limits()}, {model: Model(servers)} if servers else {}, rack="r1")


def core(*servers: Server, limits: Limits | None = None) -> Core:
    return Core(setup(*servers, limits=limits), Random(1).randrange, 0.0)


def ask(to: Core) -> tuple[Ticket, Admitted | Queued]:
    """A request that is let in."""
    ticket, told, _ = to.asked(Ask("t", "m", Tokens(10, 10)), 0.0)
    assert ticket is not None
    assert not isinstance(told, Refused)
    return ticket, told


def standing(of: Core) -> dict[str, Standing]:
    """All backends of the one model by name."""
    ((_, _, backends),) = of.standings(0.0)
    return {each.server.name: each for each in backends}


def test_a_backend_that_goes_finishes_what_it_has() -> None:
    """It gets nothing new, and its end is as any other."""
    it = core(M1)
    ticket, told = ask(it)
    it.change(setup(M2), 0.0)

    assert told == Admitted("m1")
    assert [ask(it)[1] for _ in range(3)] == [Admitted("m2")] * 3
    assert it.answered(ticket, "m1", 0.1, 0.0) == []
    it.ended(ticket, Tokens(10, 5), 0.0)
    assert {name: each.in_flight for name, each in standing(it).items()} == {"m2": 3}


def test_a_backend_that_comes_back_has_what_it_had_under_way() -> None:
    """Taken out of the file and put back while it is at work, it is the same."""
    it = core(M1)
    ticket, _ = ask(it)
    it.change(setup(M2), 0.0)
    it.change(setup(M1, M2), 0.0)

    assert standing(it)["m1"].in_flight == 1
    it.ended(ticket, Tokens(), 0.0)
    assert standing(it)["m1"].in_flight == 0


def test_how_a_backend_stands_outlives_a_change() -> None:
    """Drained or ejected it stays so; its rack may be another."""
    it = core(M1, M2)
    it.drained("m", "m1", 0.0)
    it.change(setup(Server("m1", "r9"), M2), 0.0)

    assert standing(it)["m1"].state is State.DRAINING
    assert standing(it)["m1"].server.rack == "r9"


def test_who_waits_for_a_model_that_goes_is_told() -> None:
    """And holds nothing any more."""
    it = core(M1)
    running = [ask(it)[0] for _ in range(INITIAL)]
    waiting, told = ask(it)
    settled = it.change(setup(), 0.0)

    assert told == Queued()
    assert settled == [(waiting, Refused(Reason.NO_BACKEND))]
    for each in running:
        it.ended(each, Tokens(), 0.0)
    tenant = it.tenant("t")
    assert tenant is not None
    assert (tenant.running, it.door.inside) == (0, 0)


def test_a_request_for_what_has_just_gone_is_refused() -> None:
    """Its edge had found it there a moment ago."""
    it = core(M1)
    it.change(Setup({}, {"m": Model((M1,))}), 0.0)
    assert it.asked(Ask("t", "m", Tokens(1, 1)), 0.0) == (None, Refused(Reason.NO_BACKEND), [])

    it.change(setup(), 0.0)
    assert it.asked(Ask("t", "m", Tokens(1, 1)), 0.0) == (None, Refused(Reason.NO_BACKEND), [])
    assert it.door.inside == 0


def test_who_waits_goes_to_a_backend_that_comes() -> None:
    """At once, not at the next end of another's."""
    it = core(M1)
    for _ in range(INITIAL):
        ask(it)
    waiting, _ = ask(it)

    assert it.change(setup(M1, M2), 0.0) == [(waiting, Admitted("m2"))]


def test_a_tenant_keeps_what_it_used() -> None:
    """Other limits are no new minute."""
    it = core(M1, limits=Limits(requests_per_minute=2))
    ask(it)
    it.change(setup(M1, limits=Limits(requests_per_minute=1)), 0.0)
    ask(it)

    assert it.asked(Ask("t", "m", Tokens(1, 1)), 0.0)[1] == Refused(Reason.REQUESTS, 60.0)


def test_one_that_is_not_well_when_asked_is_ejected() -> None:
    """As after requests that fail; asked often enough, nobody's request has to find out."""
    it = core(M1, M2)
    for _ in range(5):
        it.checked("m", "m1", 0.0, well=False)

    assert standing(it)["m1"].state is State.EJECTED
    assert {ask(it)[1] for _ in range(5)} == {Admitted("m2")}


def test_one_taken_back_gets_requests_again() -> None:
    """A part of its share at first."""
    it = core(M1)
    it.drained("m", "m1", 0.0)
    assert it.asked(Ask("t", "m", Tokens(1, 1)), 0.0)[1] == Refused(Reason.NO_BACKEND)

    it.returned("m", "m1", 0.0)
    assert standing(it)["m1"].state is State.TRIED
    assert ask(it)[1] == Admitted("m1")
