"""The device's own log."""

from pydantic import Field

from cambus.schemas.ids import ChannelNo
from cambus.schemas.model import Confirmed, Done, Empty, Instant, JsonObject, Message, example
from cambus.schemas.objects import ObjectRef
from cambus.schemas.spec import CommandSpec


class LogsFindRequest(Message):
    """Search the device's log, a page at a time."""

    model_config = example(
        start="2026-02-01T00:00:00Z", end="2026-02-02T00:00:00Z", type=None, limit=200, cursor=None
    )

    start: Instant = Field(description="First instant of interest.")
    end: Instant = Field(description="First instant no longer of interest.")
    type: str | None = Field(
        default=None,
        max_length=100,
        description="A type of entry in the device's own words; None for every type.",
    )
    limit: int = Field(default=500, ge=1, le=5000, description="At most this many entries.")
    cursor: str | None = Field(
        default=None, max_length=1000, description="From the previous page; None for the first."
    )


class LogEntry(Message):
    """One entry."""

    model_config = example(
        at="2026-02-01T04:17:22Z",
        local_time="2026-02-01 12:17:22",
        type="LogIn",
        user="admin",
        text="admin,DVRIP-Web:192.168.1.20",
        channel=None,
        native={"Position": 12},
    )

    at: Instant | None = Field(default=None, description="When, converted with the device's zone.")
    local_time: str = Field(default="", description="When, as the device wrote it.")
    type: str = Field(description="The type of the entry, in the device's own words.")
    user: str = Field(default="", description="Who did it, as far as the device says.")
    text: str = Field(default="", description="What happened; untrusted text.")
    channel: ChannelNo | None = Field(default=None, description="The channel it concerns.")
    native: JsonObject = Field(
        default_factory=dict, description="Further fields in the words of the protocol."
    )


class LogsFindReply(Message):
    """One page of the log, oldest first."""

    model_config = example(
        entries=[{"at": "2026-02-01T04:17:22Z", "type": "LogIn", "user": "admin", "text": "192.168.1.20"}],
        cursor="13",
        complete=True,
    )

    entries: list[LogEntry] = Field(description="The entries.")
    cursor: str | None = Field(
        default=None, description="Pass it on for the next page; None if this was the last."
    )
    complete: bool = Field(default=True, description="False if the device ended the search early.")


class LogsClearRequest(Message):
    """Empty the log."""

    model_config = example(confirm=True)

    confirm: Confirmed = Field(description="Must be true: every entry is lost.")


class LogsSwitchRequest(Message):
    """Have the device write its log, or no longer."""

    model_config = example(enabled=True, confirm=True)

    enabled: bool = Field(description="True to write it.")
    confirm: Confirmed = Field(description="Must be true: without a log nobody knows who did what.")


FIND = CommandSpec(
    "device",
    "logs.find",
    LogsFindRequest,
    LogsFindReply,
    "Search the device's log.",
    timeout_s=30.0,
    idempotent=True,
)
EXPORT = CommandSpec(
    "device",
    "logs.export",
    Empty,
    ObjectRef,
    "Fetch the whole log in the device's own format into the object store.",
    timeout_s=60.0,
    idempotent=True,
)
CLEAR = CommandSpec(
    "device", "logs.clear", LogsClearRequest, Done, "Delete every entry of the device's log.", confirm=True
)
SWITCH = CommandSpec(
    "device",
    "logs.switch",
    LogsSwitchRequest,
    Done,
    "Have the device write its log, or no longer.",
    confirm=True,
    idempotent=True,
)
