"""Bodies made to cost time: reading one takes as long as it is long, and no longer."""

import contextlib
import time

import pytest

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.payload import MAX_SURROGATES, decode_body

MANY_BRACKETS = b"[]," * 40  # enough of them that the body is looked at closely


def cost_s(body: bytes) -> float:
    """Time of this thread that one look at a body takes, the least of three."""
    spent = []
    for _ in range(3):
        began = time.thread_time()
        with contextlib.suppress(MalformedPayload):
            decode_body(body)
        spent.append(time.thread_time() - began)
    return min(spent)


def unclosed(size: int) -> bytes:
    return b'{"a":[' + MANY_BRACKETS + b'"' + b'\\"' * size


def unclosed_with_text(size: int) -> bytes:
    return b'{"a":[' + MANY_BRACKETS + b'"' + b'x\\"' * size


def open_strings(size: int) -> bytes:
    return b'{"a":[' + MANY_BRACKETS + b'"\\' * size


def brackets_in_a_string(size: int) -> bytes:
    return b'{"a":[' + MANY_BRACKETS + b'"' + b"[{" * size + b'"]}'


def empty_objects(size: int) -> bytes:
    return b'{"a":[' + b"{}," * size + b"{}]}"


def nothing_but_openers(size: int) -> bytes:
    return b'{"a":' + b"[" * size


def nothing_but_closers(size: int) -> bytes:
    return b'{"a":[' + MANY_BRACKETS + b"]" * size


def nothing_but_colons(size: int) -> bytes:
    return b'{"a":[' + MANY_BRACKETS + b":" * size


def empty_strings(size: int) -> bytes:
    return b'{"a":[' + MANY_BRACKETS + b'""' * size


def halves_of_characters(size: int) -> bytes:
    return b'{"a":"' + b"\\ud800" * size + b'"}'


BODIES = [
    unclosed,
    unclosed_with_text,
    open_strings,
    brackets_in_a_string,
    empty_objects,
    nothing_but_openers,
    nothing_but_closers,
    nothing_but_colons,
    empty_strings,
    halves_of_characters,
]


@pytest.mark.parametrize("body", BODIES)
def test_eight_times_the_body_costs_about_eight_times_as_much(body):
    """A cost that grew with the square would be sixty-four times as much."""
    decode_body(b"{}")
    assert cost_s(body(16_000)) < 24 * max(cost_s(body(2_000)), 0.0005)


@pytest.mark.slow  # it bounds a time
@pytest.mark.parametrize("body", BODIES)
def test_no_nonsense_of_4_mib_costs_a_quarter_of_a_second(body):
    assert cost_s((body(4 << 20))[: 4 << 20]) < 0.25


def test_a_body_of_nothing_but_halves_of_characters_is_malformed():
    decode_body(halves_of_characters(MAX_SURROGATES))
    with pytest.raises(MalformedPayload, match="halves"):
        decode_body(halves_of_characters(MAX_SURROGATES + 1))


def test_half_a_character_is_replaced_and_whole_ones_stay():
    assert decode_body(b'{"t":"\\ud800x\\udc00\\ud83d\\ude00\\\\ud800\\ud83d"}') == {
        "t": "?x?\U0001f600\\ud800?"
    }
