"""What an upper platform watches: the media of one session, counted and decoded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

import av
from av.video.codeccontext import VideoCodecContext

from cambus.gb28181.errors import MediaError
from cambus.gb28181.running_session import MediaSession
from cambus.media.frame import Codec
from cambus.media.mpegps import StreamUnit
from cambus.simulators.watch import Watch

MAX_KEPT: Final = 2000
_LOOK_S: Final = 0.02
_DECODERS: Final = {Codec.H264: "h264", Codec.H265: "hevc"}


class Watching:
    """One session.

    Args:
        code: of who sends.
        channel: what is watched.

    Attributes:
        units: the last pictures and pieces of sound.
        pictures: how many pictures came.
        sounds: how many pieces of sound.
        gaps: how often something was missing.
        session: the session itself.
        ending: why it is over, `finished` for a recording that came to its end; None while it lasts.
    """

    def __init__(self, code: str, channel: str) -> None:
        self.units: deque[StreamUnit] = deque(maxlen=MAX_KEPT)
        self.pictures = 0
        self.sounds = 0
        self.gaps = 0
        self.ending: str | None = None
        self._code = code
        self._channel = channel
        self._session: MediaSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._watch = Watch()

    @property
    def session(self) -> MediaSession:
        """The session itself."""
        assert self._session is not None  # noqa: S101 - begun as soon as it is there
        return self._session

    def begin(self, session: MediaSession) -> None:
        """The session is set up."""
        self._session = session
        self._task = asyncio.create_task(self._run(session), name=f"watching {self._channel}")

    async def _run(self, session: MediaSession) -> None:
        try:
            await session.run()
            self.ending = "finished"
        except MediaError as error:
            self.ending = error.reason
        finally:
            self._watch.changed()

    def take(self, units: list[StreamUnit]) -> None:
        """Media came."""
        for unit in units:
            self.units.append(unit)
            self.pictures += unit.codec in _DECODERS
            self.sounds += unit.codec.is_audio
            self.gaps += unit.discontinuity
        self._watch.changed()

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float = 60.0, what: str = "") -> None:
        """Return as soon as `predicate()` is true. Raises TimeoutError."""
        await self._watch.until(predicate, timeout_s, what, look_s=_LOOK_S)

    def decode(self) -> list[tuple[int, int]]:
        """Decode the pictures that are kept with FFmpeg: width and height of each."""
        video = [unit for unit in self.units if unit.codec in _DECODERS]
        if not video:
            return []
        decoder = cast("VideoCodecContext", VideoCodecContext.create(_DECODERS[video[0].codec], "r"))
        found = []
        for unit in video:
            found += decoder.decode(av.Packet(unit.payload))
        found += decoder.decode(None)
        return [(frame.width, frame.height) for frame in found]

    async def close(self) -> None:
        """Hang up; may be called twice."""
        if self._session is not None:
            await self._session.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def as_json(self) -> dict[str, Any]:
        """For those who look."""
        return {
            "code": self._code,
            "channel": self._channel,
            "pictures": self.pictures,
            "sounds": self.sounds,
            "gaps": self.gaps,
            "codecs": sorted({unit.codec.name.lower() for unit in self.units}),
            "ending": self.ending,
        }
