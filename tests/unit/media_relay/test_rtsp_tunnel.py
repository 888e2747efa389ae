from base64 import b64encode
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.media_relay.rtsp_tunnel import MAX_HEAD_BYTES, Half, Opening, Tunnels, Unarmour

GET = b"GET /gate/0/main HTTP/1.0\r\nHost: h\r\nX-SessionCookie:  tunnel-12345678 \r\nAccept: x\r\n\r\n"
POST = b"POST /gate/0/main HTTP/1.0\r\nx-sessioncookie: tunnel-12345678\r\nContent-Length: 32767\r\n\r\nT1BU"


def opened(*pieces: bytes):
    opening = Opening()
    *before, last = pieces
    for piece in before:
        assert opening.feed(piece) is None
    return opening.feed(last)


def test_the_halves_of_a_tunnel_are_told_by_their_cookie():
    assert opened(GET) == (Half(posts=False, cookie=b"tunnel-12345678"), b"")
    assert opened(POST) == (Half(posts=True, cookie=b"tunnel-12345678"), b"T1BU")


def test_a_head_may_come_in_any_pieces():
    assert opened(*(GET[at : at + 1] for at in range(len(GET)))) == opened(GET)


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        b"GET_PARAMETER rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nx-sessioncookie: short\r\n\r\n",
        b"POST / HTTP/1.1\r\nx-sessioncookie: " + b"x" * 129 + b"\r\n\r\n",
        b"$\x00\x00\x01x",
        b"GET /" + b"x" * MAX_HEAD_BYTES,
    ],
)
def test_all_else_is_for_rtsp_to_answer(data):
    assert opened(data) == (None, data)


@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from([b"GET ", b"POST ", b"\r\n\r\n", GET])), max_size=8
    )
)
def test_nothing_is_lost_of_what_comes_first(pieces):
    opening, told = Opening(), None
    for count, piece in enumerate(pieces, 1):
        told = opening.feed(piece)
        if told is not None:
            half, rest = told
            whole = b"".join(pieces[:count])
            assert whole.endswith(rest) if half else whole == rest
            return


def test_what_could_still_be_either_waits():
    opening = Opening()
    assert opening.feed(b"GET") is None
    assert opening.feed(b"_PARAMETER") == (None, b"GET_PARAMETER")


@given(st.lists(st.binary(max_size=50), max_size=5), st.lists(st.integers(0, 400), max_size=8))
def test_requests_come_out_of_base64_however_it_is_cut_and_padded(requests, at):
    text = b"\r\n".join(b64encode(each) for each in requests)
    edges = sorted({0, len(text), *(each % (len(text) + 1) for each in at)})
    unarmour = Unarmour()
    cut = [text[start:end] for start, end in pairwise(edges)]
    assert b"".join(map(unarmour.feed, cut)) == b"".join(requests)


@pytest.mark.parametrize("text", [b"!!!!", b"====", b"AA=A", b"A\xff\xffA", b"QQ==="])
def test_what_is_no_base64_is_an_error(text):
    with pytest.raises(ValueError, match="Base64"):
        Unarmour().feed(text + b"AAAA")


def test_a_tunnel_is_found_from_its_own_address_only_and_not_opened_twice():
    tunnels: Tunnels[str] = Tunnels()
    assert tunnels.open("192.0.2.1", b"c", "mine")
    assert not tunnels.open("192.0.2.1", b"c", "another")
    assert tunnels.find("192.0.2.2", b"c") is None
    assert tunnels.find("192.0.2.1", b"c") == "mine"
    tunnels.close("192.0.2.1", b"c", "another")
    assert tunnels.find("192.0.2.1", b"c") == "mine"
    tunnels.close("192.0.2.1", b"c", "mine")
    assert tunnels.find("192.0.2.1", b"c") is None
