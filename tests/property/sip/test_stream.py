"""Any way of cutting a stream gives the same messages (GB-008)."""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st
from sip_peer import request_text

from cambus.sip.framing import Framed, Noise, StreamReader

MESSAGES = st.builds(
    request_text,
    st.sampled_from(["MESSAGE", "REGISTER", "BYE"]),
    call_id=st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True),
    body=st.sampled_from([b"", b"x", b"<Notify>\r\n\r\n</Notify>\r\n", b"MESSAGE sip:1@x SIP/2.0\r\n\r\n"]),
    eol=st.sampled_from(["\r\n", "\n"]),
)
RESPONSES = st.just(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP a;branch=b\r\nCSeq: 1 BYE\r\n\r\n")
BETWEEN = st.sampled_from(
    [
        b"",
        b"\r\n",
        b"\r\n\r\n",
        b"\x00",
        b"\n",
        b"\r",
        b"\r\n\r\n\r\n",
        b"\x00" * 63 + b"\r\n\r\n",
        b"\r\n" * 40,
    ]
)
GARBAGE = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"junk\r\n", b"a b c\r\n\r\n", b"x" * 1500, b"\xff" * 3000, b"SIP", b"MESSAGE sip:1@x"]),
)
BROKEN = st.sampled_from(
    [
        request_text(length="-1"),
        request_text(headers=["no colon"]),
        request_text(length="99", headers=["l: 98"]),
        request_text().replace(b"SIP/2.0\r", b"SIP/9.0\r", 1),
    ]
)
STREAMS = st.lists(st.one_of(MESSAGES, RESPONSES, BETWEEN), max_size=6).map(b"".join)
HOSTILE = st.lists(st.one_of(MESSAGES, RESPONSES, BETWEEN, GARBAGE, BROKEN), max_size=6).map(b"".join)
CUTS = st.lists(st.integers(0, 4000), max_size=30)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(each for each in at if each < len(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def read(parts: list[bytes]) -> list[Framed]:
    reader = StreamReader()
    return [each for part in parts for each in reader.receive_data(part)]


def told(found: list[Framed]) -> list[object]:
    """What is no noise; errors by what they say."""
    kept = [each for each in found if not isinstance(each, Noise)]
    return [
        (str(broken), each.request, each.fatal) if (broken := getattr(each, "error", None)) else each
        for each in kept
    ]


@given(STREAMS, CUTS)
def test_any_cutting_gives_the_same_messages(data: bytes, cuts: list[int]) -> None:
    assert read(cut(data, cuts)) == read([data])


@given(STREAMS)
def test_byte_by_byte_gives_the_same_messages(data: bytes) -> None:
    assert read([data[at : at + 1] for at in range(len(data))]) == read([data])


@given(HOSTILE, CUTS)
@example(b"SIP" + request_text(), [3])
@example(b"x" * 1399 + b"\r\n" + request_text(), [1399])
def test_garbage_between_them_changes_nothing_about_that(data: bytes, cuts: list[int]) -> None:
    assert told(read(cut(data, cuts))) == told(read([data]))


@given(HOSTILE, CUTS)
def test_no_more_is_kept_than_has_come(data: bytes, cuts: list[int]) -> None:
    reader = StreamReader(max_body_bytes=100)
    come = 0

    for part in cut(data, cuts):
        come += len(part)
        reader.receive_data(part)
        assert reader.pending_bytes <= come
