"""Whatever is read, the outcome is a value or a documented error (GB-006, GB-012)."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from sip_peer import request_text
from sip_storm import run, storm

from cambus.sip.digest import Challenge, Credentials
from cambus.sip.errors import ProtocolError
from cambus.sip.fields import CSeq, NameAddress, Via, parse_parameters, readable, tag_of
from cambus.sip.framing import Ping, StreamReader
from cambus.sip.layer import SipLayer
from cambus.sip.nonces import NonceBook, NonceState
from cambus.sip.uri import SipUri

BYTES = st.binary(max_size=300)
TEXT = st.one_of(
    st.text(max_size=80),
    BYTES.map(lambda data: data.decode("utf-8", "surrogateescape")),
    st.text('<>"\\;,=@:[]% \tsiptag019*', max_size=60),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request with some bytes changed, cut out or put in."""
    data = bytearray(
        request_text(draw(st.sampled_from(["MESSAGE", "INVITE", "REGISTER", "ACK"])), body=b"<A>1</A>")
    )
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        end = at + draw(st.sampled_from([0, 0, 1, 1, 10, 100]))
        data[at:end] = draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([b"\r\n", b":", b";", b",", b'"', b"\x00"]))
        )
    return bytes(data)


@given(st.one_of(BYTES, mutated()))
def test_a_datagram_never_raises_and_every_answer_can_be_read(data: bytes) -> None:
    run(SipLayer(sent_by=lambda _: "192.0.2.1:5060"), data, 0.0)


@given(st.lists(st.one_of(BYTES, mutated()), max_size=5))
def test_a_stream_never_raises(parts: list[bytes]) -> None:
    reader = StreamReader()

    for part in parts:
        for framed in reader.receive_data(part):
            assert framed is not None
            assert isinstance(framed, Ping) or repr(framed)


@given(TEXT)
def test_fields_are_read_or_refused(text: str) -> None:
    for parse in (SipUri.parse, Via.parse, CSeq.parse):
        with contextlib.suppress(ProtocolError):
            parse(text)
    address = NameAddress.parse(text)
    assert isinstance(address.uri, str)
    assert isinstance(parse_parameters(text), dict)
    assert isinstance(tag_of(text), str)


@given(BYTES)
def test_any_bytes_are_readable(data: bytes) -> None:
    assert readable(data.decode("utf-8", "surrogateescape")).isprintable() in {True, False}


@given(TEXT)
def test_digest_values_are_read_or_none(text: str) -> None:
    for value in (
        text,
        f"Digest {text}",
        f'Digest username="{text}",nonce={text},uri="{text}",response="{text}"',
    ):
        Challenge.parse(value)
        credentials = Credentials.parse(value)
        if credentials is not None and not any("\ud800" <= char <= "\udfff" for char in text):
            assert credentials.matches("0" * 32, "REGISTER") is False


@given(TEXT)
def test_no_invented_nonce_is_good(text: str) -> None:
    assert NonceBook(b"0" * 16).check(text, "device", 0.0) is NonceState.FOREIGN


def test_thousands_of_damaged_datagrams_leave_nothing_behind() -> None:
    assert storm(5_000) == 0
