"""Cambus as a part of larger GB/T 28181 platforms: which there are, and what they see."""

from pydantic import Field

from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.ids import ChannelNo, DeviceId, Token
from cambus.schemas.model import Done, Empty, Message, example
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.cascade import CascadeLink, CascadeStatus

SERVICE = "connector-gb28181"
_LINK = {
    "id": "city",
    "code": "34020000002000000002",
    "server_code": "34010000002000000001",
    "server_address": "10.1.0.5:5060",
    "shares": [{"devices": ["gate-*"]}],
}


class CascadePutRequest(Message):
    """Write a link."""

    model_config = example(link=_LINK)

    link: CascadeLink = Field(description="The link; replaces the one of the same id.")


class CascadeEntry(Message):
    """A link, and how it is."""

    model_config = example(link=_LINK, status=None)

    link: CascadeLink = Field(description="The link.")
    status: CascadeStatus | None = Field(default=None, description="How it is; None before it was ever held.")


class CascadeListReply(Message):
    """The links."""

    model_config = example(links=[{"link": _LINK, "status": None}])

    links: list[CascadeEntry] = Field(description="The links, by id.")


class CascadeRequest(Message):
    """Names a link."""

    model_config = example(id="city")

    id: Token = Field(description="The link.")


class CascadeAlarmRequest(Message):
    """Tell the upper platform of a link an alarm."""

    model_config = example(
        link="city",
        alarm={
            "id": "01KGE5C8QXG1Z5X0N3V7M4T2RB",
            "device": "gate-1",
            "protocol": "dvrip",
            "at": "2026-02-01T12:17:22.100Z",
            "channel": 0,
            "type": "motion",
            "severity": "info",
            "key": "motion:0",
        },
    )

    link: Token = Field(description="The link.")
    alarm: AlarmRaised = Field(description="The alarm; the platform must see its device.")


class CascadeNode(Message):
    """One item of the catalog the platform sees."""

    model_config = example(
        code="34020000001320000002",
        name="North gate",
        online=True,
        device="gate-1",
        channel=0,
        parents=["34020000002000000002"],
    )

    code: str = Field(description="Its code there.")
    name: str = Field(default="", description="Its name there.")
    online: bool = Field(default=True, description="Whether it is shown as there.")
    device: DeviceId | None = Field(default=None, description="The device; None for a folder.")
    channel: ChannelNo | None = Field(
        default=None, description="The channel, counted from 0; None for a device as a whole."
    )
    parents: list[str] = Field(default_factory=list, description="The codes it hangs under.")


class CascadeShowReply(Message):
    """A link and what its platform sees."""

    model_config = example(entry={"link": _LINK}, nodes=[{"code": "34020000002000000002"}], total=1)

    entry: CascadeEntry = Field(description="The link.")
    nodes: list[CascadeNode] = Field(description="The catalog; at most 2000 items.")
    total: int = Field(ge=0, description="How many items there are.")


PUT = CommandSpec(
    "cascade",
    "put",
    CascadePutRequest,
    Done,
    "Write a link to an upper platform.",
    service=SERVICE,
    idempotent=True,
)
LIST = CommandSpec(
    "cascade",
    "list",
    Empty,
    CascadeListReply,
    "List the links to upper platforms.",
    service=SERVICE,
    idempotent=True,
)
SHOW = CommandSpec(
    "cascade",
    "show",
    CascadeRequest,
    CascadeShowReply,
    "Show what an upper platform sees.",
    service=SERVICE,
    idempotent=True,
)
DELETE = CommandSpec(
    "cascade",
    "delete",
    CascadeRequest,
    Done,
    "Forget a link to an upper platform.",
    service=SERVICE,
    idempotent=True,
)
ALARM = CommandSpec(
    "cascade",
    "alarm",
    CascadeAlarmRequest,
    Done,
    "Tell an upper platform an alarm, whatever its link does with alarms by itself.",
    service=SERVICE,
    broadcast=True,
    timeout_s=15.0,
    idempotent=True,
)
