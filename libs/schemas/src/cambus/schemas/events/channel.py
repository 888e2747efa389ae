"""A channel of a device comes, goes or changes."""

from typing import Literal

from pydantic import Field

from cambus.schemas.channels import ChannelInfo
from cambus.schemas.events.base import Event
from cambus.schemas.events.device import FieldChange
from cambus.schemas.model import example
from cambus.schemas.spec import EventSpec


class ChannelChanged(Event):
    """What is known of a channel is different now; `channel` says which."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        protocol="gb28181",
        at="2026-02-01T12:17:22.100Z",
        channel=3,
        change="offline",
        info={"channel": 3, "name": "Tunnel 7", "online": False, "native_id": "34020000001320000004"},
        changes=[{"field": "online", "before": True, "after": False}],
    )

    change: Literal["added", "removed", "online", "offline", "updated"] = Field(description="What happened.")
    info: ChannelInfo | None = Field(
        default=None, description="The channel as it is now; None if it is removed."
    )
    changes: list[FieldChange] = Field(default_factory=list, description="What is different.")


CHANGED = EventSpec("channel", "changed", ChannelChanged, "A channel came, went or changed.")
