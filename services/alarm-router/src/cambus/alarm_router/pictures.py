"""The pictures of an alarm: those it came with, and those a rule had taken of it."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cambus.alarm_router.notice import Notice
from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.client.objects import ObjectStore
from cambus.schemas import assets
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.objects import PictureRef

logger = logging.getLogger(__name__)

MAX_PICTURES = 4
MAX_BYTES = 8 * 1024 * 1024
SUBTYPES = {"image/jpeg": "jpeg", "image/png": "png"}

Taken = Callable[[str, str], Awaitable[list[PictureRef]]]
"""The pictures the actions of a rule take of an alarm, by event and rule; waits until they are there or have failed."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, and what of `image/…` it is."""

    subtype: str
    data: bytes


class Pictures:
    """Reads them from the object store `cambus-pictures`; one that cannot be read is left out.

    Args:
        bus: the connection.
        taken: asks for those that rules have taken.
    """

    def __init__(self, bus: Bus, taken: Taken) -> None:
        self._store = ObjectStore(bus, assets.OBJECTS_PICTURES)
        self._taken = taken

    async def of(self, notice: Notice) -> list[Picture]:
        """The pictures of the beginning of an alarm; its end has none."""
        if not isinstance(notice.alarm, AlarmRaised):
            return []
        refs = [*notice.alarm.pictures, *await self._taken(notice.alarm.id, notice.rule)]
        found: list[Picture] = []
        for ref in refs[:MAX_PICTURES]:
            subtype = SUBTYPES.get(ref.content_type)
            if subtype is None or ref.bytes > MAX_BYTES or ref.bucket != assets.OBJECTS_PICTURES:
                continue
            try:
                found.append(Picture(subtype, await self._store.get_bytes(ref.object, MAX_BYTES)))
            except (BusError, KeyError, ValueError) as error:
                logger.warning("a picture is left out", extra={"object": ref.object, "reason": str(error)})
        return found
