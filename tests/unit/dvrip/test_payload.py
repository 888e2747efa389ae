"""JSON bodies as devices send them."""

import json

import pytest

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.payload import MAX_DEPTH, decode_body, encode_body, looks_like_json


@pytest.mark.parametrize("tail", [b"\n\x00", b"\n", b"\x00", b"\r\n", b"", b" \n\x00\x00\n"])
def test_every_tail_decodes_alike(tail):
    assert decode_body(b'{"Name":"KeepAlive","Ret":100}' + tail) == {"Name": "KeepAlive", "Ret": 100}


@pytest.mark.parametrize("payload", [b"", b"\n\x00", b"\x00", b"  "])
def test_an_empty_payload_is_an_empty_object(payload):
    assert decode_body(payload) == {}


def test_bodies_are_sent_compact_with_the_tail_counted():
    assert encode_body({"Name": "x", "v": [1, True, None]}) == b'{"Name":"x","v":[1,true,null]}\n\x00'


def test_no_byte_of_the_text_is_taken_for_a_tail():
    assert decode_body(b'{"v":12}') == {"v": 12}


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        (b'{"t":"CAM\x0101"}', "CAM\x0101"),
        ('{"t":"前门"}'.encode("gbk"), "前门"),
        ('{"t":"前门"}'.encode(), "前门"),
        (b'{"t":"caf\xe9"}', "caf\xe9"),
        ('{"t":"誠"}'.encode("gbk"), "誠"),  # its second byte is a bracket's neighbour
    ],
)
def test_control_characters_gbk_and_latin_1_decode(raw, title):
    assert decode_body(raw) == {"t": title}


@pytest.mark.parametrize(
    "raw",
    [
        b"[1]",
        b"null",
        b"5",
        b"nonsense",
        b'{"a":1,}',
        b'{"a":}',
        b'{"a":1',
        b'{"a":1}{"b":2}',
        b'{"a":1,"a":2}',
        b'{"o":{"a":1,"a":2}}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"a":[' + b"0," * 250_000 + b"0]}",
        b'{"a":' + b"9" * 5000 + b"}",
        b"aGVsbG8gd29ybGQ=",
    ],
)
def test_malformed_bodies_are_one_typed_error(raw):
    with pytest.raises(MalformedPayload):
        decode_body(raw)


def test_depth_is_counted_outside_strings_only():
    body = {"text": "[{" * 5000, "list": [0] * 100}
    assert decode_body(json.dumps(body).encode()) == body


def test_the_deepest_allowed_body_decodes():
    inner = MAX_DEPTH - 1
    assert decode_body(b'{"a":' + b"[" * inner + b"]" * inner + b"}")
    with pytest.raises(MalformedPayload, match="deeper"):
        decode_body(b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}")


def test_a_lone_surrogate_never_gets_out():
    value = decode_body(b'{"t":"a\\ud800b"}')
    assert value["t"].encode()  # can be written again
    assert decode_body(b'{"t":"\\ud83d\\ude00"}') == {"t": "\U0001f600"}


def test_an_error_shows_little_of_the_body():
    with pytest.raises(MalformedPayload) as caught:
        decode_body(b'{"PassWord":"verysecrethash" "x":1}')
    assert "verysecrethash" not in str(caught.value)


def test_base64_does_not_look_like_json():
    assert looks_like_json(b"\n\x00")
    assert looks_like_json(b' {"a":1}')
    assert not looks_like_json(b"aGVsbG8=")
