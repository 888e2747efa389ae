"""Who may upload a picture, how often, how much, and what counts as one."""

import asyncio

import pytest

from cambus.connector_gb28181 import uploads as module
from cambus.connector_gb28181.uploads import (
    MAX_HELD_BYTES,
    MAX_PICTURE_BYTES,
    Busy,
    Uploads,
    UsedUp,
    jpeg_size,
    picture_in,
)
from cambus.connector_gb28181.web_tokens import Tokens
from cambus.simulators.jpeg import jpeg_picture

JPEG = jpeg_picture(96, 64, 0, 0, 1)
CODE = "34020000001320000001"


def test_a_picture_has_ten_mebibytes_at_most():
    assert MAX_PICTURE_BYTES == 10 * 1024 * 1024


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def uploads(clock):
    return Uploads(clock)


def upload(order, data=JPEG):
    with order.slot():
        return order.take(data)


# --- tokens -----------------------------------------------------------------------------------------------


def test_a_token_is_128_random_bits_and_kept_nowhere(clock):
    tokens = Tokens(clock)
    first, second = tokens.issue("a", 10), tokens.issue("b", 10)
    assert len(bytes.fromhex(first)) == 16
    assert first != second
    assert (tokens.find(first), tokens.find(second)) == ("a", "b")
    assert first not in repr(vars(tokens))


def test_a_token_is_good_for_its_time_only(clock):
    tokens = Tokens(clock)
    token = tokens.issue("a", 10)
    clock.now += 9.9
    assert tokens.find(token) == "a"
    clock.now += 0.1
    assert tokens.find(token) is None
    assert len(tokens) == 0


@pytest.mark.parametrize("wrong", ["", "0" * 32, "\udc80", "é" * 1000])
def test_a_wrong_token_opens_nothing(clock, wrong):
    tokens = Tokens(clock)
    tokens.issue("a", 10)
    assert tokens.find(wrong) is None


def test_a_withdrawn_token_opens_nothing(clock):
    tokens = Tokens(clock)
    token = tokens.issue("a", 10)
    tokens.withdraw(token)
    tokens.withdraw(token)
    assert tokens.find(token) is None


def test_tokens_have_a_bound_and_expired_ones_make_room(clock, monkeypatch):
    monkeypatch.setattr("cambus.connector_gb28181.web_tokens.MAX_TOKENS", 2)
    tokens = Tokens(clock)
    tokens.issue("a", 10)
    tokens.issue("b", 20)
    with pytest.raises(OverflowError):
        tokens.issue("c", 10)
    clock.now += 15
    assert tokens.find(tokens.issue("c", 10)) == "c"


# --- orders -----------------------------------------------------------------------------------------------


async def test_an_order_is_settled_by_its_last_picture(uploads):
    with uploads.ordered(CODE, 2, 1) as (order, token):
        assert uploads.find(token) is order
        assert upload(order)
        assert not order.settled
        assert upload(order)
        await order.wait()
        assert [(each.width, each.height) for each in order.pictures] == [(96, 64)] * 2
    assert uploads.find(token) is None


async def test_an_order_is_settled_by_the_word_of_its_device_alone(uploads):
    with uploads.ordered(CODE, 2, 1) as (order, _):
        upload(order)
        assert not uploads.finished("34020000001320000002", order.session)
        assert not uploads.finished(CODE, "another session")
        assert not order.settled
        waiting = asyncio.ensure_future(order.wait())
        assert uploads.finished(CODE, order.session)
        await waiting
        assert uploads.finished(CODE, order.session)  # repeated: nothing changes
        assert len(order.pictures) == 1
        session = order.session
    assert not uploads.finished(CODE, session)


def test_an_order_is_valid_as_long_as_its_pictures_take_and_a_minute(uploads, clock):
    with uploads.ordered(CODE, 3, 10) as (order, token):
        clock.now += 3 * 10 + 59.9
        assert uploads.find(token) is order
        clock.now += 0.1
        assert uploads.find(token) is None


def test_more_pictures_than_ordered_are_refused(uploads):
    with uploads.ordered(CODE, 1, 1) as (order, _):
        upload(order)
        with pytest.raises(UsedUp), order.slot():
            pass


