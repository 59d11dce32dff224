"""DCQCN by hand: who notifies when, and what a notification and time do to a rate."""

from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.traffic.qp.dcqcn.notification import NotificationPoint, notification
from labs.traffic.qp.dcqcn.parameters import KINDS, Dcqcn, Kind
from labs.traffic.qp.dcqcn.reaction import ReactionPoint, Stage, stage
from topologies.errors import Mistake

LINE = 40e9
WANTED = Dcqcn(line_rate=LINE, min_rate=1e9)
US = 1000


def test_the_first_mark_is_answered_at_once() -> None:
    """Then there is one notification an interval, at its end, if there was a mark within."""
    point = NotificationPoint(50 * US)
    assert not point.due(0)
    assert point.next_moment(0) is None
    point.mark()
    assert point.due(7)
    assert point.next_moment(7) == 7
    point.sent(7)
    assert not point.due(7)
    point.mark()
    point.mark()
    assert not point.due(50 * US + 6)
    assert point.next_moment(100) == 50 * US + 7
    assert point.due(50 * US + 7)


def test_a_notification_that_was_not_sent_stays_due() -> None:
    """The interval begins with the one that was."""
    point = NotificationPoint(50 * US)
    point.mark()
    assert point.due(10)
    assert point.due(20)
    point.sent(20)
    point.mark()
    assert point.next_moment(20) == 50 * US + 20


@given(st.lists(st.tuples(st.integers(0, 40 * US), st.booleans()), max_size=200))
def test_never_two_notifications_within_an_interval(steps: list[tuple[int, bool]]) -> None:
    """Whatever is marked when; and every mark is followed by one within an interval, if one looks."""
    point, now, told, waiting = NotificationPoint(50 * US), 0, [], None
    for wait, marked in steps:
        moment = point.next_moment(now)
        if moment is not None and moment <= now + wait:
            assert point.due(moment)
            point.sent(moment)
            told.append(moment)
            assert waiting is None or moment <= waiting + 50 * US
            waiting = None
        now += wait
        if marked:
            point.mark()
            waiting = now if waiting is None else waiting
    assert all(later - earlier >= 50 * US for earlier, later in pairwise(told))


def test_a_notification_is_a_cnp_to_the_sender() -> None:
    """Opcode 0x81."""
    assert (notification(5).opcode, notification(5).qp, notification(5).size) == (0x81, 5, 0)


def test_nothing_happens_before_the_first_notification() -> None:
    """It sends with the line rate, whatever it sends and however long."""
    point = ReactionPoint(WANTED, 0)
    for now in range(0, 10_000 * US, 100 * US):
        point.sent(10_000_000, now)
    assert (point.rate, point.target, point.alpha, point.decreases) == (LINE, LINE, 1.0, 0)


def test_the_first_notification_halves_the_rate() -> None:
    """Alpha being 1; the next one too if it follows at once, and never below the least rate."""
    point = ReactionPoint(WANTED, 0)
    point.notified(100)
    assert (point.rate, point.target) == (LINE / 2, LINE)
    point.notified(101)
    assert (point.rate, point.target) == (LINE / 4, LINE / 2)
    for now in range(102, 120):
        point.notified(now)
    assert point.rate == 1e9
    assert point.decreases == 20


def test_alpha_follows_what_was_heard() -> None:
    """(1 - g) alpha + g for an interval with news, (1 - g) alpha without, from the first notification on."""
    wanted = replace(WANTED, g=0.25)
    point = ReactionPoint(wanted, 0)
    point.notified(1000)
    point.pass_time(1000 + 55 * US - 1)
    assert point.alpha == 1
    point.pass_time(1000 + 55 * US)
    assert point.alpha == 1
    point.pass_time(1000 + 110 * US)
    assert point.alpha == 0.75
    point.notified(1000 + 120 * US)
    point.pass_time(1000 + 165 * US)
    assert point.alpha == 0.75 * 0.75 + 0.25
    point.pass_time(1000 + 385 * US)
    assert point.alpha == pytest.approx(0.8125 * 0.75**4, rel=1e-12)


