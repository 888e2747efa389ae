"""Links to larger GB/T 28181 platforms, to which Cambus registers as a part of them (GB/T 28181-2022 §4.3)."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cambus.schemas.ids import ReplicaId, Token
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.model import Instant, Message, example
from cambus.schemas.state.devices import CredentialsRef

GbCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{20}$")]
"""The twenty digits that name something in GB/T 28181."""

MAX_NUMBER = 999_999
"""Codes end in six digits of our own."""


class CascadeShare(DeviceMatch):
    """Some channels that the upper platform sees."""

    model_config = example(
        devices=["gate-*"], tags=["site:north"], protocols=[], channels=[0, 1], code=None, group="north"
    )

    code: GbCode | None = Field(
        default=None, description="The code of the channel, where one device and one channel are named."
    )
    group: Token | None = Field(
        default=None, description="The group of the link they hang under; None for none."
    )


class CascadeGroup(Message):
    """A folder in the catalog: a business group, or an organisation within one."""

    model_config = example(id="north", name="North site", parent=None, code=None)

    id: Token = Field(description="Its name here.")
    name: str = Field(max_length=256, description="What people above call it.")
    parent: Token | None = Field(
        default=None, description="The folder it is in; None makes it a business group."
    )
    code: GbCode | None = Field(default=None, description="Its code; None to make one.")


class CascadePermissions(Message):
    """What the upper platform may do."""

    model_config = example(reboot=False, config=False)

    ptz: bool = Field(default=True, description="Move cameras, and use and change presets, tours and scans.")
    record: bool = Field(default=True, description="Start and stop recording on the device.")
    guard: bool = Field(default=True, description="Arm and disarm.")
    alarm_reset: bool = Field(default=True, description="Reset alarms.")
    playback: bool = Field(default=True, description="Find, play and fetch recordings.")
    broadcast: bool = Field(default=True, description="Speak through devices.")
    reboot: bool = Field(default=False, description="Restart devices.")
    upgrade: bool = Field(default=False, description="Upgrade devices.")
    format: bool = Field(default=False, description="Format memory cards.")
    config: bool = Field(default=False, description="Change settings of devices.")


class CascadeLink(Message):
    """One upper platform. A value of `cambus-policies`."""

    model_config = example(
        id="city",
        name="City platform",
        code="34020000002000000002",
        server_code="34010000002000000001",
        server_address="10.1.0.5:5060",
        credentials={"name": "city"},
        transport="udp",
        shares=[{"devices": ["gate-*"], "channels": None}],
    )

    id: Token = Field(description="Its name; also the key.")
    name: str = Field(default="", max_length=256, description="What people call it.")
    enabled: bool = Field(default=True, description="False to leave it alone without forgetting it.")
    code: GbCode = Field(description="Our code there.")
    server_code: GbCode = Field(description="The platform's code.")
    server_domain: Annotated[str, StringConstraints(pattern=r"^[0-9]{8,20}$")] | None = Field(
        default=None, description="Its SIP domain; None for the first ten digits of its code."
    )
    server_address: Annotated[str, StringConstraints(pattern=r"^[^\s/@]{1,253}:[0-9]{1,5}$")] = Field(
        description="`HOST:PORT` of its SIP server."
    )
    username: str = Field(
        default="",
        max_length=256,
        description="Name in the digest; empty for that of the credentials, else our code.",
    )
    credentials: CredentialsRef | None = Field(
        default=None, description="Where the password is: that of the credentials, else their token."
    )
    transport: Literal["udp", "tcp"] = Field(default="udp", description="How it is spoken to.")
    local_port: int = Field(default=0, ge=0, le=65535, description="Our SIP port; 0 takes a free one.")
    expires_s: int = Field(default=3600, ge=60, le=604_800, description="Seconds a registration lasts.")
    keepalive_s: float = Field(default=60.0, ge=1, le=3600, description="Seconds between keepalives.")
    retry_s: float = Field(
        default=60.0,
        ge=1,
        le=3600,
        description="Seconds before a failed registration is repeated, and up to half as many more.",
    )
    version: Literal["2.0", "3.0"] = Field(default="2.0", description="The edition: of 2016 or of 2022.")
    charset: Literal["GB2312", "GB18030", "UTF-8"] | None = Field(
        default=None, description="What is written to it in; None for what goes with the edition."
    )
    signing: Literal["SM3", "SHA-256", "MD5"] | None = Field(
        default=None,
        description="Requests in both directions are signed with the password (Date and Note), by this digest; those "
        "of the platform that are not, or wrongly, are refused. None for no signatures.",
    )
    shares: list[CascadeShare] = Field(
        default_factory=list, max_length=10_000, description="What it sees; nothing by default."
    )
    groups: list[CascadeGroup] = Field(default_factory=list, max_length=1000, description="Folders for it.")
    keep_native_codes: bool = Field(
        default=True,
        description="Channels that have a code of GB/T 28181 keep it; else they get one of ours.",
    )
    civil_code: Annotated[str, StringConstraints(pattern=r"^([0-9]{2}){1,4}$")] | None = Field(
        default=None, description="The region of all; None for the first six digits of our code."
    )
    permissions: CascadePermissions = Field(default_factory=CascadePermissions, description="What it may do.")
    ssrc: Literal["own", "echo"] = Field(
        default="own", description="Number of a session: one of ours, or the one it asked with."
    )
    max_sessions: int = Field(default=64, ge=0, le=10_000, description="Media sessions at a time.")
    part_items: int | None = Field(
        default=None, ge=1, le=10_000, description="Items in one message; None for 4 over UDP, 100 over TCP."
    )
    alarms: Literal["always", "subscribed", "never"] = Field(
        default="always",
        description="Alarms go to who subscribed; `always`: and by a message of their own where nobody has.",
    )
    alarm_hold_s: float = Field(
        default=600.0, ge=0, le=86_400, description="Seconds an alarm waits for a platform that is away."
    )
    media_hosts: list[str] = Field(
        default_factory=list,
        max_length=1000,
        description="Addresses media may be sent to, beside the platform's own; none for any on its network.",
    )


class CascadeNumbers(Message):
    """The codes that were made for a link: the same for ever. A value of `cambus-policies`."""

    model_config = example(numbers={"gate-1": 1, "gate-1/0": 2})

    numbers: dict[str, Annotated[int, Field(ge=1, le=MAX_NUMBER)]] = Field(
        default_factory=dict, description="The last six digits, for a device, `device/channel` or `:group`."
    )


class CascadeStatus(Message):
    """How a link is now. A value of `cambus-policies`, written by the replica that holds it."""

    model_config = example(
        link="city",
        registered=True,
        since="2026-02-01T12:17:22.100Z",
        replica="connector-gb28181-0",
        nodes=4,
        sessions=1,
        subscriptions=1,
        last_error="",
    )

    link: Token = Field(description="The link.")
    registered: bool = Field(description="Whether it is registered.")
    since: Instant = Field(description="Since when that is so.")
    replica: ReplicaId | None = Field(default=None, description="The replica that holds it.")
    nodes: int = Field(default=0, ge=0, description="How many items its catalog has.")
    sessions: int = Field(default=0, ge=0, description="Media sessions under way.")
    subscriptions: int = Field(default=0, ge=0, description="Subscriptions of the platform.")
    last_error: str = Field(default="", description="Why it is not registered.")
