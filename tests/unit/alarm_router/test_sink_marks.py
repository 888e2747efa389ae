"""Which sink of a list is which after the list was changed."""

import pytest

from cambus.alarm_router.sink_marks import mark_of, successor
from cambus.schemas.state.alarm_sinks import BusSink, WebhookSink


@pytest.mark.parametrize(
    ("before", "now", "places"),
    [
        ("ab", "ab", [0, 1]),
        ("ab", "b", [None, 0]),
        ("ab", "a", [0, None]),
        ("ab", "ba", [1, 0]),
        ("ab", "xab", [1, 2]),
        ("ab", "xb", [0, 1]),
        ("ab", "bx", [1, 0]),
        ("abc", "xcy", [0, 2, 1]),
        ("ab", "", [None, None]),
    ],
)
def test_each_sink_is_found_again(before, now, places):
    assert [successor(before, now, index) for index in range(len(before))] == places


def test_a_mark_tells_sinks_apart_and_nothing_of_them():
    one, other = (WebhookSink(url=f"https://ops.example.org/?key={key}") for key in ("canary", "finch"))
    assert mark_of(one) == mark_of(one.model_copy())
    assert len({mark_of(one), mark_of(other), mark_of(BusSink(subject="a"))}) == 3
    assert "canary" not in mark_of(one)
