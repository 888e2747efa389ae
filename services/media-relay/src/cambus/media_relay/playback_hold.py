"""Keeping a playback alive while somebody watches it: its first touch begins it, its last lets it lapse."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from cambus.client.calling import BusClient
from cambus.media_relay.key import StreamKey
from cambus.schemas.commands import playback, recording
from cambus.schemas.errors import CambusError, NotFound, Unsupported

log = logging.getLogger(__name__)

TOUCH_S: Final = 1.5
"""Between touches: a third of the shortest life a playback can have."""

DOUBT_S: Final = 1.0
"""How long frames may still come of a session that nobody knows as a playback."""

LOST_S: Final = 6.0
"""How long no recorder may answer before its playbacks are lost."""


class PlaybackHold:
    """Touches one playback session, of the device or of the recorder.

    Args:
        client: makes the calls.
        key: the stream, a session.
        wanted: whether somebody watches.
        on_unknown: told if there is no such playback.
    """

    def __init__(
        self,
        client: BusClient,
        key: StreamKey,
        wanted: Callable[[], bool],
        on_unknown: Callable[[CambusError], None],
    ) -> None:
        self._client = client
        self._key = key
        self._wanted = wanted
        self._on_unknown = on_unknown

    async def hold(self) -> None:
        """Touch at once and again and again while it is wanted, until cancelled."""
        unknown = await self._touch()
        await asyncio.sleep(DOUBT_S)
        self._on_unknown(unknown)
        await asyncio.Event().wait()  # it may still be watched

    async def _touch(self) -> CambusError:
        """Go on until there is no such playback, and return how that was said."""
        loop = asyncio.get_running_loop()
        answered = loop.time()
        while True:
            if self._wanted():
                try:
                    await self._touch_once()
                    answered = loop.time()
                except (NotFound, Unsupported) as error:
                    return error
                except CambusError as error:  # away for a moment, perhaps
                    log.debug(
                        "playback not touched", extra={"device": self._key.device, "reason": error.reason}
                    )
                    if self._key.of_recorder and loop.time() - answered > LOST_S:
                        return error
            else:
                answered = loop.time()
            await asyncio.sleep(TOUCH_S)

    async def _touch_once(self) -> None:
        if self._key.of_recorder:
            there = playback.PlaybackSessionRequest(session=self._key.session)
            await self._client.call_holder(playback.PLAYBACK_TOUCH, there)
        else:
            request = recording.RecordingSessionRequest(session=self._key.session)
            await self._client.call(recording.TOUCH, request, device=self._key.device)
