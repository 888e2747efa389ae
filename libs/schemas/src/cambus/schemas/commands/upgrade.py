"""New firmware for one device. Campaigns over many are the upgrade manager's."""

from pydantic import Field

from cambus.schemas.ids import ObjectName, Sha256, Token
from cambus.schemas.model import Confirmed, Done, Empty, JsonObject, Message, example
from cambus.schemas.spec import CommandSpec
from cambus.schemas.upgrades import UpgradeState


class UpgradeInfoReply(Message):
    """What firmware would fit, and whether an upgrade is under way."""

    model_config = example(
        software_version="V4.03.R11.C6380237.12201.140000.0000000",
        hardware="HI3531DV100",
        vendor="General",
        model="NBD8016RA-UL",
        state=None,
        job=None,
        percent=None,
        native={"LogoPartType": "cramfs"},
    )

    software_version: str = Field(default="", description="The version that runs now.")
    hardware: str = Field(default="", description="The hardware the image must name, where images name one.")
    vendor: str = Field(default="", description="The vendor the image must name, where images name one.")
    model: str = Field(default="", description="The model of the device.")
    state: UpgradeState | None = Field(
        default=None, description="Where the present upgrade is; None if there is none."
    )
    job: Token | None = Field(default=None, description="The job of the present upgrade.")
    percent: float | None = Field(default=None, ge=0, le=100, description="How far it is, in percent.")
    supported: bool = Field(
        default=True,
        description="False if this device can not be upgraded, though others of its protocol can.",
    )
    native: JsonObject = Field(
        default_factory=dict, description="Further facts in the words of the protocol."
    )


class UpgradeStartRequest(Message):
    """Send a firmware image; the same job is never sent a second time."""

    model_config = example(
        job="01KGE5C8QXG1Z5X0N3V7M4T2RB-gate-1",
        bucket="cambus-firmware",
        object="nbd8016/V4.03.R12.bin",
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        size_bytes=14680064,
        force=False,
        expected_version="V4.03.R12.C6380237.12201.140000.0000000",
        session="connector-dvrip-0@2026-02-01T11:40:12.345678+00:00",
        max_bytes_per_s=262144,
        confirm=True,
    )

    job: Token = Field(
        description="Names this upgrade; asking again with the same job joins it and sends nothing anew."
    )
    bucket: Token = Field(default="cambus-firmware", description="The object store of the image.")
    object: ObjectName = Field(description="The name of the image in that store.")
    sha256: Sha256 = Field(description="Digest of the image; checked before the first byte is sent.")
    size_bytes: int = Field(
        gt=0, description="Size of the image in bytes; checked before the first byte is sent."
    )
    force: bool = Field(
        default=False, description="True to send it though the image names other hardware or vendor."
    )
    expected_version: str | None = Field(
        default=None,
        max_length=200,
        description="The version the device must report afterwards; None for any other.",
    )
    session: str = Field(
        default="",
        max_length=200,
        description="The session of the device it is meant for, `replica@since` as presence shows them; in another one "
        "it is refused (409 `other-session`), and nothing was done. An upgrade ends the session: an order that is late "
        "by hours does no harm. Empty for any.",
    )
    max_bytes_per_s: int | None = Field(
        default=None, ge=1024, description="Send it no faster; None for as fast as the device takes it."
    )
    confirm: Confirmed = Field(
        description="Must be true: the device restarts, and a wrong image may ruin it."
    )


class UpgradeStartReply(Message):
    """The upgrade is under way; `upgrade.progressed` and `upgrade.finished` tell the rest."""

    model_config = example(job="01KGE5C8QXG1Z5X0N3V7M4T2RB-gate-1", state="preparing", joined=False)

    job: Token = Field(description="The job.")
    state: UpgradeState = Field(description="Where it is.")
    joined: bool = Field(default=False, description="True if this job was under way already.")


class UpgradeCancelRequest(Message):
    """End an upgrade; possible only before the last byte is sent."""

    model_config = example(job="01KGE5C8QXG1Z5X0N3V7M4T2RB-gate-1")

    job: Token = Field(description="The job.")


INFO = CommandSpec("upgrade", "info", Empty, UpgradeInfoReply, "Read what firmware fits.", idempotent=True)
START = CommandSpec(
    "upgrade",
    "start",
    UpgradeStartRequest,
    UpgradeStartReply,
    "Send a firmware image.",
    timeout_s=60.0,
    confirm=True,
    idempotent=True,
)
CANCEL = CommandSpec(
    "upgrade", "cancel", UpgradeCancelRequest, Done, "End an upgrade early.", idempotent=True
)
