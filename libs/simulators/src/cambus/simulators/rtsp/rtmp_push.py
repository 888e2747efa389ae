"""One stream pushed by RTMP: connect, publish, then tags (RTMP 1.0 §7.2; enhanced RTMP for H.265)."""

import asyncio
import os
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from cambus.media.audio import AudioConfig
from cambus.media.flv import FlvMuxer
from cambus.media.frame import Codec, Flag, Frame
from cambus.media.frame import Kind as FrameKind
from cambus.media.parameter_sets import ParameterSetTracker
from cambus.rtmp import ChunkReader, Kind, Message, write_message
from cambus.rtmp.amf0 import decode, encode
from cambus.simulators.rtsp.announcing import PushRefusedError
from cambus.simulators.tone import PACKETS_PER_S, channel_tone
from cambus.simulators.video_loop import VideoLoop

_HELLO_BYTES: Final = 1536
_CHUNK: Final = 4096
_CONTROL, _COMMANDS, _MEDIA = 2, 3, 6  # chunk streams
_CREATE, _PUBLISH = 4.0, 5.0  # transactions
_READ_BYTES: Final = 65536
_MAX_UNSENT: Final = 1 << 20
_TAG_HEAD, _TAG_TAIL = 11, 4
_TICKS: Final = 90_000
SOUND: Final = AudioConfig(Codec.PCMA, 8000, 1)


def timed_frames(loop: VideoLoop) -> Iterator[tuple[float, Frame]]:
    """The pictures and the tone of a channel for ever, each with the second it is due at."""
    tone, packet = channel_tone(loop.spec.channel), 0
    for index in count():
        at_s = index / loop.spec.fps
        while packet / PACKETS_PER_S < at_s:
            sound_s = packet / PACKETS_PER_S
            pts = round(sound_s * _TICKS)
            data = tone[packet % len(tone)]
            yield sound_s, Frame(FrameKind.AUDIO, SOUND.codec, Flag.NONE, 0, pts, pts, 0, data)
            packet += 1
        unit, pts = loop.unit(index), round(at_s * _TICKS)
        flags = Flag.KEYFRAME if unit.keyframe else Flag.NONE
        yield at_s, Frame(FrameKind.VIDEO, loop.spec.codec, flags, 0, pts, pts, 0, unit.data)


class RtmpPush:
    """A stream on its way by RTMP; `open`, then `push` for ever.

    Args:
        reader, writer: the connection.
        app: the first part of the path.
        name: what follows, the key included.
        loop: its pictures.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, app: str, name: str, loop: VideoLoop
    ) -> None:
        self._reader, self._writer = reader, writer
        self._app, self._name = app, name
        self._loop = loop
        self._chunks = ChunkReader()
        self._stream = 0
        video = ParameterSetTracker().update(loop.unit(0).data, loop.spec.codec)
        self._muxer = FlvMuxer(video, SOUND)

    async def open(self) -> None:
        """Have the server take it. Raises OSError: it does not, or is gone; RtmpError: it makes no sense."""
        self._writer.write(b"\x03" + bytes(8) + os.urandom(_HELLO_BYTES - 8))
        answer = await self._reader.readexactly(1 + 2 * _HELLO_BYTES)
        self._writer.write(answer[1 : 1 + _HELLO_BYTES])
        chunk = Message(Kind.SET_CHUNK_SIZE, 0, 0, _CHUNK.to_bytes(4, "big"))
        self._writer.write(write_message(chunk, _CONTROL))
        self._command("connect", 1.0, {"app": self._app, "flashVer": "FMLE/3.0 (compatible; Simulated)"})
        self._command("releaseStream", 2.0, None, self._name)
        self._command("FCPublish", 3.0, None, self._name)
        self._command("createStream", _CREATE, None)
        while not self._stream:
            values = await self._answer()
            if values[:2] == ["_result", _CREATE] and isinstance(values[-1], float):
                self._stream = int(values[-1])
        self._command("publish", _PUBLISH, None, self._name, "live")
        while True:
            values = await self._answer()
            if values[0] == "onStatus" and isinstance(values[-1], dict):
                code = values[-1].get("code")
                if code == "NetStream.Publish.Start":
                    return
                raise PushRefusedError(f"publish is answered {code}")

    async def push(self) -> None:
        """Send tags in their time. Raises OSError when the server is gone."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._write(self._muxer.configuration_tag())
        for at_s, frame in timed_frames(self._loop):
            await asyncio.sleep(max(began + at_s - loop.time(), 0))
            if self._writer.is_closing():
                raise ConnectionResetError("the server has closed the connection")
            if self._writer.transport.get_write_buffer_size() < _MAX_UNSENT:
                self._write(self._muxer.tag(frame, 0))

    def _write(self, tag: bytes) -> None:
        stamp = int.from_bytes(tag[4:7], "big") | tag[7] << 24
        message = Message(tag[0], self._stream, stamp, tag[_TAG_HEAD:-_TAG_TAIL])
        self._writer.write(write_message(message, _MEDIA, _CHUNK))

    def _command(self, *values: Any) -> None:
        message = Message(Kind.COMMAND, self._stream, 0, encode(*values))
        self._writer.write(write_message(message, _COMMANDS, _CHUNK))

    async def _answer(self) -> list[Any]:
        """The next command of the server."""
        while True:
            message = self._chunks.next_message()
            if message is not None and message.kind == Kind.COMMAND:
                return list(decode(message.payload))
            if message is None:
                data = await self._reader.read(_READ_BYTES)
                if not data:
                    raise ConnectionResetError("the server has closed the connection")
                self._chunks.feed(data)
