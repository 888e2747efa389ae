"""Recordings of the device, played onto the bus: each playback has a media subject of its own.

A span of time is played file by file: asked for a span, some recorders play channel 0 whatever was wanted
(DVRIP §10.1).
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cambus.connector.ending import end
from cambus.connector.publisher import FramePublisher
from cambus.connector_dvrip.media import FrameMaker, SteadyClock
from cambus.dvrip.errors import DvripError
from cambus.dvrip.messages.playback import PlaybackTarget
from cambus.dvrip.playback import Playback
from cambus.schemas.errors import NotFound
from cambus.schemas.ids import new_ulid

if TYPE_CHECKING:
    from cambus.connector_dvrip.session import DvripSession

CLOSE_S: Final = 1.0
SESSION_PREFIX: Final = "s-"


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording, or the wanted part of it, by the device's clock."""

    file_name: str
    begin: datetime | None
    end: datetime | None
    length_kib: int = 0


class PlaybackSession:
    """One playback under way.

    Args:
        session: the device's session.
        playback: of the protocol library, started with the first clip.
        clips: the recordings that follow.
        publisher: where the frames go.
        ttl_s: it ends when it is not touched for so long.
    """

    def __init__(
        self,
        session: "DvripSession",
        playback: Playback,
        clips: deque[Clip],
        publisher: FramePublisher,
        ttl_s: float,
    ) -> None:
        self.playback = playback
        self.publisher = publisher
        self._session = session
        self._clips = clips
        self._ttl_s = ttl_s
        self._until = asyncio.get_running_loop().time() + ttl_s
        self._maker = FrameMaker(session.zone, audio=session.device.options.audio)
        self._clock = SteadyClock()

    def touch(self) -> None:
        """It is still wanted."""
        self._until = asyncio.get_running_loop().time() + self._ttl_s

    async def run(self) -> None:
        """Play until the last recording is over, nobody wants it any more, or the device is lost."""
        pump = asyncio.create_task(self._play(), name=f"playback {self._session.device.id}")
        try:
            while not pump.done():
                left_s = self._until - asyncio.get_running_loop().time()
                if left_s <= 0:
                    break
                await asyncio.wait({pump}, timeout=left_s)
        finally:
            await end(pump)
            await self.publisher.end()
            await self.playback.close()

    async def _play(self) -> None:
        log = self._session.log
        try:
            while True:
                async for media in self.playback:
                    for frame in self._maker.frames(media, self._clock.now_us()):
                        await self.publisher.publish(frame)
                if not self._clips:
                    return
                clip = self._clips.popleft()
                await self.playback.restart(self._target(clip), clip.length_kib)
        except DvripError as error:
            log.info("playback broke off", extra={"reason": str(error)})

    def _target(self, clip: Clip) -> PlaybackTarget:
        now = self.playback.target
        return PlaybackTarget(clip.file_name, now.channel, clip.begin, clip.end, now.stream)


class Playbacks:
    """The playbacks of one session.

    Args:
        session: the device's session.
    """

    def __init__(self, session: "DvripSession") -> None:
        self._session = session
        self._running: dict[str, PlaybackSession] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, channel: int, clips: list[Clip], stream: int, ttl_s: float) -> tuple[str, str]:
        """Play recordings one after the other; return the session and the subject of the frames.

        Raises:
            DvripError: the device refused the first one.
        """
        first, rest = clips[0], deque(clips[1:])
        playback = await self._session.client.open_playback(
            channel,
            first.file_name,
            begin=first.begin,
            end=first.end,
            stream=stream,
            expected_kib=first.length_kib,
        )
        name = f"pb-{new_ulid()}"
        publisher = self._session.device.context.publisher(channel, SESSION_PREFIX + name)
        running = PlaybackSession(self._session, playback, rest, publisher, ttl_s)
        self._running[name] = running
        task = asyncio.create_task(running.run(), name=f"playback session {name}")
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._forget(name))
        return name, publisher.subject

    def get(self, name: str) -> PlaybackSession:
        """Return a playback by its session.

        Raises:
            NotFound: there is none, or it is over.
        """
        running = self._running.get(name)
        if running is None:
            raise NotFound("there is no such playback, or it is over", reason="no-such-session")
        return running

    async def stop(self, name: str) -> None:
        """End a playback; one that is over is no error."""
        task = self._tasks.get(name)
        if task is not None:
            await end(task)

    async def close(self) -> None:
        """End all of them, bounded in time."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)

    def _forget(self, name: str) -> None:
        self._running.pop(name, None)
        self._tasks.pop(name, None)
