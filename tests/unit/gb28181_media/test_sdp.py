"""Session descriptions: written by the book, read with patience."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.gb28181 import sdp
from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.sdp import Description, PayloadFormat, Purpose

CAMERA = (
    "v=0 o=34020000001310000001 0 0 IN IP4 192.168.6.71 s=Play i=VCam/Live/Video c=IN IP4 192.168.6.71 t=0 0 "
    "m=video 9712 RTP/AVP 96 a=sendonly a=rtpmap:96 PS/90000 a=streamprofile:0 y=0000001002 f=v/0/0/0/0/0a/0/0/0"
)
RECORDER = (
    "v=0 o=34020000001110000001 0 0 IN IP4 192.168.6.60 s=Network/Video/Recorder c=IN IP4 192.168.6.60 "
    "t=1714833796 1714835786 m=video 62000 RTP/AVP 96 a=sendonly a=rtpmap:96 PS/90000 "
    "a=username:34020000001110000001 a=password:zzgd1234 a=filesize:2124794308 y=0000002000 f="
)


def body(text, end="\r\n"):
    """Lines out of a text in which a line begins wherever `x=` stands."""
    lines, line = [], ""
    for word in text.split():
        if word[1:2] == "=" and line:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip().replace("VCam/Live/Video", "VCam Live Video")
    lines.append(line.replace("Network/Video/Recorder", "Network Video Recorder"))
    return (
        end.join(line.replace("Network/Video/Recorder", "Network Video Recorder") for line in lines)
    ).encode()


def test_the_answer_of_a_camera_is_read():
    found = Description.parse(body(CAMERA) + b"\r\n")
    assert len(body(CAMERA) + b"\r\n") == 224  # as it was on the wire
    assert (found.origin, found.address, found.port) == ("34020000001310000001", "192.168.6.71", 9712)
    assert (found.tcp, found.direction, found.ssrc) == (False, "sendonly", 1002)
    assert found.formats == (sdp.PS,)
    assert found.purpose is Purpose.PLAY
    assert found.extra == ("a=streamprofile:0",)


def test_the_answer_of_a_recorder_is_read_without_its_last_line_end_too():
    data = body(RECORDER)
    assert len(data + b"\r\n") == 282  # as it was on the wire
    for end in (b"", b"\r\n", b"\n"):
        found = Description.parse(data + end)
        assert (found.start, found.end, found.file_size) == (1_714_833_796, 1_714_835_786, 2_124_794_308)
        assert found.purpose is None
        assert (found.ssrc, found.port) == (2000, 62000)
    assert "zzgd1234" not in repr(found)
    assert b"zzgd1234" not in found.redacted()
    assert b"username" not in found.redacted()


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_offers_of_real_size_are_written(end):
    """Two offers of a platform in the field, to the byte."""
    live = Description(
        "34020000002000000010", "192.168.6.106", 45056, direction="recvonly", ssrc=1002, wanted=""
    )
    assert len(live.serialize()) == 226
    history = Description(
        "34020000002000000010",
        "192.168.6.106",
        45056,
        direction="recvonly",
        purpose=Purpose.PLAYBACK,
        source="34020000001310000001:3",
        start=1_714_804_996,
        end=1_714_806_986,
        ssrc=2000,
        wanted="",
    )
    assert len(history.serialize(final_line_end=False)) == 272
    text = live.serialize().replace(b"\r\n", end.encode())
    assert Description.parse(text) == live


def test_ipv6_is_named_as_such():
    found = Description("1", "2001:db8::7", 5000)
    assert b"c=IN IP6 2001:db8::7\r\n" in found.serialize()
    assert Description.parse(found.serialize()).address == "2001:db8::7"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"m=video x RTP/AVP 96\r\n",
        b"m=video 99999 RTP/AVP 96\r\n",
        b"m=\r\nc=\r\nt=a b\r\ny=\r\na=\r\n=\r\n\x00\xff=1\r\n",
        b"a=rtpmap:96\r\na=rtpmap:x PS/1\r\na=setup:holdconn\r\na=filesize:-1\r\nv=0\r\n",
    ],
)
def test_what_says_nothing_readable_is_passed_over(text):
    found = Description.parse(text)
    assert (found.port, found.ssrc, found.setup, found.file_size, found.formats) == (
        0,
        None,
        None,
        None,
        (),
    ) or (found.formats in {(PayloadFormat(96),), ()})


@pytest.mark.parametrize("text", [b"not a description", b"x" * 65_537])
def test_what_is_no_description_is_told(text):
    with pytest.raises(ProtocolError):
        Description.parse(text)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_description_or_none(data):
    try:
        found = Description.parse(b"v=0\r\n" + data)
    except ProtocolError:
        return
    assert 0 <= found.port <= 0xFFFF
    assert found.ssrc is None or 0 < found.ssrc < 2**32


@given(
    st.integers(1, 0xFFFF),
    st.booleans(),
    st.sampled_from(Purpose),
    st.one_of(st.none(), st.integers(1, 2**32 - 1)),
    st.sampled_from(["active", "passive"]),
    st.integers(0, 2**32),
)
def test_what_is_written_is_read(port, tcp, purpose, ssrc, setup, size):
    made = Description(
        "34020000002000000001",
        "192.0.2.1",
        port,
        tcp=tcp,
        purpose=purpose,
        ssrc=ssrc,
        setup=setup if tcp else None,
        file_size=size,
        download_speed=4,
        stream_number=1,
        wanted="v/////a/1/8/1",
        extra=("a=svcspace:1", "a=svctime:0", "a=ssvcratio:4:3"),
    )
    assert Description.parse(made.serialize()) == made
