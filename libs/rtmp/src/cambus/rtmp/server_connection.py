"""One publisher at an RTMP server, without sockets, clocks or tasks (RTMP 1.0 §5-7, Enhanced RTMP).

The owner does this after each read and each timeout::

    connection.receive_data(data, now)           # or handle_timeout(now)
    for event in connection.events_received():   # react: accept_publish() / reject_publish(…), perhaps later
        ...
    for chunk in connection.data_to_send():
        ...

One stream is published on a connection. While `Publish` waits for its reply nothing behind it is read. Whatever a
client sends, `receive_data` raises nothing: what breaks the protocol becomes `Closed`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from cambus.rtmp.aggregate import split_aggregate
from cambus.rtmp.amf0 import Value, decode, encode
from cambus.rtmp.chunks import MAX_COMMAND_BYTES, MAX_MEDIA_BYTES, ChunkReader, write_message
from cambus.rtmp.errors import LocalProtocolError, ProtocolError
from cambus.rtmp.events import Closed, Event, Media, Publish, Unpublished
from cambus.rtmp.handshake import Handshake
from cambus.rtmp.message import (
    COMMAND_CHUNK_STREAM,
    CONTROL_CHUNK_STREAM,
    STATUS_CHUNK_STREAM,
    Control,
    Kind,
    Message,
)

WINDOW_BYTES: Final = 2_500_000
OUR_CHUNK: Final = 4096
MAX_STREAMS: Final = 8
MAX_NAME: Final = 1024
MAX_SOFTWARE: Final = 128
WAITING_BYTES: Final = 1024 * 1024
"""Bytes received while a request waits for its reply."""
_DYNAMIC: Final = 2  # limit type of the peer's bandwidth (§5.4.5)


class State(Enum):
    """How far a connection is."""

    HANDSHAKE = "handshake"
    OPEN = "open"
    CONNECTED = "connected"
    ASKED = "asked"
    PUBLISHING = "publishing"


class RtmpServerConnection:
    """The server's side of one connection.

    Args:
        now: the time, in seconds of any monotonic clock; all later times are of the same clock.
        silence_s: a client that sends nothing for so long is closed; it is asked for a sign of life after half of it.

    Attributes:
        state: how far it is.
        closed: whether the owner should close the socket once `data_to_send` is written.
    """

    def __init__(self, now: float, *, silence_s: float = 30.0) -> None:
        self.state = State.HANDSHAKE
        self.closed = False
        self._silence_s = silence_s
        self._handshake = Handshake()
        self._reader = ChunkReader(max_message_bytes=MAX_COMMAND_BYTES)
        self._events: list[Event] = []
        self._output: list[bytes] = []
        self._app = self._software = ""
        self._chunk = 128
        self._streams = 0
        self._publishing = 0
        self._received = self._acknowledged = 0
        self._window = WINDOW_BYTES
        self._heard_at = now
        self._pinged = False

    # --- bytes and time in, events and bytes out

    @property
    def awaiting_reply(self) -> bool:
        """Whether the owner owes a reply; until then it may pause reading."""
        return self.state is State.ASKED and not self.closed

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes of the client."""
        if self.closed:
            return
        self._heard_at, self._pinged = now, False
        self._received += len(data)
        try:
            self._reader.feed(self._handshake.feed(data))
            self._output += self._handshake.data_to_send()
            if self._handshake.done and self.state is State.HANDSHAKE:
                self.state = State.OPEN
            self._advance()
        except ProtocolError as error:
            self._close(str(error))
            return
        if self.awaiting_reply and self._reader.buffered_bytes > WAITING_BYTES:
            self._close("too many bytes while a request waits for its reply")
        self._acknowledge()

    def events_received(self) -> list[Event]:
        """The events since the last call, in order."""
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> list[bytes]:
        """What is to be written since the last call, in order."""
        output, self._output = self._output, []
        return output

    def next_timeout(self) -> float | None:
        """When to call `handle_timeout`, None if there is nothing to wait for."""
        if self.closed or self.awaiting_reply:
            return None
        asks = self.state is not State.HANDSHAKE and not self._pinged
        return self._heard_at + self._silence_s / (2 if asks else 1)

    def handle_timeout(self, now: float) -> None:
        """Ask a silent client for a sign of life (§7.1.7); close one that gives none."""
        deadline = self.next_timeout()
        if deadline is None or now < deadline:
            return
        if self.state is State.HANDSHAKE or self._pinged:
            self._close(f"nothing came for {self._silence_s:g} s")
            return
        self._pinged = True
        self._control(Control.PING_REQUEST, int(now * 1000) & 0xFFFFFFFF)

    # --- replies of the owner

    def accept_publish(self) -> None:
        """Answer `Publish`: what comes now is media.

        Raises:
            LocalProtocolError: no publish waits for its reply.
        """
        self._expect_asked()
        self.state = State.PUBLISHING
        self._reader.max_message_bytes = MAX_MEDIA_BYTES
        self._control(Control.STREAM_BEGIN, self._publishing)
        self._status("status", "NetStream.Publish.Start", "publishing")
        self._go_on()

    def reject_publish(self, code: str, text: str) -> None:
        """Refuse `Publish`, and end the connection: publishers try again by a new one.

        Args:
            code: such as `NetStream.Publish.BadName`.
            text: for people.

        Raises:
            LocalProtocolError: no publish waits for its reply.
        """
        self._expect_asked()
        self._status("error", code, text)
        self.state = State.CONNECTED
        self._close(f"refused: {code}")

    # --- messages

    def _go_on(self) -> None:
        try:
            self._advance()
        except ProtocolError as error:
            self._close(str(error))

    def _advance(self) -> None:
        while self.state not in {State.HANDSHAKE, State.ASKED} and not self.closed:
            message = self._reader.next_message()
            if message is None:
                return
            self._read(message)

    def _read(self, message: Message) -> None:
        kind, payload = message.kind, message.payload
        if kind in {Kind.AUDIO, Kind.VIDEO}:
            self._media(message)
        elif kind == Kind.AGGREGATE:
            for each in split_aggregate(message):
                self._media(each)
        elif kind == Kind.COMMAND:
            self._command(decode(payload), message.stream)
        elif kind == Kind.COMMAND_AMF3:
            self._command(decode(payload[1:]), message.stream)  # AMF0 behind one byte, as publishers write it
        elif kind == Kind.WINDOW_SIZE and len(payload) >= 4:
            self._window = max(int.from_bytes(payload[:4], "big"), 1024)
        elif kind == Kind.USER_CONTROL and len(payload) >= 6 and payload[1] == Control.PING_REQUEST:
            self._control(Control.PING_RESPONSE, int.from_bytes(payload[2:6], "big"))

    def _media(self, message: Message) -> None:
        if self.state is State.PUBLISHING and message.kind in {Kind.AUDIO, Kind.VIDEO}:
            self._events.append(Media(message.kind == Kind.VIDEO, message.timestamp, message.payload))

    def _command(self, values: list[Value], stream: int) -> None:
        """A command: a name, a number of its own for the reply, then what it takes (§7.2)."""
        if len(values) < 2 or not isinstance(values[0], str) or not isinstance(values[1], (int, float)):
            raise ProtocolError("a command without name or number")
        name, number, rest = values[0], float(values[1]), values[2:]
        if name == "connect":
            self._connect(number, rest)
            return
        if self.state is State.OPEN:
            raise ProtocolError("a command before connect")
        answers: dict[str, Callable[[float, list[Value], int], None]] = {
            "createStream": self._create_stream,
            "publish": self._publish,
            "releaseStream": self._nothing,
            "FCPublish": self._nothing,
            "FCUnpublish": self._end_stream,
            "closeStream": self._end_stream,
            "deleteStream": self._end_stream,
        }
        answer = answers.get(name)
        if answer is not None:
            answer(number, rest, stream)
        elif number:
            self._failed(
                number, "NetConnection.Call.Failed", "this server is published to, and knows nothing else"
            )

    def _connect(self, number: float, rest: list[Value]) -> None:
        if self.state is not State.OPEN:
            raise ProtocolError("a second connect")
        asked = rest[0] if rest and isinstance(rest[0], dict) else {}
        app, software = asked.get("app"), asked.get("flashVer")
        if not isinstance(app, str) or len(app) > MAX_NAME:
            raise ProtocolError("connect names no app, or one that is too long")
        self._app = app
        if isinstance(software, str):
            self._software = "".join(each for each in software if each.isprintable())[:MAX_SOFTWARE]
        self.state = State.CONNECTED
        self._send(Kind.WINDOW_SIZE, WINDOW_BYTES.to_bytes(4, "big"))
        self._send(Kind.PEER_BANDWIDTH, WINDOW_BYTES.to_bytes(4, "big") + bytes((_DYNAMIC,)))
        self._send(Kind.SET_CHUNK_SIZE, OUR_CHUNK.to_bytes(4, "big"))
        self._chunk = OUR_CHUNK
        properties: Value = {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0}
        result: dict[str, Value] = {
            "level": "status",
            "code": "NetConnection.Connect.Success",
            "description": "connected",
            "objectEncoding": 0.0,
            "fourCcList": ["avc1", "hvc1", "mp4a"],  # what is taken beyond RTMP 1.0 (Enhanced RTMP)
        }
        self._reply("_result", number, properties, result)

    def _create_stream(self, number: float, rest: list[Value], stream: int) -> None:
        del rest, stream
        if self._streams >= MAX_STREAMS:
            raise ProtocolError(f"more than {MAX_STREAMS} streams")
        self._streams += 1
        self._reply("_result", number, None, float(self._streams))

    def _publish(self, number: float, rest: list[Value], stream: int) -> None:
        name = rest[1] if len(rest) > 1 else None
        if self._publishing:
            self._failed(number, "NetStream.Publish.Failed", "one stream a connection")
            return
        if not isinstance(name, str) or len(name) > MAX_NAME or not 1 <= stream <= self._streams:
            raise ProtocolError("publish names no stream, or one that was not created")
        self._publishing = stream
        self.state = State.ASKED
        self._events.append(Publish(self._app, name, self._software))

    def _end_stream(self, number: float, rest: list[Value], stream: int) -> None:
        del number, rest, stream
        if self.state is State.PUBLISHING:
            self._status("status", "NetStream.Unpublish.Success", "unpublished")
            self.state, self._publishing = State.CONNECTED, 0
            self._reader.max_message_bytes = MAX_COMMAND_BYTES
            self._events.append(Unpublished())

    def _nothing(self, number: float, rest: list[Value], stream: int) -> None:
        """What other servers need before publish."""
        del rest, stream
        self._reply("_result", number, None, None)

    # --- out

    def _failed(self, number: float, code: str, text: str) -> None:
        self._reply("_error", number, None, {"level": "error", "code": code, "description": text})

    def _reply(self, name: str, number: float, *values: Value) -> None:
        self._send(Kind.COMMAND, encode(name, number, *values), COMMAND_CHUNK_STREAM)

    def _status(self, level: str, code: str, text: str) -> None:
        body = encode("onStatus", 0.0, None, {"level": level, "code": code, "description": text})
        self._send(Kind.COMMAND, body, STATUS_CHUNK_STREAM, self._publishing)

    def _control(self, kind: Control, value: int) -> None:
        self._send(Kind.USER_CONTROL, kind.to_bytes(2, "big") + value.to_bytes(4, "big"))

    def _send(
        self, kind: Kind, payload: bytes, chunk_stream: int = CONTROL_CHUNK_STREAM, stream: int = 0
    ) -> None:
        self._output.append(write_message(Message(kind, stream, 0, payload), chunk_stream, self._chunk))

    def _acknowledge(self) -> None:
        """Say how much has come, twice in a window (§5.4.3)."""
        if self.state is State.HANDSHAKE or self.closed:
            return
        if self._received - self._acknowledged >= self._window // 2:
            self._acknowledged = self._received
            self._send(Kind.ACKNOWLEDGEMENT, (self._received & 0xFFFFFFFF).to_bytes(4, "big"))

    def _expect_asked(self) -> None:
        if self.state is not State.ASKED:
            raise LocalProtocolError("no publish waits for its reply")

    def _close(self, reason: str) -> None:
        if not self.closed:
            self.closed = True
            self._events.append(Closed(reason))
