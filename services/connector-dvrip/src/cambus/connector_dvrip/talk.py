"""The loudspeaker and the microphone of a DVRIP device (DVRIP §10.2)."""

from typing import TYPE_CHECKING

from cambus.connector.driver import FrameSink
from cambus.connector.steady_clock import SteadyClock
from cambus.connector_dvrip.mapping.errors import end_of_session
from cambus.connector_dvrip.media import FrameMaker
from cambus.dvrip.errors import DvripError
from cambus.dvrip.talk import Talk
from cambus.media.frame import Codec

if TYPE_CHECKING:
    from cambus.connector_dvrip.session import DvripSession


class DvripTalkLine:
    """A talk the device has begun; it has a session and a connection of its own.

    Args:
        session: the device's main session.
        talk: of the protocol library.
    """

    codec = Codec.PCMA

    def __init__(self, session: "DvripSession", talk: Talk) -> None:
        self._session = session
        self._talk = talk
        self._maker = FrameMaker(session.zone)
        self._clock = SteadyClock()

    async def send(self, sound: bytes) -> None:
        """Send A-law; takes as long as it sounds."""
        try:
            await self._talk.send(sound)
        except DvripError as error:
            raise end_of_session(error) from None

    async def flush(self) -> None:
        """Send what is less than a packet, filled up with silence."""
        try:
            await self._talk.flush()
        except DvripError as error:
            raise end_of_session(error) from None

    async def listen(self, sink: FrameSink) -> None:
        """Feed the sink with what the microphone hears."""
        try:
            async for heard in self._talk:
                for frame in self._maker.frames(heard, self._clock.now_us()):
                    await sink(frame)
        except DvripError as error:
            raise end_of_session(error) from None

    async def close(self) -> None:
        """Send Stop and close the connection."""
        try:
            await self._talk.stop()
        except DvripError as error:
            self._session.log.debug("talk not stopped cleanly", extra={"reason": str(error)})
