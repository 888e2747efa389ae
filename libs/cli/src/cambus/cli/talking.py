"""One talk: what is said goes out at the pace it is to be heard, what the microphone hears is collected."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from nats.aio.msg import Msg

from cambus.cli.failures import CliError
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.media.audio import AudioConfig
from cambus.media.errors import MediaError
from cambus.media.frame import Codec, Flag, Frame, FrameAssembler, Kind, encode_frame
from cambus.media.g711 import decode_alaw, decode_ulaw
from cambus.schemas.commands.talk import STOP, TalkStartReply, TalkStopRequest
from cambus.schemas.errors import CambusError

PIECE_S: Final = 0.04
MAX_LAG_S: Final = 0.2
"""A sender that was late by more goes on from there instead of catching up in a burst nobody hears."""

STOP_S: Final = 4.0
_DECODERS: Final = {Codec.PCMA: decode_alaw, Codec.PCMU: decode_ulaw}

Progress = Callable[[float], None]
"""Told how many seconds have been said."""


class Microphone:
    """What is heard at the device, as PCM.

    Attributes:
        pcm: signed 16 bit little-endian samples.
        rate: samples a second.
        over: set when the device's side has ended.
    """

    def __init__(self) -> None:
        self.pcm = bytearray()
        self.rate = 8000
        self.over = asyncio.Event()
        self._assembler = FrameAssembler()

    def take(self, message: Msg) -> None:
        """Take one message of the microphone's subject."""
        with suppress(MediaError):
            frame = self._assembler.push(message.data)
            if frame is not None:
                self._hear(frame)

    def _hear(self, frame: Frame) -> None:
        if frame.end:
            self.over.set()
        elif frame.kind is Kind.AUDIO_CONFIG:
            self.rate = AudioConfig.parse(frame.payload).sample_rate
        elif frame.kind is Kind.AUDIO and frame.codec in _DECODERS:
            self.pcm += _DECODERS[frame.codec](frame.payload)

    @property
    def seconds(self) -> float:
        """How long it was listened to."""
        return len(self.pcm) / 2 / self.rate


class Talk:
    """A talk that was begun.

    Args:
        bus: the connection.
        device: who is talked through.
        begun: what `talk.start` answered.
        microphone: takes what the device hears.
    """

    def __init__(self, bus: Connection, device: str, begun: TalkStartReply, microphone: Microphone) -> None:
        self._bus = bus
        self._device = device
        self._begun = begun
        self._microphone = microphone

    async def say(self, alaw: bytes, progress: Progress) -> None:
        """Say it all, then give the loudspeaker back; also when this is cancelled.

        Raises:
            CliError: the device ended the talk before.
            BusError: the connection is lost.
        """
        heard = None
        try:
            if self._begun.listen_subject is not None:
                heard = await self._bus.subscribe(self._begun.listen_subject, self._microphone.take)
            await self._send(alaw, progress)
        finally:
            await self._stop()
            if heard is not None:
                await heard.drain()

    async def _send(self, alaw: bytes, progress: Progress) -> None:
        loop = asyncio.get_running_loop()
        size = round(self._begun.sample_rate_hz * PIECE_S)
        due = loop.time()
        for number, at in enumerate(range(0, len(alaw), size)):
            due = max(due, loop.time() - MAX_LAG_S)
            await asyncio.sleep(due - loop.time())
            due += PIECE_S
            if self._microphone.over.is_set():
                raise CliError("the device ended the talk", reason="talk-ended")
            await self._publish(number, alaw[at : at + size])
            progress(min(at + size, len(alaw)) / self._begun.sample_rate_hz)

    async def _publish(self, number: int, sound: bytes) -> None:
        pts = round(number * PIECE_S * 90_000)
        wall_us = time.time_ns() // 1000
        frame = Frame(Kind.AUDIO, Codec.PCMA, Flag.NONE, number, pts, pts, wall_us, sound)
        for message in encode_frame(frame, self._bus.max_payload):
            await self._bus.publish(self._begun.subject, message)

    async def _stop(self) -> None:
        """Give the loudspeaker back; if nobody hears of it the talk ends by itself, for nothing comes any more."""
        request = TalkStopRequest(session=self._begun.session)
        with suppress(CambusError):
            await BusClient(self._bus).call(STOP, request, device=self._device, timeout_s=STOP_S)
