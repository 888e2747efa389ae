from __future__ import annotations

import pytest
from rtmp_by_hand import HELLO, asked, command, connect, opening, publish

from cambus.rtmp import (
    ChunkReader,
    Closed,
    Kind,
    LocalProtocolError,
    Media,
    Message,
    Publish,
    RtmpServerConnection,
    State,
    Unpublished,
    write_message,
)
from cambus.rtmp.amf0 import decode

VIDEO = write_message(Message(Kind.VIDEO, 1, 40, b"\x17\x01" + bytes(500)), 6)


def replies(data):
    """The messages a server has sent behind its handshake."""
    reader = ChunkReader()
    reader.feed(b"".join(data))
    found = []
    while (message := reader.next_message()) is not None:
        found.append(message)
    return found


def commands(messages):
    return [decode(each.payload) for each in messages if each.kind == Kind.COMMAND]


def test_a_publisher_is_asked_for_and_let_in():
    connection = RtmpServerConnection(0.0)
    connection.receive_data(opening("secret"), 0.0)
    assert connection.events_received() == [Publish("live/gate", "secret", "FMLE/3.0")]
    sent = b"".join(connection.data_to_send())
    assert sent[0] == 3
    answers = replies([sent[1 + 2 * 1536 :]])
    results = {values[1]: values for values in commands(answers) if values[0] == "_result"}
    assert results[1.0][3]["code"] == "NetConnection.Connect.Success"
    assert results[4.0][3] == 1.0
    connection.accept_publish()
    (status,) = [values for values in commands(replies(connection.data_to_send())) if values[0] == "onStatus"]
    assert status[3]["code"] == "NetStream.Publish.Start"
    connection.receive_data(VIDEO, 1.0)
    assert connection.events_received() == [Media(True, 40, b"\x17\x01" + bytes(500))]


def test_media_behind_publish_waits_for_the_reply():
    connection = RtmpServerConnection(0.0)
    connection.receive_data(opening() + VIDEO, 0.0)
    assert [type(each) for each in connection.events_received()] == [Publish]
    connection.accept_publish()
    assert [type(each) for each in connection.events_received()] == [Media]


def test_a_refused_publisher_is_told_and_hung_up_on():
    connection = asked()
    connection.reject_publish("NetStream.Publish.Denied", "no")
    (status,) = commands(replies(connection.data_to_send()))
    assert (status[3]["level"], status[3]["code"]) == ("error", "NetStream.Publish.Denied")
    assert connection.closed


@pytest.mark.parametrize("name", ["deleteStream", "FCUnpublish", "closeStream"])
def test_the_end_of_a_stream_is_told(name):
    connection = asked()
    connection.accept_publish()
    connection.receive_data(command(name, 6.0, None, 1.0), 1.0)
    assert connection.events_received() == [Unpublished()]
    assert connection.state is State.CONNECTED


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="http"),
        pytest.param(b"\x16\x03\x01", id="tls"),
        pytest.param(b"\x06", id="another version"),
        pytest.param(HELLO + publish(), id="publish before connect"),
        pytest.param(HELLO + connect() + connect(), id="connect twice"),
        pytest.param(HELLO + command("connect", 1.0, None), id="no app"),
        pytest.param(HELLO + connect("a" * 2000), id="a long app"),
        pytest.param(
            HELLO + connect() + command("publish", 2.0, None, "k", stream=1), id="no stream created"
        ),
        pytest.param(HELLO + command("connect"), id="no number"),
        pytest.param(HELLO + write_message(Message(Kind.COMMAND, 0, 0, b"\x02\x00"), 3), id="cut AMF0"),
        pytest.param(HELLO + connect() + command("createStream", 2.0, None) * 9, id="many streams"),
        pytest.param(
            HELLO + write_message(Message(Kind.SET_CHUNK_SIZE, 0, 0, bytes(4)), 2), id="a chunk size of zero"
        ),
        pytest.param(HELLO + b"\x03\x00\x00\x00\xff\xff\xff\x14\x00\x00\x00\x00", id="a command of 16 MiB"),
        pytest.param(HELLO + b"\x03\x00\x00\x00\xff\xff\xff\x09\x00\x00\x00\x00", id="media before publish"),
        pytest.param(HELLO + b"\xc3", id="a chunk that leaves everything out"),
    ],
)
def test_what_breaks_the_protocol_ends_the_connection(data):
    connection = RtmpServerConnection(0.0)
    connection.receive_data(data, 0.0)
    assert isinstance(connection.events_received()[-1], Closed)
    assert connection.closed
    connection.receive_data(b"more", 0.0)
    assert connection.events_received() == []


