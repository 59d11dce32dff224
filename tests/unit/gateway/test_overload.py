"""What the gateway does when there is more to do than can be done: as properties, in simulated time."""

import pytest
from world import World

from gateway.core.admission import Admitted
from gateway.core.model import Ask, Priority, Reason, Refused, Tokens

FOUR = {"m1": "r1", "m2": "r1", "m3": "r2", "m4": "r2"}
CAPACITY = 400  # answers a second: four backends with ten slots of a tenth of a second


def loaded(times: float) -> World:
    """A world that is offered so many times what it can do, for twenty seconds."""
    world = World(FOUR)
    world.load(times * CAPACITY, begin=0, end=20)
    world.run(20)
    return world


def test_what_can_be_done_is_done() -> None:
    """Below its capacity nobody is refused."""
    world = loaded(0.7)

    assert sum(world.told.values()) == 0
    assert world.goodput(5, 20) == pytest.approx(0.7 * CAPACITY, rel=0.05)


@pytest.mark.parametrize("times", [1.0, 1.5, 3.0, 5.0])
def test_overload_costs_little_of_what_can_be_done(times: float) -> None:
    """At least nine tenths of the capacity is answered in time, whatever is asked."""
    world = loaded(times)

    assert world.goodput(5, 20) >= 0.9 * CAPACITY, world.told


def test_work_is_not_done_in_vain() -> None:
    """What backends do is nearly all for somebody who still waits."""
    world = loaded(3.0)

    worked = sum(at >= 5 for at, _ in world.worked)
    good = sum(at >= 5 for at, _, _ in world.good)
    assert good >= 0.97 * worked


def test_high_priority_does_not_notice() -> None:
    """A tenth of the capacity beside three times of it in the lowest class."""
    world = World(FOUR)
    world.load(40, begin=0, end=20, priority=Priority.HIGH, tenant="b")
    world.load(3 * CAPACITY, begin=0, end=20, priority=Priority.BATCH)
    world.run(20)

    asked = 40 * 15
    assert world.goodput(5, 20, Priority.HIGH) * 15 >= 0.97 * asked
    assert world.goodput(5, 20) >= 0.9 * CAPACITY


def test_a_tenant_that_asks_too_much_takes_nothing_from_others() -> None:
    """Each of two modest ones gets nearly all that it asks for, and the greedy one the rest."""
    world = World(FOUR)
    world.load(3 * CAPACITY, begin=0, end=20, tenant="a")
    world.load(50, begin=0, end=20, tenant="b")
    world.load(50, begin=0, end=20, tenant="c")
    world.run(20)

    for tenant in ("b", "c"):
        served = sum(at >= 5 and each == tenant for at, _, each in world.good)
        asked = sum(at >= 5 and each == tenant for at, each in world.asked)
        assert served >= 0.9 * asked, tenant


def test_a_storm_of_retries_ends_with_its_cause() -> None:
    """Clients ask up to three times; half of the backends are dead for a while. Soon after, all is as before."""
    world = World(FOUR, again=2)
    world.load(0.7 * CAPACITY, begin=0, end=40)
    world.at(10, lambda: [setattr(world.backends[each], "dead", True) for each in ("m1", "m2")] and None)
    world.at(20, lambda: [setattr(world.backends[each], "dead", False) for each in ("m1", "m2")] and None)
    world.run(40)

    assert world.goodput(12, 20) >= 0.45 * CAPACITY
    assert world.goodput(5, 10) == pytest.approx(0.7 * CAPACITY, rel=0.05)


def test_a_dead_backend_is_left_alone_and_hardly_anybody_notices() -> None:
    """Its requests are asked elsewhere, within the budget for that, until it is ejected."""
    world = World(FOUR)
    world.load(0.5 * CAPACITY, begin=0, end=20)
    world.at(10, lambda: setattr(world.backends["m3"], "dead", True))
    world.run(20)

    assert world.told["failed"] <= 3
    assert world.goodput(11, 20) == pytest.approx(0.5 * CAPACITY, rel=0.07)


def test_who_cannot_be_answered_in_time_is_refused_at_once() -> None:
    """By how long answers take when nothing waits; a client that has a little more time is served."""
    world = World(FOUR)
    world.load(50, begin=0, end=5)
    world.run(10)
    hopeless = Ask("a", "m", Tokens(1), deadline=world.now + 0.05)
    hopeful = Ask("a", "m", Tokens(1), deadline=world.now + 0.2)

    assert world.core.asked(hopeless, world.now) == (None, Refused(Reason.DEADLINE, float("inf")), [])
    assert isinstance(world.core.asked(hopeful, world.now)[1], Admitted)


def slow_sometimes(*, hedging: bool) -> World:
    """Half of what can be done, and of two backends one request in fifty takes ten times as long."""
    world = World(FOUR, hedging=hedging, patience=3.0)
    for name in ("m1", "m2"):
        world.backends[name].slow = 0.02
    world.load(0.5 * CAPACITY, begin=0, end=30)
    world.run(40)
    return world


def test_a_second_backend_is_asked_where_the_first_is_late() -> None:
    """The longest waits become short, and it costs no more than its budget."""
    plain, hedged = slow_sometimes(hedging=False), slow_sometimes(hedging=True)
    late = [sorted(world.took)[len(world.took) * 99 // 100] for world in (plain, hedged)]

    assert late[1] < late[0] / 2
    assert len(hedged.worked) <= 1.06 * len(plain.worked) + 10
    assert hedged.told.total() == 0


def test_everything_that_was_held_is_given_back() -> None:
    """When all is over nothing is under way, nobody waits, and no tenant holds anything."""
    world = World(FOUR, again=2, hedging=True)
    world.load(3 * CAPACITY, begin=0, end=20)
    world.run(60)

    assert world.core.door.inside == 0
    tenants = [world.core.tenant(name) for name in ("a", "b", "c")]
    assert [(each.running, each.page.held) for each in tenants if each is not None] == [(0, 0)] * 3
    ((_, waiting, backends),) = world.core.standings(world.now)
    assert (waiting, [each.in_flight for each in backends]) == (0, [0] * 4)
