"""A device that is there: looked at now and then, its streams opened when somebody wants them."""

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Final

from cambus.connector.driver import DeviceDescription, DeviceStream, FrameSink
from cambus.connector.errors import CredentialsRefused, SessionEnd
from cambus.connector.taps import KeyframeTaps
from cambus.connector_rtsp.entrance import Entrance
from cambus.connector_rtsp.mapping.device import description_of
from cambus.connector_rtsp.places import Sources
from cambus.connector_rtsp.stream import RtspStream, open_live
from cambus.connector_rtsp.survey import Survey
from cambus.rtsp.client import NewLogin
from cambus.schemas.errors import NotFound

if TYPE_CHECKING:
    from cambus.connector_rtsp.device import RtspDevice

MISSES: Final = 2
"""A device counts as away when it has not answered so often in a row."""
AGAIN_S: Final = 2.0
"""How soon a device that has not answered, or whose stream broke off, is looked at again."""
SPREAD: Final = 0.1
"""The looks at many devices are spread by this share of the time between them."""


class RtspSession:
    """A device that is there. Between looks no connection is held.

    Args:
        device: whose session.
        sources: where its streams are.
        login: makes the account of each connection.
        entrance: keeps a refused account away from the device.
        survey: has looked at it.

    Attributes:
        device: see above.
        login: see above.
        entrance: see above.
        survey: see above.
        taps: keyframes of its live streams, for whoever waits for one.
    """

    def __init__(
        self, device: "RtspDevice", sources: Sources, login: NewLogin, entrance: Entrance, survey: Survey
    ) -> None:
        self.device = device
        self.login = login
        self.entrance = entrance
        self.survey = survey
        self.taps = KeyframeTaps()
        self._sources = sources
        self._streams: set[RtspStream] = set()
        self._doubt = asyncio.Event()
        self._description = description_of(device.options.cameras, survey.looks)

    @property
    def description(self) -> DeviceDescription:
        """What the device is."""
        return self._description

    async def run(self) -> None:
        """Look at it now and then, until it is away. Raises `SessionEnd`."""
        misses = 0
        while True:
            await self._wait(AGAIN_S if misses else self.device.options.check_s)
            misses = 0 if await self._answers(last=misses + 1 >= MISSES) else misses + 1

    @property
    def titles(self) -> list[str]:
        """What the channels call themselves."""
        seen = (look.description for look in self.survey.looks)
        return ["" if each is None else each.title for each in seen]

    async def look(self) -> None:
        """Look at it now."""
        await self.survey.look(self._flowing)
        self._describe()

    async def open_stream(self, channel: int, stream: str, sink: FrameSink) -> DeviceStream:
        """Have the device send a live stream; returns once a picture comes. Raises CambusError."""
        if not 0 <= channel < len(self._sources):
            raise NotFound(f"the device has no channel {channel}", reason="no-such-channel")
        source = next((place for name, place in self._sources[channel].items() if name == stream), None)
        if source is None:
            raise NotFound(f"the channel has no stream {stream}", reason="no-such-stream")
        opened = await open_live(self, channel, stream, source, sink)
        self._streams.add(opened)
        return opened

    def left(self, stream: RtspStream) -> None:
        """A stream is closed."""
        self._streams.discard(stream)

    def doubt(self) -> None:
        """A stream broke off, or could not be opened: perhaps the device is away, or its account was changed."""
        self.entrance.doubt()
        self._doubt.set()

    async def close(self) -> None:
        """Live streams were closed before, and nothing else is open."""

    # --- inside -----------------------------------------------------------------------------------------

    @property
    def _flowing(self) -> frozenset[int]:
        """Channels whose pictures come just now."""
        return frozenset(stream.channel for stream in self._streams if stream.flowing)

    async def _wait(self, about_s: float) -> None:
        self._doubt.clear()
        spread = about_s * (1 + SPREAD * (2 * random.random() - 1))  # noqa: S311 - spreads load, no secret
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(spread):
                await self._doubt.wait()
                await asyncio.sleep(min(AGAIN_S, about_s) * random.random())  # noqa: S311 - likewise

    async def _answers(self, *, last: bool) -> bool:
        """Whether it answers; raises `SessionEnd` if it refuses us, or did not answer for the last time."""
        await self.look()
        try:
            self.survey.raise_if_away()
        except CredentialsRefused:
            raise
        except SessionEnd:
            if last:
                raise
            return False
        return True

    def _describe(self) -> None:
        description = description_of(self.device.options.cameras, self.survey.looks)
        if description != self._description:
            self._description = description
            self.device.context.hooks.described()
