from __future__ import annotations

import pytest

from cambus.rtsp.errors import ProtocolError
from cambus.rtsp.message import Request, Response
from cambus.rtsp.status import Status


def test_a_reply_has_status_line_headers_and_the_length_of_its_body():
    data = Response(Status.OK, (("CSeq", "3"),), b"v=0\r\n").serialize()
    assert data == b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 5\r\n\r\nv=0\r\n"


@pytest.mark.parametrize("header", [("A", "b\r\nC: d"), ("A\n", "b"), ("A", "\x00")])
def test_a_reply_cannot_be_split(header):
    with pytest.raises(ValueError, match="control character"):
        Response(Status.OK, (header,)).serialize()


def test_a_request_adds_the_length_of_its_body():
    request = Request("SET_PARAMETER", "*", headers={"CSeq": "1"}, body=b"x")
    assert request.serialize() == b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 1\r\n\r\nx"


def test_nothing_secret_shows_in_a_request_or_an_error():
    request = Request(
        "PLAY", "rtsp://h/a?token=hush", headers={"authorization": "Basic c2VjcmV0"}, body=b"hush"
    )
    assert "hush" not in repr(request)
    assert "c2VjcmV0" not in repr(request)
    assert str(ProtocolError("odd", offset=5, context=b"\x01\x02")) == "odd at byte 5 near 0102"


def test_every_status_has_a_reason():
    for status in Status:
        assert status.reason
