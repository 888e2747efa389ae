"""Secrets stay out of dumps and reprs."""

import pytest

from cambus.dvrip.errors import AuthError, DeviceError, RequestTimeout, error_for_code
from cambus.dvrip.messages.login import LoginReply, login_body
from cambus.dvrip.payload import encode_body
from cambus.dvrip.profile import Credentials
from cambus.dvrip.redaction import describe_packet, redact, redact_payload
from cambus.dvrip.session import ClientSession
from cambus.dvrip.wire import fragment, serialize

SECRET = "6QNMIQGe"


@pytest.mark.parametrize(
    "key", ["PassWord", "NewPassWord", "Password", "CommunicateKey", "PassWord ", "PASSWORD"]
)
def test_secret_keys_are_redacted_at_any_depth(key):
    body = {"a": [{key: SECRET, "UserName": "admin"}], "b": 1}
    assert redact(body) == {"a": [{key: "***", "UserName": "admin"}], "b": 1}
    assert body["a"][0][key] == SECRET


@pytest.mark.parametrize(
    "payload",
    [
        encode_body(login_body(Credentials("admin", "admin"))),
        b'{"PassWord" : "6QNMIQGe"',
        b'{"PassWord":"6QNMIQGe',
        b'{"NewPassWord":"x\\"6QNMIQGe","PassWord":null}',
        b'{"password":6QNMIQGe}',
    ],
)
def test_payloads_are_redacted_even_when_cut_or_malformed(payload):
    redacted = redact_payload(payload)
    assert SECRET.encode() not in redacted
    assert b"***" in redacted


def test_a_packet_dump_has_the_header_and_no_secret():
    packet = serialize(1000, encode_body(login_body(Credentials("admin", "admin"))), sequence=3)
    dump = describe_packet(packet)
    assert "id=1000" in dump
    assert "admin" in dump
    assert SECRET not in dump
    assert describe_packet(serialize(1412, b"\x00\x00\x01\xfc")).endswith("'000001fc'")


@pytest.mark.parametrize("size", [20, 50, 64])
def test_dumps_of_parts_show_no_secret_however_it_is_cut(size):
    payload = encode_body(login_body(Credentials("admin", "admin")))
    parts = list(fragment(1000, payload, size=size))
    dumps = "".join(describe_packet(part) for part in parts)
    assert len(parts) > 1
    assert not any(SECRET[at : at + 3] in dumps for at in range(len(SECRET) - 2))
    assert SECRET.encode().hex()[:6] not in dumps.replace(" ", "")


def test_credentials_and_sessions_show_no_secret():
    credentials = Credentials("admin", "admin", password_hash=SECRET)
    session = ClientSession()
    session.login(credentials, 0.0)
    reply = LoginReply.parse({"Ret": 100, "PassWord": SECRET})
    shown = repr([credentials, session._exchanges.of(1001), reply, vars(session._exchanges)])
    assert SECRET not in shown


def test_credentials_accept_their_hash_only():
    credentials = Credentials("admin", "admin")
    assert credentials.accepts(SECRET)
    assert not credentials.accepts("admin")
    assert Credentials("admin", "admin", encrypt_type="NONE").secret() == "admin"
    assert Credentials("admin", password_hash=SECRET).secret() == SECRET


@pytest.mark.parametrize(
    "error", [RequestTimeout("login", 10, "login"), DeviceError(103, "x"), error_for_code(203, "login")]
)
def test_errors_tell_what_and_why(error):
    assert str(error)
    assert isinstance(error, RequestTimeout | DeviceError | AuthError)
