"""Choosing devices by name and tag, for recording policies, alarm rules and upgrades alike."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field, StringConstraints

from cambus.schemas.ids import ChannelNo, Name
from cambus.schemas.model import Message, example

DeviceGlob = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_*?-]{1,64}$")]
"""A device id, or a pattern: `*` stands for any characters, `?` for one."""

TextGlob = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""What a device says of itself, or a pattern of it: `*` stands for any characters, `?` for one."""

Tag = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""A tag of a device: `site:north`, `outdoor`."""


def fits_one(text: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns fits, upper and lower case as they are; none fit anything."""
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)


class DeviceMatch(Message):
    """Some devices: those that one of the names fits and that carry every tag."""

    model_config = example(
        devices=["gate-*", "34020000001320000001"], tags=["site:north"], protocols=[], channels=None
    )

    devices: list[DeviceGlob] = Field(
        default_factory=lambda: ["*"],
        max_length=1000,
        description="Device ids or patterns; one of them must fit.",
    )
    tags: list[Tag] = Field(
        default_factory=list, max_length=64, description="Tags; the device must carry all of them."
    )
    protocols: list[Name] = Field(
        default_factory=list,
        max_length=64,
        description="Protocols; the device must speak one, none means any.",
    )
    channels: list[ChannelNo] | None = Field(
        default=None, max_length=65536, description="Channels, counted from 0; None for every channel."
    )

    def covers(self, device: str, *, tags: Iterable[str] = (), protocol: str | None = None) -> bool:
        """Whether the device is one of those; channels are not looked at."""
        return (
            any(fnmatchcase(device, pattern) for pattern in self.devices)
            and set(self.tags) <= set(tags)
            and (not self.protocols or protocol in self.protocols)
        )

    def covers_channel(self, channel: int | None) -> bool:
        """Whether the channel is one of those; None, the device as a whole, only if no channels are named."""
        return self.channels is None or channel in self.channels