def test_fast_recovery_goes_half_way_back() -> None:
    """Five times by time, then the target grows by 40 Mb/s a step."""
    point = ReactionPoint(replace(WANTED, hyper_rate=1e9), 0)
    point.notified(0)
    point.notified(1)
    expected = LINE / 4
    for step in range(1, 6):
        point.pass_time(1 + step * 55 * US - 1)
        assert point.rate == expected
        point.pass_time(1 + step * 55 * US)
        expected = (expected + LINE / 2) / 2
        assert (point.rate, point.target) == (expected, LINE / 2)
    point.pass_time(1 + 6 * 55 * US)
    assert point.target == LINE / 2 + 40e6
    assert point.rate == (expected + LINE / 2 + 40e6) / 2
    point.pass_time(1 + 10 * 55 * US)
    assert point.target == LINE / 2 + 5 * 40e6


def test_bytes_are_steps_too() -> None:
    """One for each 10 MB, also where one packet were several; beyond five of both kinds the target grows faster."""
    point = ReactionPoint(WANTED, 0)
    point.notified(0)
    point.notified(1)
    point.sent(9_999_999, 2)
    assert point.rate == LINE / 4
    point.sent(1, 3)
    assert point.rate == LINE * 3 / 8
    point.sent(50_000_000, 4)
    assert point.target == LINE / 2 + 40e6
    point.pass_time(1 + 5 * 55 * US)
    assert point.target == LINE / 2 + 6 * 40e6  # by time no more than five, by bytes six
    point.pass_time(1 + 6 * 55 * US)
    assert point.target == LINE / 2 + 6 * 40e6 + 100e6


@pytest.mark.parametrize(
    ("by_time", "by_bytes", "expected"),
    [
        (0, 0, Stage.FAST),
        (5, 5, Stage.FAST),
        (6, 0, Stage.ADDITIVE),
        (0, 6, Stage.ADDITIVE),
        (6, 5, Stage.ADDITIVE),
        (1000, 5, Stage.ADDITIVE),
        (6, 6, Stage.HYPER),
    ],
)
def test_stages(by_time: int, by_bytes: int, expected: Stage) -> None:
    """The larger count ends fast recovery, the smaller one begins hyper increase."""
    assert stage(by_time, by_bytes, 5) is expected


def test_a_notification_counts_all_from_zero() -> None:
    """Steps of both kinds, and the bytes on the way to one."""
    point = ReactionPoint(WANTED, 0)
    point.notified(0)
    point.sent(9_000_000, 1)
    point.notified(50 * US)
    before = point.rate
    point.sent(9_000_000, 55 * US)
    assert point.rate == before
    point.pass_time(105 * US - 1)
    assert point.rate == before
    point.pass_time(105 * US)
    assert point.rate > before


def test_the_target_is_kept_where_nothing_was_gained() -> None:
    """If it is not to be clamped: a second notification without a step between leaves it where it was."""
    point = ReactionPoint(replace(WANTED, clamp_target=False), 0)
    point.notified(0)
    point.notified(1)
    assert (point.rate, point.target) == (LINE / 4, LINE)
    point.pass_time(1 + 55 * US)
    grown = point.rate
    point.notified(2 + 55 * US)
    assert point.target == grown


def test_decreases_can_be_so_far_apart() -> None:
    """Alpha hears of notifications within the interval all the same."""
    point = ReactionPoint(replace(WANTED, decrease_interval=4 * US, g=0.5), 0)
    point.notified(0)
    point.notified(4 * US - 1)
    assert point.decreases == 1
    point.notified(4 * US)
    assert point.decreases == 2
    point.pass_time(110 * US)
    assert point.alpha == 0.5
    point.notified(111 * US)
    point.notified(112 * US)
    point.pass_time(165 * US)
    assert (point.decreases, point.alpha) == (3, 0.75)


