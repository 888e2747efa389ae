"""The loudspeaker and the microphone of a GB/T 28181 device (§8.5, GB-190 to GB-196).

By the standard a device is told to fetch our sound, and its microphone is heard with its live stream; some devices
rather take a session `s=Talk`, with sound both ways.
"""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from cambus.connector.driver import FrameSink
from cambus.connector.ending import end
from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector.steady_clock import SteadyClock
from cambus.connector_gb28181.unit_queue import UnitQueue
from cambus.gb28181.broadcast import PACKET_SAMPLES, Speech
from cambus.gb28181.errors import GbError
from cambus.gb28181.talk import Talk
from cambus.media.frame import Codec, Frame, Kind
from cambus.media.stamps import LiveStamps
from cambus.media.unit_frames import FrameMaker
from cambus.schemas.errors import CambusError
from cambus.schemas.ids import new_ulid

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

SILENCE: Final = b"\xd5"
PACKET_S: Final = PACKET_SAMPLES / 8000
AHEAD_S: Final = 0.06
"""How far ahead of its being heard sound may be sent: devices keep little."""
CLAIM_TTL_S: Final = 20.0
MAX_WAITING: Final = 64


class Pace:
    """Cuts sound into packets of 20 ms, and waits so that they leave as evenly as they are heard."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._due_at = 0.0

    def cut(self, sound: bytes) -> list[bytes]:
        """The packets that are whole now; the rest is kept."""
        sound = self._rest + sound
        whole = len(sound) // PACKET_SAMPLES * PACKET_SAMPLES
        self._rest = sound[whole:]
        return [sound[at : at + PACKET_SAMPLES] for at in range(0, whole, PACKET_SAMPLES)]

    def rest(self) -> bytes:
        """What is left, filled up with silence; empty if nothing is."""
        rest, self._rest = self._rest, b""
        return rest.ljust(PACKET_SAMPLES, SILENCE) if rest else b""

    async def turn(self) -> None:
        """Wait until the next packet is due."""
        now = self._loop.time()
        self._due_at = max(self._due_at, now - AHEAD_S) + PACKET_S
        if self._due_at > now:
            await asyncio.sleep(self._due_at - now)


class _EvenLine:
    """What goes to a device leaves in packets of 20 ms, evenly."""

    codec = Codec.PCMA

    def __init__(self) -> None:
        self._pace = Pace()

    async def send(self, sound: bytes) -> None:
        """Send A-law; takes as long as it sounds."""
        for packet in self._pace.cut(sound):
            await self._send(packet)

    async def flush(self) -> None:
        """Send what is less than a packet, filled up with silence."""
        if packet := self._pace.rest():
            await self._send(packet)

    async def _send(self, packet: bytes) -> None:
        """Send a packet, and wait until the next is due."""
        raise NotImplementedError


class BroadcastLine(_EvenLine):
    """Our sound is fetched by the device; its microphone comes with its live stream.

    Args:
        session: of the device.
        channel: whose microphone is heard.
        speech: of the protocol library.
    """

    def __init__(self, session: "GbSession", channel: int, speech: Speech) -> None:
        super().__init__()
        self._session = session
        self._channel = channel
        self._speech = speech

    async def _send(self, packet: bytes) -> None:
        if self._speech.ended.is_set():
            raise self._over()
        self._speech.send(packet)
        await self._pace.turn()

    async def listen(self, sink: FrameSink) -> None:
        """Feed the sink with the sound of the live stream, until the device hangs up."""
        hearing = asyncio.create_task(self._hear(sink), name=f"microphone {self._session.device.id}")
        try:
            await self._speech.ended.wait()
        finally:
            await end(hearing)
        raise self._over()

    async def _hear(self, sink: FrameSink) -> None:
        """Whoever talks wants an answer: the stream is opened for it; without one he still talks."""
        claimant, hooks = f"talk-{new_ulid()}", self._session.device.context.hooks
        heard: asyncio.Queue[Frame] = asyncio.Queue(MAX_WAITING)

        def take(frame: Frame) -> None:
            with contextlib.suppress(asyncio.QueueFull):
                heard.put_nowait(frame)

        with self._session.microphones.tapped(self._channel, take):
            try:
                while True:
                    async with hooks.claimed(self._channel, "main", claimant, CLAIM_TTL_S):
                        until = asyncio.get_running_loop().time() + CLAIM_TTL_S / 2
                        await self._forward(heard, sink, until)
            except CambusError as error:
                extra = {"device": self._session.device.id, "reason": error.text}
                logger.info("the microphone is not heard", extra=extra)

    @staticmethod
    async def _forward(heard: "asyncio.Queue[Frame]", sink: FrameSink, until: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while True:
                    await sink(await heard.get())

    def _over(self) -> SessionEnd:
        if self._speech.is_gone:
            return SessionEnd(EndReason.CONNECTION_LOST, "the device went offline")
        return SessionEnd(EndReason.FORCED_LOGOUT, "the device ended the talk")

    async def close(self) -> None:
        """Hang up."""
        await self._speech.close()


class TalkSessionLine(_EvenLine):
    """A session `s=Talk` with sound both ways (§8.5, private).

    Args:
        session: of the device.
        talk: of the protocol library.
        units: what comes of the microphone.
    """

    def __init__(self, session: "GbSession", talk: Talk, units: UnitQueue) -> None:
        super().__init__()
        self._session = session
        self._talk = talk
        self._units = units

    async def _send(self, packet: bytes) -> None:
        self._talk.send(packet)
        await self._pace.turn()

    async def listen(self, sink: FrameSink) -> None:
        """Feed the sink with what the microphone hears, until the device hangs up."""
        hearing = asyncio.create_task(self._hear(sink), name=f"microphone {self._session.device.id}")
        try:
            await self._talk.session.run()
        except GbError as error:
            raise SessionEnd(EndReason.FORCED_LOGOUT, error.text) from None
        finally:
            await end(hearing)

    async def _hear(self, sink: FrameSink) -> None:
        maker, clock = FrameMaker(LiveStamps()), SteadyClock()
        while True:
            for frame in maker.frames(await self._units.get(), clock.now_us()):
                if frame.kind in {Kind.AUDIO, Kind.AUDIO_CONFIG}:
                    await sink(frame)

    async def close(self) -> None:
        """Say BYE."""
        await self._talk.close()
