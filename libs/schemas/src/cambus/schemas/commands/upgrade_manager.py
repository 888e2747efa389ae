"""The upgrade manager: new firmware for many devices."""

from pydantic import Field

from cambus.schemas.ids import DeviceId, Token
from cambus.schemas.model import Confirmed, Done, Message, example
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.upgrades import FirmwareRef, UpgradeAttempt, UpgradeCampaign

SERVICE = "upgrade-manager"


class CampaignStartRequest(Message):
    """Upgrade some devices to one image."""

    model_config = example(
        firmware={"object": "nbd8016/V4.03.R12.bin", "version": "V4.03.R12.C6380237.12201.140000.0000000"},
        devices=["gate-1", "gate-2"],
        concurrency=2,
        force=False,
        max_failures=1,
        confirm=True,
    )

    firmware: FirmwareRef = Field(description="The image; it must be in the object store `cambus-firmware`.")
    devices: list[DeviceId] = Field(min_length=1, max_length=10000, description="The devices, in this order.")
    concurrency: int = Field(default=1, ge=1, le=1000, description="At most so many devices at a time.")
    force: bool = Field(default=False, description="Send the image though it names other hardware or vendor.")
    max_failures: int | None = Field(
        default=None, ge=1, description="Begin no more devices after so many failed."
    )
    confirm: Confirmed = Field(description="Must be true: devices restart, and a wrong image may ruin them.")


class UpgradeRef(Message):
    """The campaign that was begun."""

    model_config = example(campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB")

    campaign: Token = Field(description="Names it.")


class CampaignStatusRequest(Message):
    """Ask how campaigns are."""

    model_config = example(campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB", limit=1)

    campaign: Token | None = Field(
        default=None, description="The campaign; None for the latest ones, without devices."
    )
    limit: int = Field(default=20, ge=1, le=100, description="At most so many campaigns.")


class CampaignStatus(Message):
    """How one campaign is."""

    model_config = example(
        campaign={
            "id": "01KGE5C8QXG1Z5X0N3V7M4T2RB",
            "firmware": {"object": "nbd8016/V4.03.R12.bin"},
            "devices": ["gate-1"],
            "created_at": "2026-02-01T12:00:00Z",
        },
        counts={"flashing": 1},
        attempts=[{"campaign": "01KGE5C8QXG1Z5X0N3V7M4T2RB", "device": "gate-1", "state": "flashing"}],
    )

    campaign: UpgradeCampaign = Field(description="What was ordered.")
    counts: dict[str, int] = Field(description="How many devices are in each state.")
    attempts: list[UpgradeAttempt] = Field(
        default_factory=list, description="Each device's part, if one campaign was asked for; at most 1000."
    )


class CampaignStatusReply(Message):
    """How campaigns are, latest first."""

    model_config = example(
        campaigns=[
            {
                "campaign": {
                    "id": "01KGE5C8QXG1Z5X0N3V7M4T2RB",
                    "firmware": {"object": "nbd8016/V4.03.R12.bin"},
                    "devices": ["gate-1"],
                    "created_at": "2026-02-01T12:00:00Z",
                },
                "counts": {"flashing": 1},
            }
        ]
    )

    campaigns: list[CampaignStatus] = Field(description="The campaigns.")


class CampaignCancelRequest(Message):
    """Begin no more devices, and end those whose image is not wholly sent."""

    model_config = example(campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB")

    campaign: Token = Field(description="The campaign.")


UPGRADE_START = CommandSpec(
    "upgrade",
    "start",
    CampaignStartRequest,
    UpgradeRef,
    "Upgrade some devices to one image.",
    service=SERVICE,
    timeout_s=60.0,  # the image is read whole
    confirm=True,
)
UPGRADE_STATUS = CommandSpec(
    "upgrade",
    "status",
    CampaignStatusRequest,
    CampaignStatusReply,
    "Ask how campaigns are.",
    service=SERVICE,
    idempotent=True,
)
UPGRADE_CANCEL = CommandSpec(
    "upgrade",
    "cancel",
    CampaignCancelRequest,
    Done,
    "End a campaign early.",
    service=SERVICE,
    idempotent=True,
)
