"""Server-sent events as they pass, and what they tell of usage."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.model import Tokens
from gateway.http.sse import MOST, Events
from gateway.http.usage import used, used_at_end
from gateway.upstream.model import Failed

CHAT = (
    b'data: {"choices":[{"delta":{"content":"data: [DONE]"}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"x"}}],"usage":null}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"details":{"cached":1}}}\n\n'
    b"data: [DONE]\n\n"
)
RESPONSES = (
    b'event: response.output_text.delta\ndata: {"delta":"x"}\n\n'
    b'event: response.completed\ndata: {"response":{"usage":{"input_tokens":7,"output_tokens":2}}}\n\n'
)


def passed(pieces: list[bytes]) -> tuple[Events, list[bytes]]:
    """A stream in these pieces, and what went on of each."""
    events = Events()
    return events, [events.feed(each) for each in pieces]


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    """A text cut at these places."""
    at = [0, *sorted(each % (len(whole) + 1) for each in places), len(whole)]
    return [whole[begin:end] for begin, end in pairwise(at)]


@settings(deadline=None)
@given(st.sampled_from([CHAT, CHAT.replace(b"\n", b"\r\n"), RESPONSES]), st.lists(st.integers(0, 1000), max_size=12))
def test_only_whole_events_go_on_however_they_come(whole: bytes, places: list[int]) -> None:
    """All of them, in order, and it is known at the end that it is one."""
    events, gone_on = passed(cut(whole, places))

    assert b"".join(gone_on) == whole
    assert all(each.endswith((b"\n\n", b"\r\n\r\n")) for each in gone_on if each)
    assert events.complete
    assert events.used() == Tokens(7, 2)


@settings(deadline=None)
@given(st.sampled_from([CHAT, RESPONSES]), st.integers(0, 1000))
def test_what_breaks_off_is_never_complete(whole: bytes, place: int) -> None:
    """Wherever that is, before its last event is whole."""
    events, _ = passed([whole[: place % len(whole)]])

    assert not events.complete


def test_an_error_in_a_stream_is_an_end() -> None:
    """Of the server's own; nothing has to be added."""
    events, _ = passed([b'data: {"error": {"message": "out of memory"}}\n\n'])

    assert events.complete


def test_events_are_counted_where_nobody_tells_of_usage() -> None:
    """About one for each token."""
    events, _ = passed([b'data: {"a":1}\n\ndata: {"a":2}\n\n', b'data: {"a":3}\n\n'])

    assert (events.count, events.used()) == (3, None)


def test_an_event_that_never_ends_is_no_stream() -> None:
    """Memory is bounded."""
    events = Events()
    events.feed(b"x" * MOST)

    with pytest.raises(Failed):
        events.feed(b"x")


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b'{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}', Tokens(3, 4)),
        (b'{"usage":{"prompt_tokens":3,"total_tokens":3}}', Tokens(3, 0)),
        (b'{"usage":{"input_tokens":3,"output_tokens":4}}', Tokens(3, 4)),
        (b'{"usage":null}', None),
        (b"{}", None),
        (b'{"usage":{"prompt_tokens":"many"}}', None),
        (b"no JSON", None),
        (b'{"a":' * 100_000, None),
        (b'{"a":"\xff"}', None),
    ],
)
def test_usage_is_read_where_there_is_any(body: bytes, tokens: Tokens | None) -> None:
    """And nothing that a server sends is an error of ours."""
    assert used(body) == tokens


def test_usage_is_found_at_the_end_of_long_bodies() -> None:
    """Where servers put it; what prompts hold does not count."""
    tail = b'0.1,0.2],"input_tokens":99}],"model":"m","usage":{"prompt_tokens":12,"d":{"x":1},"total_tokens":12}}'

    assert used_at_end(tail) == Tokens(12, 0)
    assert used_at_end(b'"input_tokens":99}') is None
