"""Looking whether a device is there: each channel is asked what it has (OPTIONS, DESCRIBE)."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from cambus.connector_rtsp.entrance import Entrance
from cambus.connector_rtsp.mapping.errors import command_error, end_of
from cambus.connector_rtsp.places import Sources
from cambus.rtsp.client import NewLogin, PullSettings, describe
from cambus.rtsp.client_errors import AuthRefused, ClientError
from cambus.rtsp.client_url import Source
from cambus.rtsp.description import Description
from cambus.schemas.ids import StreamName

AT_A_TIME: Final = 4
"""So many channels of one device are asked at a time: many have room for few connections."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of one channel.

    Attributes:
        description: what it has; of an earlier look where it does not answer, None if it never did.
        error: why it does not answer; None if it does.
    """

    description: Description | None = None
    error: ClientError | None = None

    @property
    def there(self) -> bool:
        """Whether it answers."""
        return self.error is None

    @property
    def reason(self) -> str | None:
        """Why it does not, as a slug."""
        return None if self.error is None else command_error(self.error).reason


class Survey:
    """Looks at the channels of one device.

    Args:
        sources: where they are.
        login: makes the account of each connection.
        entrance: keeps a refused account away from the device.
        settings: how the device is dealt with.
        gate: how many streams are looked at at a time, of all devices.
        count: told how each look went, `answered` or the slug of an error.
    """

    def __init__(
        self,
        sources: Sources,
        login: NewLogin,
        entrance: Entrance,
        settings: PullSettings,
        gate: asyncio.Semaphore,
        count: Callable[[bool], None],
    ) -> None:
        self._sources = sources
        self._login = login
        self._entrance = entrance
        self._settings = settings
        self._gate = gate
        self._count = count
        self._here = asyncio.Semaphore(AT_A_TIME)
        self.looks: tuple[Look, ...] = tuple(Look() for _ in sources)

    async def look(self, flowing: Collection[int] = ()) -> Sequence[Look]:
        """Ask every channel but those whose pictures come just now.

        One channel is asked first, and the others only if the device can be reached and lets us in.
        """
        numbers = [number for number in range(len(self._sources)) if number not in flowing]
        looks = {number: Look(self.looks[number].description) for number in flowing}
        if numbers:
            first, *others = numbers
            looks[first] = await self._one(first)
            if isinstance(looks[first].error, AuthRefused):
                # Each further try would be one more wrong login in the count of the device.
                looks |= {
                    number: Look(self.looks[number].description, looks[first].error) for number in others
                }
            else:
                found = await asyncio.gather(*(self._one(number) for number in others))
                looks |= dict(zip(others, found, strict=True))
        self.looks = tuple(looks[number] for number in range(len(self._sources)))
        return self.looks

    def raise_if_away(self) -> None:
        """Raises SessionEnd if no channel answers."""
        errors = [look.error for look in self.looks if look.error is not None]
        if len(errors) == len(self.looks):
            refusals = [error for error in errors if isinstance(error, AuthRefused)]
            raise end_of((refusals or errors)[0])

    async def _one(self, number: int) -> Look:
        source = main_of(self._sources[number])
        async with self._here, self._gate:
            try:
                description = await self._entrance.enter(
                    source, partial(describe, source, self._login, self._settings)
                )
            except ClientError as error:
                self._count(False)
                return Look(self.looks[number].description, error)
        self._count(True)
        return Look(description)


def main_of(streams: Mapping[StreamName, Source]) -> Source:
    """The best stream of a channel."""
    return next(iter(streams.values()))
