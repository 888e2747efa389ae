"""Control of playbacks as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.mansrtsp import Answer, Control

PLAYS = [
    (b"PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n", Control("PLAY", 2, has_range=True)),
    (b"PLAY RTSP/1.0\r\nCSeq:2\r\nRange:npt=now-\r\n", Control("PLAY", 2, has_range=True)),
    (b"PLAY RTSP/1.0\nCSeq :  2 \nRange :  npt = now- ", Control("PLAY", 2, has_range=True)),
    (b"PLAY MANSRTSP/1.0\r\ncseq: 2\r\nscale: 0.5", Control("PLAY", 2, scale=0.5)),
    (b"PLAY rtsp://x/y RTSP/1.0\r\nCSeq: 3\r\nScale: -1.0\r\n\r\n", Control("PLAY", 3, scale=-1.0)),
    (b"PLAY RTSP/1.0\r\nCSeq: 4\r\nRange: npt=2.5-10.25\r\n", Control("PLAY", 4, None, 2.5, 10.25, True)),
    (b"PLAY RTSP/1.0\r\nCSeq: 4\r\nRange: npt=100-\r\n", Control("PLAY", 4, None, 100.0, None, True)),
    (b"PLAY RTSP/1.0\r\nCSeq: 4\r\nRange: npt=600-120\r\n", Control("PLAY", 4, None, 600.0, 120.0, True)),
    (b"PLAY RTSP/1.0\r\nCSeq: 5\r\nRange: smpte=0:10:07-\r\n", Control("PLAY", 5, None, 607.0, None, True)),
    (b"PLAY RTSP/1.0\r\nCSeq: 5\r\nRange: smpte=10:07:00-10:07:33:05.01\r\n", None),
    (
        b"PLAY RTSP/1.0\r\nCSeq: 21\r\nScale: 1.000000\r\nRange: npt=0-\r\n",
        Control("PLAY", 21, 1.0, 0.0, None, True),
    ),
]


@pytest.mark.parametrize(("body", "control"), PLAYS, ids=range(len(PLAYS)))
def test_a_command_is_read_however_it_is_spaced(body, control):
    found = Control.parse(body)
    assert found == (control or found)
    assert found.method == "PLAY"
    if control is None:
        assert (found.start_s, found.end_s) == (36_420.0, 36_453.0)


@pytest.mark.parametrize("pause", [b"PauseTime: now\r\n\r\n", b"PauseTime: 0\r\n", b"PauseTime:now", b""])
def test_a_pause_is_read_with_any_time(pause):
    assert Control.parse(b"PAUSE RTSP/1.0\r\nCSeq: 1\r\n" + pause) == Control("PAUSE", 1)


def test_bodies_have_the_sizes_they_have_in_the_field():
    assert len(Control("PAUSE", 20).serialize(legacy=True)) == 40
    assert len(Control("PLAY", 21, has_range=True).serialize(legacy=True)) == 57
    assert len(Control("PLAY", 22, scale=1.0, start_s=50, has_range=True).serialize(legacy=True)) == 58
    reply = b"RTSP/1.0 200 OK\r\nCSeq: 20\r\nRTP-Info: seq=9810092;rtptime=3450012\r\n"
    assert len(reply) in {66, 68}
    assert Answer.parse(reply) == Answer(200, "OK", None, "seq=9810092;rtptime=3450012")


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"", Answer()),
        (b" \r\n", Answer()),
        (b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nScale: 2.0\r\n\r\n", Answer(200, "OK", 2.0)),
        (b"RTSP/1.0 200 OK\r\nScale: -1\r\nRange: npt=6-1.5\r\n", Answer(200, "OK", -1.0, None, 6.0, 1.5)),
        (b"RTSP/1.0 451 Parameter Not Understood", Answer(451, "Parameter Not Understood")),
        (b"MANSRTSP/1.0 500", Answer(500)),
        (b"RTSP/1.0 200 OK\nScale: fast\n", Answer(200, "OK")),
    ],
)
def test_an_answer_is_read(body, answer):
    assert Answer.parse(body) == answer


@pytest.mark.parametrize("body", [b"nonsense", b"x" * 70_000, b"SETUP RTSP/1.0\r\n"])
def test_what_is_neither_is_told(body):
    with pytest.raises(ProtocolError):
        Control.parse(body)
    with pytest.raises(ProtocolError):
        Answer.parse(body)


commands = st.builds(
    Control,
    st.sampled_from(["PLAY"]),
    st.integers(1, 10**8),
    st.one_of(st.none(), st.sampled_from([-4.0, -1.0, 0.25, 0.5, 1.0, 2.0, 4.0])),
    st.one_of(st.none(), st.integers(0, 10**6).map(lambda ms: ms / 1000)),
    st.none(),
    st.just(value=True),
)


@given(commands)
def test_what_is_written_is_read(control):
    assert Control.parse(control.serialize()) == control


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_none(data):
    for body in (
        data,
        b"PLAY RTSP/1.0\r\nCSeq: 1\r\nRange: npt=" + data,
        b"RTSP/1.0 200 OK\r\nScale: " + data,
    ):
        for parse in (Control.parse, Answer.parse):
            try:
                parse(body)
            except ProtocolError:
                continue
