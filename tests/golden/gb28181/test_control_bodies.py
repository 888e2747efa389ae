"""MANSRTSP and SDP to the byte: the sizes of a real exchange, and the forms of the standard (GB-124, GB-125)."""

import pytest

from cambus.gb28181.mansrtsp import Answer, Control
from cambus.gb28181.sdp import Description, PayloadFormat, Purpose

PLATFORM = "34020000002000000010"


def offer(**changes):
    values = {"direction": "recvonly", "ssrc": 1002, "wanted": ""} | changes
    return Description(PLATFORM, "192.0.2.106", 45056, **values)


def test_a_live_offer_has_the_lines_of_the_standard():
    assert offer().serialize().decode().splitlines() == [
        "v=0",
        f"o={PLATFORM} 0 0 IN IP4 192.0.2.106",
        "s=Play",
        "c=IN IP4 192.0.2.106",
        "t=0 0",
        "m=video 45056 RTP/AVP 96 98 97",
        "a=recvonly",
        "a=rtpmap:96 PS/90000",
        "a=rtpmap:98 H264/90000",
        "a=rtpmap:97 MPEG4/90000",
        "y=0000001002",
        "f=",
    ]


def test_a_playback_offer_names_what_and_when():
    body = offer(
        purpose=Purpose.PLAYBACK,
        source="34020000001310000001:3",
        start=1714804996,
        end=1714806986,
        ssrc=1000002000,
        tcp=True,
        setup="passive",
        download_speed=4,
    )
    lines = body.serialize().decode().splitlines()
    assert "u=34020000001310000001:3" in lines
    assert "t=1714804996 1714806986" in lines
    assert "m=video 45056 TCP/RTP/AVP 96 98 97" in lines
    assert lines[lines.index("a=setup:passive") + 1] == "a=connection:new"
    assert "a=downloadspeed:4" in lines
    assert "y=1000002000" in lines
    assert Description.parse(body.serialize()) == body


def test_an_answer_in_a_dialect_is_read_and_its_secrets_are_not_shown():
    answer = Description.parse(
        b"v=0\no=34020000001110000001 0 0 IN IP4 192.0.2.60\ns=Network Video Recorder\nc=IN IP4 192.0.2.60\n"
        b"t=1714833796 1714835786\nm=video 62000 RTP/AVP 96\na=sendonly\na=rtpmap:96 PS/90000\n"
        b"a=username:3402000000\na=password:secret-word\na=filesize:30718976\ny=0000002000"
    )
    assert (answer.address, answer.port, answer.ssrc, answer.file_size) == (
        "192.0.2.60",
        62000,
        2000,
        30718976,
    )
    assert answer.purpose is None
    assert answer.format(96) == PayloadFormat(96, "PS", 90000)
    assert b"secret-word" not in answer.redacted()
    assert b"3402000000\r\n" not in answer.redacted()


@pytest.mark.parametrize(
    ("text", "ssrc"), [("", None), ("y=01234567890123456789", None), ("y=4294967296", None), ("y=7", 7)]
)
def test_numbers_nobody_can_use_are_ignored(text, ssrc):
    assert Description.parse(f"v=0\r\n{text}\r\n".encode()).ssrc == ssrc


def test_an_empty_answer_is_an_answer():
    assert Description.parse(b"").port == 0


@pytest.mark.parametrize(
    ("control", "body"),
    [
        (Control("PAUSE", 1), b"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n"),
        (Control("PLAY", 2, has_range=True), b"PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n"),
        (Control("PLAY", 3, scale=2.0), b"PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: 2.0\r\n\r\n"),
        (
            Control("PLAY", 4, start_s=100.0, has_range=True),
            b"PLAY RTSP/1.0\r\nCSeq: 4\r\nRange: npt=100-\r\n\r\n",
        ),
        (
            Control("PLAY", 5, -1.0, 600.0, 120.0, has_range=True),
            b"PLAY RTSP/1.0\r\nCSeq: 5\r\nScale: -1.0\r\nRange: npt=600-120\r\n\r\n",
        ),
        (Control("TEARDOWN", 6), b"TEARDOWN RTSP/1.0\r\nCSeq: 6\r\n\r\n"),
    ],
)
def test_controls_are_written_as_the_standard_has_them_and_read_back(control, body):
    assert control.serialize() == body
    assert Control.parse(body) == control


@pytest.mark.parametrize(
    ("control", "size"),
    [
        (Control("PAUSE", 20), 40),
        (Control("PLAY", 21), 57),
        (Control("PLAY", 22, 2.0, 11.0, has_range=True), 58),
    ],
)
def test_old_devices_get_the_bodies_they_were_seen_to_get(control, size):
    assert len(control.serialize(legacy=True)) == size


@pytest.mark.parametrize(
    ("text", "start"),
    [("npt=0-", 0.0), ("npt=now-", None), ("npt=1.5-9", 1.5), ("smpte=0:01:05-", 65.0), ("clock=zz-", None)],
)
def test_ranges_in_any_form_are_read(text, start):
    control = Control.parse(f"PLAY MANSRTSP/1.0\nCSeq:7\nRange:{text}".encode())
    assert (control.cseq, control.start_s) == (7, start)


def test_answers_with_and_without_a_body():
    assert Answer.parse(b"").status == 200
    told = Answer.parse(
        b"RTSP/1.0 200 OK\r\nCSeq: 20\r\nScale: 4.0\r\nRTP-Info: seq=9810092;rtptime=3450012\r\n"
    )
    assert (told.scale, told.rtp_info) == (4.0, "seq=9810092;rtptime=3450012")
    assert Answer.parse(b"RTSP/1.0 454 Session Not Found\r\n\r\n").status == 454
