"""What is written is read again as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cambus.sip.digest import Algorithm, Challenge, Credentials
from cambus.sip.fields import CSeq, Via
from cambus.sip.framing import StreamReader, read_datagram
from cambus.sip.headers import Headers
from cambus.sip.message import Request, Response
from cambus.sip.uri import SipUri

TOKEN = st.from_regex(r"[A-Za-z0-9.!%*_+`'~-]{1,20}", fullmatch=True)
NAME = st.one_of(TOKEN, st.sampled_from(["Via", "From", "To", "v", "Call-ID", "X-GB-Ver", "CONTACT"])).filter(
    lambda name: name.lower() not in {"content-length", "l"}
)
VALUE = st.one_of(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=40),
    st.binary(max_size=40).map(
        lambda data: data.replace(b"\r", b"").replace(b"\n", b"").decode("utf-8", "surrogateescape")
    ),
).map(lambda text: text.strip(" \t"))
HEADERS = st.lists(st.tuples(NAME, VALUE), max_size=12).map(Headers)
BODY = st.binary(max_size=200)
URI = st.from_regex(r"sip:[A-Za-z0-9%.-]{1,20}@[A-Za-z0-9.-]{1,20}(:[1-9][0-9]{0,3})?", fullmatch=True)
REQUESTS = st.builds(Request, HEADERS, BODY, TOKEN, URI)
REASON = st.text(
    st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1, max_size=30
).map(lambda text: text.strip() or "OK")
RESPONSES = st.builds(Response, HEADERS, BODY, st.integers(100, 699), REASON)


@given(st.one_of(REQUESTS, RESPONSES))
def test_a_message_in_a_datagram(message: Request | Response) -> None:
    assert read_datagram(message.serialize()) == message


@given(st.one_of(REQUESTS, RESPONSES))
def test_a_message_in_a_stream(message: Request | Response) -> None:
    assert StreamReader().receive_data(message.serialize()) == [message]


@given(URI)
def test_a_uri(text: str) -> None:
    uri = SipUri.parse(text)

    assert SipUri.parse(str(uri)) == uri


@given(st.integers(0, 2**31 - 1), TOKEN)
def test_a_cseq(number: int, method: str) -> None:
    assert CSeq.parse(str(CSeq(number, method))) == CSeq(number, method)


@given(st.ip_addresses().map(str), st.integers(1, 65535), TOKEN)
def test_a_hop_keeps_its_branch_when_it_is_filled_in(host: str, port: int, branch: str) -> None:
    via = Via.parse(f"SIP/2.0/UDP nvr:5060;rport;branch={branch};x=1")

    filled_in = Via.parse(via.answered_to(host, port))

    assert (filled_in.branch, filled_in.parameters["x"]) == (branch, "1")
    assert (filled_in.parameters["rport"], filled_in.parameters["received"]) == (str(port), host)
    assert filled_in.answered_to(host, port) == filled_in.text


QUOTABLE = st.from_regex(r"[^\"\\\x00-\x1f\ud800-\udfff]{1,40}", fullmatch=True)


@given(QUOTABLE, QUOTABLE, st.sampled_from(Algorithm), st.sampled_from([(), ("auth",)]), st.booleans())
def test_a_challenge(realm: str, nonce: str, algorithm: Algorithm, qop: tuple[str, ...], stale: bool) -> None:
    challenge = Challenge(realm, nonce, algorithm, qop, stale, None)

    assert Challenge.parse(str(challenge)) == challenge


@given(QUOTABLE, QUOTABLE, QUOTABLE, st.sampled_from(Algorithm), st.booleans())
def test_credentials(user: str, realm: str, uri: str, algorithm: Algorithm, qop: bool) -> None:
    more = ("auth", "00000001", "0a4f113b") if qop else ("", "", "")
    credentials = Credentials(user, realm, "nonce", uri, "0" * 32, algorithm, *more)

    assert Credentials.parse(str(credentials)) == credentials
