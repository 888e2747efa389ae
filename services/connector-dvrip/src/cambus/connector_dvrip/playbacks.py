"""Recordings of the device, played onto the bus: each playback has a media subject of its own."""

from typing import TYPE_CHECKING

from cambus.connector.session_tasks import SessionTasks
from cambus.connector_dvrip.playback_session import PlaybackSession, Show
from cambus.schemas.errors import NotFound
from cambus.schemas.ids import SESSION_PREFIX, new_ulid

if TYPE_CHECKING:
    from cambus.connector_dvrip.session import DvripSession


class Playbacks:
    """The playbacks of one session.

    Args:
        session: the device's session.
    """

    def __init__(self, session: "DvripSession") -> None:
        self._session = session
        self._running: dict[str, PlaybackSession] = {}
        self._tasks = SessionTasks()

    async def start(self, show: Show) -> tuple[str, str]:
        """Play recordings one after the other; return the session and the subject of the frames.

        Raises:
            Conflict: it is to be faster than real time, and the device is sending a download.
            DvripError: the device refused the first one.
        """
        session, first, name = self._session, show.clips[0], f"pb-{new_ulid()}"
        if show.speed > 1:
            session.slot.take(name, "playing faster")
        try:
            playback = await session.client.open_playback(
                show.channel,
                first.file_name,
                begin=first.begin,
                end=first.end,
                stream=show.stream,
                expected_kib=first.length_kib,
                download=show.speed > 1,
            )
        except BaseException:
            session.slot.release(name)
            raise
        publisher = session.device.context.publisher(show.channel, SESSION_PREFIX + name)
        running = self._running[name] = PlaybackSession(session, name, show, playback, publisher)
        self._tasks.start("playback session", name, running.run(), lambda: self._forget(name))
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
        await self._tasks.stop(name)

    async def close(self) -> None:
        """End all of them, bounded in time."""
        await self._tasks.close()

    def _forget(self, name: str) -> None:
        self._session.slot.release(name)
        self._running.pop(name, None)
