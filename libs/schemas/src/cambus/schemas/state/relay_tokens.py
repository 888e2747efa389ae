"""Tokens of viewers that nobody has used yet, and the pages that were opened by one."""

from typing import Literal

from pydantic import Field

from cambus.schemas.ids import ChannelNo, DeviceId, MediaStream
from cambus.schemas.model import Instant, Message, example

TokenPurpose = Literal["live", "playback", "snapshot", "talk", "page"]
"""What a token opens: a live picture, a recording, one JPEG, speaking through a device, or the page, for all of it."""


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


class PageSession(Message):
    """A page that was opened by a token. The value of `cambus-page-sessions`, by a hash of the session's name.

    The bucket forgets it after half a day.
    """

    model_config = example(opened_at="2026-02-01T12:17:22.100Z", expires_at="2026-02-02T00:17:22.100Z")

    opened_at: Instant = Field(description="When the page was opened.")
    expires_at: Instant = Field(description="When it has to be opened by another token.")
