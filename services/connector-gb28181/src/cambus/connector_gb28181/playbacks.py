"""Recordings of the device, played onto the bus: each playback has a media subject of its own."""

from typing import TYPE_CHECKING

from cambus.connector import session_tasks
from cambus.connector_gb28181.ordering import open_media, order_of
from cambus.connector_gb28181.playback_session import PlaybackSession, Show
from cambus.connector_gb28181.unit_queue import UnitQueue
from cambus.gb28181.errors import GbError
from cambus.gb28181.sdp import Purpose
from cambus.schemas.ids import SESSION_PREFIX, new_ulid

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession


class Playbacks(session_tasks.Playbacks[PlaybackSession]):
    """The playbacks of one session.

    Args:
        session: the device's session.
    """

    def __init__(self, session: "GbSession") -> None:
        super().__init__()
        self._session = session

    async def start(self, show: Show, speed: float) -> tuple[str, str, str]:
        """Have the device play; return the session, the subject of the frames, and by which systems they come.

        Raises:
            CambusError: the device refused, or does not play at that speed.
        """
        session, name, units = self._session, f"pb-{new_ulid()}", UnitQueue()
        order = order_of(
            session,
            show.channel,
            show.stream,
            Purpose.PLAYBACK,
            start=show.span.start,
            end=show.span.end,
            source_type=show.span.source_type,
        )
        media = await open_media(session, order, units.put)
        publisher = session.device.context.publisher(show.channel, SESSION_PREFIX + name)
        running = PlaybackSession(session, name, show, media, units, publisher)
        try:
            if speed != 1:
                await running.set_speed(speed)
        except GbError as error:
            await media.close()
            raise session.failed(error) from error
        except BaseException:
            await media.close()
            raise
        self.run(name, running, running.run(), lambda: None)
        return name, publisher.subject, "-".join(media.route)
