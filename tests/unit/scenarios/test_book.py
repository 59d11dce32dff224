"""Outages and shares out of probes."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from recorded import FLOWS

from labs.chaos.probing.book import LATEST, MOST_BINS, WIDTH, Book

MS = 1_000_000


def seen(*arrivals: str) -> Iterator[tuple[int, int, bool]]:
    """Probes of flow 0, 1, ..., one string each: a dot arrived, an x did not; 10 ms apart, flows 1 ms apart."""
    probes = [
        (flow, (number * 10 + flow) * MS, came == ".")
        for flow, row in enumerate(arrivals)
        for number, came in enumerate(row)
    ]
    yield from sorted(probes, key=lambda each: each[1])


def written(*arrivals: str) -> Book:
    """A closed book of these."""
    book = Book(FLOWS)
    for flow, sent, came in seen(*arrivals):
        number = book.sent(flow, sent)
        if came:
            book.arrived(number)
        book.decide(sent)
    book.close()
    return book


def found(*arrivals: str) -> list[tuple[int, float, float | None, int]]:
    """Outages as flow, begin and end in milliseconds, and probes lost."""
    return [
        (
            each.flow.number,
            round(each.begun * 1000),
            None if each.ended is None else round(each.ended * 1000),
            each.lost,
        )
        for each in written(*arrivals).outages()
    ]


def test_an_outage_goes_from_the_first_lost_probe_to_the_next_that_arrived() -> None:
    """Each by itself, also where a flow has several."""
    assert found("..xx..x.") == [(0, 20, 40, 2), (0, 60, 70, 1)]


def test_an_outage_at_the_end_has_no_end() -> None:
    """And one at the begin begins with the first probe."""
    assert found("x..xx") == [(0, 0, 10, 1), (0, 30, None, 2)]
    assert found("xxx") == [(0, 0, None, 3)]
    assert found("...") == []


def test_flows_do_not_mix() -> None:
    """What one flow loses is no outage of another, and all are in order of their begin."""
    assert found(".x.", "x..") == [(1, 1, 11, 1), (0, 10, 20, 1)]


@given(st.lists(st.text("x.", min_size=1, max_size=40), min_size=1, max_size=4))
def test_outages_and_bins_count_every_lost_probe_once(rows: list[str]) -> None:
    """Whatever was lost."""
    book, lost = written(*rows), sum(row.count("x") for row in rows)

    assert sum(each.lost for each in book.outages()) == lost
    assert sum(each.lost for each in book.bins()) == lost
    assert sum(each.sent for each in book.bins()) == sum(map(len, rows))


def test_bins_are_of_pairs() -> None:
    """Two flows of one pair share a bin; a probe sent at its end belongs to the next."""
    counted = written("......", "x.....", "......").bins()

    assert [(each.source, round(each.begun * 1000), each.sent, each.lost) for each in counted] == [
        ("h1", 0, 10, 1),
        ("h2", 0, 5, 0),
        ("h1", 50, 2, 0),
        ("h2", 50, 1, 0),
    ]


def test_a_probe_has_so_long_to_come() -> None:
    """Until then it is neither lost nor not; later it is lost, though it comes, and a copy of one changes nothing."""
    book = Book(FLOWS)
    early, late = book.sent(0, 0), book.sent(1, 0)
    book.decide(LATEST - 1)
    assert book.waits
    assert book.outages() == ()

    book.arrived(early)
    book.arrived(early)
    book.decide(LATEST)
    book.arrived(late)

    assert not book.waits
    assert [(each.flow.number, each.lost) for each in book.outages()] == [(1, 1)]
    assert sum(each.sent for each in book.bins()) == 2


def test_numbers_that_nobody_gave_change_nothing() -> None:
    """Whoever sends them."""
    book = Book(FLOWS)
    book.sent(0, 0)
    for number in (-1, 1, 1 << 63):
        book.arrived(number)

    assert book.waits


def test_a_closed_book_without_probes_is_empty() -> None:
    """Nothing was sent."""
    book = Book(FLOWS)
    book.close()

    assert (book.outages(), book.bins(), book.waits) == ((), (), False)


def test_an_hour_needs_little_more_than_a_minute() -> None:
    """Bins become wider, none is lost, those that were lost stay in their time, and decided probes are forgotten."""
    begin, every, count = 7 * WIDTH + 1, 90 * MS, 40_000  # from an odd bin on
    book = Book(FLOWS)
    for number in range(count):
        at = begin + number * every
        probe = book.sent(0, at)
        if number != 30_000:
            book.arrived(probe)
        book.decide(at)
    book.close()

    bins = book.bins()
    assert MOST_BINS / 2 < len(bins) <= MOST_BINS
    assert sum(each.sent for each in bins) == count
    (lost,) = (each for each in bins if each.lost)
    assert 0 <= (begin + 30_000 * every) / 1e9 - lost.begun < book.width
    assert all(abs(each.begun / book.width - round(each.begun / book.width)) < 1e-6 for each in bins)
    assert len(book._sent) < 5000
