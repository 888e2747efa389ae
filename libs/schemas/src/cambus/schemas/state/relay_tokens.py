"""Tokens of viewers that nobody has used yet."""

from typing import Literal

from pydantic import Field

from cambus.schemas.ids import ChannelNo, DeviceId, MediaStream
from cambus.schemas.model import Instant, Message, example

TokenPurpose = Literal["live", "playback", "snapshot", "talk"]
"""What a token opens: a live picture, a recording, one JPEG, or speaking through a device."""


class RelayToken(Message):
    """What one token opens. The value of `cambus-tokens`, by a hash of the token; deleted by its first use.

    It vanishes with its time to live.
    """

    model_config = example(
        device="gate-1", channel=0, stream="main", purpose="live", expires_at="2026-02-01T12:18:22.100Z"
    )

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: MediaStream = Field(description="An encoder stream, or a playback as `s-<session>`.")
    purpose: TokenPurpose = Field(description="What it is for.")
    expires_at: Instant = Field(description="When it stops working.")
