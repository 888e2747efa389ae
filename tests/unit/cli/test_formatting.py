"""Numbers, spans and foreign text on a terminal."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.cli.formatting import ago, clean, duration, local, plural, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3601, "1 h"),
        (3660, "1 h 1 min"),
        (90000, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (20 << 20, "20 MiB"), (3 << 40, "3.0 TiB")],
)
def test_a_size_is_told_in_its_unit(count, text):
    assert size(count) == text


def test_words_follow_their_number():
    assert (plural(1, "device"), plural(2, "device"), plural(2, "reply", "replies")) == (
        "1 device",
        "2 devices",
        "2 replies",
    )


def test_an_instant_of_another_day_shows_its_date():
    now = datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert len(local(now, now=lambda: now)) == len("12:00:00")
    assert local(now - timedelta(days=3), now=lambda: now).startswith("2026-01-29 ")
    assert ago(now - timedelta(minutes=3), now=lambda: now) == "3 min"
    assert ago(now + timedelta(minutes=3), now=lambda: now) == "0 s"  # clocks differ
    assert ago(None) == ""


@given(st.text())
def test_cleaned_text_is_one_line_that_moves_no_cursor(text):
    cleaned = clean(text)
    assert cleaned.splitlines() in ([], [cleaned])
    assert not any(ord(character) < 32 or 0x7F <= ord(character) <= 0x9F for character in cleaned)
    assert "\u202e" not in cleaned
    assert clean(cleaned) == cleaned