def test_who_wants_to_play_is_told_that_he_can_not():
    connection = RtmpServerConnection(0.0)
    connection.receive_data(HELLO + connect() + command("play", 9.0, None, "k"), 0.0)
    sent = b"".join(connection.data_to_send())[1 + 2 * 1536 :]
    assert ["_error", 9.0] in [values[:2] for values in commands(replies([sent]))]
    assert not connection.closed


def test_a_second_publish_on_a_connection_fails_and_the_first_goes_on():
    connection = asked()
    connection.accept_publish()
    connection.data_to_send()
    connection.receive_data(command("publish", 7.0, None, "b", stream=1) + VIDEO, 0.0)
    assert [type(each) for each in connection.events_received()] == [Media]
    assert [values[:2] for values in commands(replies(connection.data_to_send()))] == [["_error", 7.0]]


def test_what_has_come_is_acknowledged():
    connection = asked()
    connection.accept_publish()
    connection.data_to_send()
    connection.receive_data(
        write_message(Message(Kind.WINDOW_SIZE, 0, 0, (10_000).to_bytes(4, "big")), 2), 0.0
    )
    connection.receive_data(VIDEO * 10, 0.0)
    (acknowledged,) = replies(connection.data_to_send())
    assert acknowledged.kind == Kind.ACKNOWLEDGEMENT
    assert int.from_bytes(acknowledged.payload, "big") > 5000


def test_a_ping_is_answered():
    connection = asked()
    connection.accept_publish()
    connection.data_to_send()
    ping = b"\x00\x06" + (77).to_bytes(4, "big")
    connection.receive_data(write_message(Message(Kind.USER_CONTROL, 0, 0, ping), 2), 0.0)
    (pong,) = replies(connection.data_to_send())
    assert pong.payload == b"\x00\x07" + (77).to_bytes(4, "big")


def test_a_silent_publisher_is_asked_then_closed():
    connection = asked(silence_s=30.0)
    connection.accept_publish()
    connection.data_to_send()
    assert connection.next_timeout() == 15.0
    connection.handle_timeout(14.0)
    assert connection.data_to_send() == []
    connection.handle_timeout(15.0)
    (ping,) = replies(connection.data_to_send())
    assert ping.payload[:2] == b"\x00\x06"
    connection.handle_timeout(30.0)
    assert connection.closed


def test_a_sign_of_life_keeps_it_open():
    connection = asked(silence_s=30.0)
    connection.accept_publish()
    connection.handle_timeout(15.0)
    connection.receive_data(VIDEO, 20.0)
    assert connection.next_timeout() == 35.0


def test_one_that_does_not_wait_for_its_reply_is_bounded():
    connection = asked()
    for _ in range(3000):
        connection.receive_data(VIDEO, 0.0)
    assert connection.closed


def test_a_reply_nobody_waits_for_is_a_defect():
    connection = RtmpServerConnection(0.0)
    with pytest.raises(LocalProtocolError):
        connection.accept_publish()
    with pytest.raises(LocalProtocolError):
        connection.reject_publish("x", "y")


def test_the_secret_is_in_no_repr():
    assert "secret" not in repr(Publish("live/gate", "secret"))