def test_pictures_on_their_way_count(uploads):
    with uploads.ordered(CODE, 1, 1) as (order, _):
        with order.slot(), pytest.raises(UsedUp), order.slot():
            pass
        with order.slot():  # the first was given up: its place is free
            assert order.take(JPEG)


def test_what_is_no_picture_takes_no_place_but_not_for_ever(uploads):
    with uploads.ordered(CODE, 1, 1) as (order, _):
        for _ in range(3):
            assert not upload(order, b"no picture")
        with pytest.raises(UsedUp):
            upload(order)
        assert order.pictures == []


def test_a_picture_nobody_waits_for_any_more_is_not_kept(uploads):
    with uploads.ordered(CODE, 1, 1) as (order, _), order.slot():
        order.finished()
        with pytest.raises(UsedUp):
            order.take(JPEG)
    assert order.pictures == []


def test_bodies_under_way_have_a_bound_in_number_and_bytes(uploads, monkeypatch):
    monkeypatch.setattr(module, "MAX_UPLOADS", 2)
    with uploads.room(1), uploads.room(1), pytest.raises(Busy), uploads.room(1):
        pass
    with uploads.room(MAX_HELD_BYTES), pytest.raises(Busy), uploads.room(1):
        pass
    with uploads.room(MAX_HELD_BYTES):
        pass


def test_pictures_nobody_has_taken_yet_count_and_are_let_go_with_their_order(uploads, monkeypatch):
    monkeypatch.setattr(module, "MAX_HELD_BYTES", len(JPEG) + 10)
    with uploads.ordered(CODE, 2, 1) as (order, _):
        with uploads.room(len(JPEG)):
            upload(order)
        with uploads.room(10), pytest.raises(Busy), uploads.room(1):
            pass
    with uploads.room(len(JPEG) + 10):
        pass


# --- what counts as a picture -----------------------------------------------------------------------------


def frame(width, height, components=3, marker=0xC0):
    body = bytes([8, *height.to_bytes(2), *width.to_bytes(2), components]) + bytes(3 * components)
    return b"\xff\xd8\xff" + bytes([marker]) + (2 + len(body)).to_bytes(2) + body + b"\xff\xda"


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2])
def test_the_size_of_a_picture_is_in_its_frame_header(marker):
    assert jpeg_size(JPEG) == (96, 64)
    assert jpeg_size(frame(1920, 1080, marker=marker)) == (1920, 1080)
    assert jpeg_size(b"\xff\xd8" + b"\xff" * 5 + frame(8, 8)[3:]) == (8, 8)  # fill bytes


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + JPEG,
        b"<html>" + JPEG,
        JPEG[:2],
        JPEG[:20],
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\x00\x00" + JPEG,
        b"\xff\xd8\xff\xe0\x00\x02" * 2,
        frame(0, 100),
        frame(65_535, 65_535),  # would take gigabytes to decode
        frame(10, 10, components=0),
        frame(10, 10)[:12],
        JPEG + bytes(MAX_PICTURE_BYTES),
    ],
)
def test_what_is_no_picture_is_not_taken_for_one(data):
    assert jpeg_size(data) is None


def part(content, head=b'Content-Disposition: form-data; name="file"; filename="../../etc/passwd"'):
    return b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def test_the_picture_in_a_form_is_found_whatever_it_is_called():
    text = part(b"value", b"Content-Disposition: form-data; name=x")
    assert picture_in(JPEG, None) == JPEG
    assert picture_in(part(JPEG) + b"--b--\r\n", b"b") == JPEG
    assert picture_in(b"preamble\r\n" + text + part(JPEG) + text + b"--b--", b"b") == JPEG
    assert picture_in(part(JPEG), b"b") == JPEG  # without an end


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (part(JPEG) + part(JPEG) + b"--b--", b"b"),  # two
        (part(b"text"), b"b"),
        (part(JPEG), b"another"),
        (part(JPEG), b""),
        (part(JPEG), b"b" * 71),
        (b"--b--" + part(JPEG), b"b"),
        (part(b"x") * 20 + part(JPEG), b"b"),  # too many parts
        (b"", b"b"),
    ],
)
def test_a_form_without_one_picture_has_none(body, boundary):
    assert jpeg_size(picture_in(body, boundary) or b"") is None