def test_a_flow_comes_back_to_the_line_rate_and_rests() -> None:
    """However long it is left alone; alpha is then forgotten, and a notification begins it all again."""
    point = ReactionPoint(WANTED, 0)
    point.notified(0)
    point.pass_time(3600 * 1_000_000 * US)
    assert (point.rate, point.target) == (LINE, LINE)
    assert point.alpha < 1e-100
    later = 3600 * 1_000_000 * US + 10
    point.notified(later)
    assert point.rate == pytest.approx(LINE)
    point.pass_time(later - 1000)  # time does not go back
    assert point.target == LINE


def test_packets_are_apart_by_the_rate() -> None:
    """Exact in the long run, also where one packet takes no whole number of nanoseconds."""
    point = ReactionPoint(Dcqcn(line_rate=7e9), 1000)
    now = 1000
    for _ in range(7000):
        assert point.allowance(now - 1) == 0
        assert point.allowance(now) == 1
        point.sent(100, now)
        now = point.free_at
    assert now - 1000 == pytest.approx(7000 * 100 * 8 / 7, abs=1)


def test_a_late_sender_does_not_catch_up() -> None:
    """Unless it may: then for so long a time at most."""
    late = 1_000_000
    point = ReactionPoint(Dcqcn(line_rate=8e9), 0)
    point.sent(100, late)
    assert point.free_at == late + 100
    point = ReactionPoint(Dcqcn(line_rate=8e9, catch_up=5000), 0)
    assert point.allowance(late) == 5000
    for _ in range(50):
        assert point.allowance(late) > 0
        point.sent(100, late)
    assert point.free_at == late
    point.sent(100, late)
    assert point.allowance(late) == 0


@pytest.mark.parametrize("factor", [1, 2, 400, 0.5])
def test_dilation_slows_all_down(factor: float) -> None:
    """Rates are divided, times multiplied, bytes and numbers stay; the same happens at times so much longer."""
    dilated = WANTED.dilated(factor)
    for name, kind in KINDS.items():
        own, other = getattr(WANTED, name), getattr(dilated, name)
        assert other == {Kind.RATE: own / factor, Kind.TIME: own * factor}.get(kind, own), name
    one, other = ReactionPoint(WANTED, 0), ReactionPoint(dilated, 0)
    for now, told in ((1000, True), (9000, True), (500_000, False), (700_000, True), (1_000_000, False)):
        for point, moment in ((one, now), (other, round(now * factor))):
            point.sent(4_000_000, moment)
            if told:
                point.notified(moment)
        assert other.rate * factor == pytest.approx(one.rate)
        assert (other.alpha, other.decreases) == (one.alpha, one.decreases)


def test_every_parameter_has_a_kind() -> None:
    """So that none is forgotten when time is dilated."""
    assert list(KINDS) == [field.name for field in fields(Dcqcn)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"line_rate": 0}, "line_rate: 0 is no number above 0"),
        ({"line_rate": "40e9"}, "line_rate"),
        ({"line_rate": float("inf")}, "line_rate"),
        ({"min_rate": -1}, "min_rate"),
        ({"min_rate": 41e9}, "min_rate: .* above the line rate"),
        ({"cnp_interval": 50e3}, "cnp_interval: 50000.0 is no whole number"),
        ({"alpha_interval": 0}, "alpha_interval"),
        ({"increase_interval": 0}, "increase_interval"),
        ({"increase_bytes": 0}, "increase_bytes"),
        ({"decrease_interval": -1}, "decrease_interval"),
        ({"g": 1.1}, "g: 1.1 is no number from 0 to 1"),
        ({"g": None}, "g"),
        ({"initial_alpha": float("nan")}, "initial_alpha"),
        ({"fast_steps": -1}, "fast_steps"),
        ({"additive_rate": 0}, "additive_rate"),
        ({"clamp_target": 1}, "clamp_target: 1 is neither True nor False"),
        ({"catch_up": True}, "catch_up"),
    ],
)
def test_parameters_that_cannot_be_are_refused(changes: dict[str, object], said: str) -> None:
    """With what there may be instead."""
    with pytest.raises(Mistake, match=said):
        replace(WANTED, **changes)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf"), "2"])
def test_factors_that_cannot_be_are_refused(factor: float) -> None:
    """Time neither stands still nor runs back."""
    with pytest.raises(Mistake, match="dilation"):
        WANTED.dilated(factor)
