"""Recordings of the device, played onto the bus: each playback has a media subject of its own."""

from typing import TYPE_CHECKING

from cambus.connector import session_tasks
from cambus.connector_dvrip.playback_session import PlaybackSession, Show
from cambus.schemas.ids import SESSION_PREFIX, new_ulid

if TYPE_CHECKING:
    from cambus.connector_dvrip.session import DvripSession


class Playbacks(session_tasks.Playbacks[PlaybackSession]):
    """The playbacks of one session.

    Args:
        session: the device's session.
    """

    def __init__(self, session: "DvripSession") -> None:
        super().__init__()
        self._session = session

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
        running = PlaybackSession(session, name, show, playback, publisher)
        self.run(name, running, running.run(), lambda: session.slot.release(name))
        return name, publisher.subject
