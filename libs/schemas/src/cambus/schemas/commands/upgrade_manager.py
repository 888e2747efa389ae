"""The upgrade manager: new firmware for many devices."""

from typing import Any, Literal

from pydantic import Field

from cambus.schemas.ids import DeviceId, Token
from cambus.schemas.model import Confirmed, Done, Message, Vocabulary, example
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.firmware import FirmwareImage
from cambus.schemas.state.rollout import DeviceSelection, RolloutRules
from cambus.schemas.state.upgrades import FirmwareRef, UpgradeAttempt, UpgradeCampaign

SERVICE = "upgrade-manager"

_CAMPAIGN: dict[str, Any] = {
    "id": "01KGE5C8QXG1Z5X0N3V7M4T2RB",
    "firmware": {"object": "nbd8016/V4.03.R12.bin"},
    "devices": ["gate-1"],
    "created_at": "2026-02-01T12:00:00Z",
}


class CampaignOrder(RolloutRules):
    """Which devices are to run which image, and how that is gone about."""

    model_config = example(firmware={"object": "nbd8016/V4.03.R12.bin"}, devices=["gate-1"])

    firmware: FirmwareRef = Field(description="The image; it must be in the object store `cambus-firmware`.")
    devices: list[DeviceId] = Field(
        default_factory=list, max_length=10000, description="Devices by name, in this order."
    )
    selection: DeviceSelection | None = Field(
        default=None, description="Devices by what they are; beside those by name, after them."
    )


class CampaignStartRequest(CampaignOrder):
    """Upgrade some devices to one image."""

    model_config = example(
        firmware={"object": "nbd8016/V4.03.R12.bin", "version": "V4.03.R12.C6380237.12201.140000.0000000"},
        devices=["gate-1", "gate-2"],
        selection=None,
        concurrency=2,
        force=False,
        max_failures=1,
        confirm=True,
    )

    note: str = Field(default="", max_length=500, description="Why, for whoever reads it later.")
    confirm: Confirmed = Field(description="Must be true: devices restart, and a wrong image may ruin them.")


class UpgradeRef(Message):
    """The campaign that was begun."""

    model_config = example(campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB", devices=2, left_out={"wrong-model": 3})

    campaign: Token = Field(description="Names it.")
    devices: int = Field(default=0, ge=0, description="How many devices it is about.")
    left_out: dict[str, int] = Field(
        default_factory=dict, description="How many chosen devices are no part of it, by the reason."
    )


class PlanRequest(CampaignOrder):
    """Ask what a campaign would do; nothing is sent to any device but questions."""

    model_config = example(
        firmware={"object": "nbd8016/V4.03.R12.bin"},
        selection={"match": {"tags": ["site:north"]}},
        canary={"devices": 2, "soak_s": 3600, "required_percent": 100.0},
        limit=500,
    )

    first: int = Field(default=0, ge=0, description="How many devices to leave away at the start.")
    limit: int = Field(default=1000, ge=0, le=1000, description="At most so many devices in the answer.")


class Planned(Vocabulary):
    """What a campaign would do with a device."""

    READY = "ready"
    WAITS = "waits"
    DONE = "done"
    OUT = "out"


class PlannedDevice(Message):
    """One device of a plan.

    | reason | meaning |
    |---|---|
    | `offline`, `never-seen`, `unheld`, `silent` | it is part of it, and has its turn when it is there |
    | `same-version` | it runs that version already |
    | `wrong-protocol`, `wrong-model`, `wrong-vendor`, `wrong-hardware`, `wrong-version` | the image is not for it |
    | `unsupported` | its connector can not upgrade such a device |
    | `disabled` | it is to be left alone |
    | `other-campaign` | another campaign is at work on it |
    | `unresolved` | nobody knows how its last upgrade ended: `upgrade.resolve` |
    | `no-such-device` | there is none of that name |
    """

    model_config = example(
        device="gate-7",
        planned="out",
        reason="wrong-model",
        text="it is a NBD7004T, the image is for NBD80*",
        wave=None,
        protocol="dvrip",
        model="NBD7004T",
        version="V4.02.R11",
        hardware="HI3520",
    )

    device: DeviceId = Field(description="The device.")
    planned: Planned = Field(description="Whether it would be upgraded at once, later, or not at all.")
    reason: str = Field(default="", description="Why not at once, as a slug of the table above.")
    text: str = Field(default="", description="Why not at once, for a human.")
    wave: int | None = Field(default=None, ge=1, description="The wave it would be in; None if it is out.")
    protocol: str = Field(default="", description="The protocol it speaks.")
    model: str = Field(default="", description="Its model.")
    version: str = Field(default="", description="The version it runs.")
    hardware: str = Field(default="", description="Its hardware, where it says so.")


class PlanReply(Message):
    """What a campaign would do."""

    model_config = example(
        image={"version": "V4.03.R12", "models": ["NBD80*"]},
        firmware={"object": "nbd8016/V4.03.R12.bin", "size_bytes": 14680064},
        counts={"ready": 1, "out": 1},
        waves=[1],
        devices=[{"device": "gate-1", "planned": "ready", "wave": 1, "model": "NBD8016RA-UL"}],
        problems=[],
    )

    firmware: FirmwareRef = Field(description="The image, with its size and digest.")
    image: FirmwareImage = Field(description="What is known of the image.")
    counts: dict[str, int] = Field(description="How many devices are ready, wait, are done and are out.")
    waves: list[int] = Field(default_factory=list, description="How many devices each wave would have.")
    devices: list[PlannedDevice] = Field(
        description="The devices, in the order of the campaign; then the others."
    )
    problems: list[str] = Field(
        default_factory=list, description="Why the campaign could not be started as it is, for a human."
    )


class CampaignStatusRequest(Message):
    """Ask how campaigns are."""

    model_config = example(campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB", limit=1)

    campaign: Token | None = Field(
        default=None, description="The campaign; None for the latest ones, without devices."
    )
    limit: int = Field(default=20, ge=1, le=100, description="At most so many campaigns.")
    first: int = Field(default=0, ge=0, description="How many devices to leave away at the start.")


class SharedBandwidth(Message):
    """What the transfers of all campaigns together may take, and do."""

    model_config = example(max_bytes_per_s=4194304, taken_bytes_per_s=1048576, transfers=2)

    max_bytes_per_s: int = Field(ge=1, description="The limit, `CAMBUS_UPGRADE_MAX_BYTES_PER_S`.")
    taken_bytes_per_s: int = Field(ge=0, description="What the transfers under way may take.")
    transfers: int = Field(ge=0, description="How many those are.")


class CampaignStatus(Message):
    """How one campaign is."""

    model_config = example(
        campaign=_CAMPAIGN,
        counts={"flashing": 1},
        waits_for="",
        shared={"max_bytes_per_s": 4194304, "taken_bytes_per_s": 1048576, "transfers": 2},
        attempts=[{"campaign": "01KGE5C8QXG1Z5X0N3V7M4T2RB", "device": "gate-1", "state": "flashing"}],
    )

    campaign: UpgradeCampaign = Field(description="What was ordered.")
    counts: dict[str, int] = Field(description="How many devices are in each state.")
    waits_for: str = Field(
        default="", description="What the campaign as a whole waits for now, for a human; empty for nothing."
    )
    shared: SharedBandwidth | None = Field(
        default=None, description="The bandwidth all campaigns share; None where there is no limit."
    )
    attempts: list[UpgradeAttempt] = Field(
        default_factory=list, description="Each device's part, if one campaign was asked for; at most 1000."
    )


class CampaignStatusReply(Message):
    """How campaigns are, latest first."""

    model_config = example(campaigns=[{"campaign": _CAMPAIGN, "counts": {"flashing": 1}}])

    campaigns: list[CampaignStatus] = Field(description="The campaigns.")


class CampaignRequest(Message):
    """Names a campaign."""

    model_config = example(campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB", note="because")

    campaign: Token = Field(description="The campaign.")
    note: str = Field(default="", max_length=500, description="Why, for whoever reads it later.")


class CampaignPauseRequest(CampaignRequest):
    """Begin no more devices for now; what is under way goes on."""

    model_config = example(campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB", note="the line is down")


class CampaignResumeRequest(CampaignRequest):
    """Go on with a campaign that was paused."""

    model_config = example(campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB", note="the line is back")


class CampaignCancelRequest(CampaignRequest):
    """Begin no more devices, and end those whose image is not wholly sent."""

    model_config = example(campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB", note="wrong image")


class ResolveRequest(Message):
    """Decide how the upgrade of a device ended that ended `unknown`."""

    model_config = example(
        campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        decision="failed",
        note="looked at it: it shows the old version",
        confirm=True,
    )

    campaign: Token = Field(description="The campaign.")
    device: DeviceId = Field(description="The device.")
    decision: Literal["succeeded", "failed", "retry"] = Field(
        description="How it ended; `retry` sends the image once more, as long as the campaign is not over."
    )
    note: str = Field(default="", max_length=500, description="Why, for whoever reads it later.")
    confirm: Confirmed = Field(description="Must be true: a device that is still writing may be ruined.")


class HistoryRequest(Message):
    """Ask what upgrades a device went through."""

    model_config = example(device="gate-1", limit=20)

    device: DeviceId = Field(description="The device.")
    limit: int = Field(default=20, ge=1, le=200, description="At most so many.")


class DeviceUpgrade(Message):
    """A device's part in one campaign."""

    model_config = example(
        firmware={"object": "nbd8016/V4.03.R12.bin"},
        attempt={"campaign": "01KGE5C8QXG1Z5X0N3V7M4T2RB", "device": "gate-1", "state": "flashing"},
    )

    firmware: FirmwareRef | None = Field(
        default=None, description="The image; None if the campaign is no longer known."
    )
    attempt: UpgradeAttempt = Field(description="What became of it.")


class HistoryReply(Message):
    """What upgrades a device went through, latest first."""

    model_config = example(
        upgrades=[
            {
                "firmware": {"object": "nbd8016/V4.03.R12.bin"},
                "attempt": {"campaign": "01KGE5C8QXG1Z5X0N3V7M4T2RB", "device": "gate-1"},
            }
        ]
    )

    upgrades: list[DeviceUpgrade] = Field(description="The upgrades.")


UPGRADE_PLAN = CommandSpec(
    "upgrade",
    "plan",
    PlanRequest,
    PlanReply,
    "Ask what a campaign would do.",
    service=SERVICE,
    timeout_s=60.0,
    idempotent=True,
)
UPGRADE_START = CommandSpec(
    "upgrade",
    "start",
    CampaignStartRequest,
    UpgradeRef,
    "Upgrade some devices to one image.",
    service=SERVICE,
    timeout_s=60.0,  # the image is read whole, and the devices are asked what they are
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
UPGRADE_PAUSE = CommandSpec(
    "upgrade",
    "pause",
    CampaignPauseRequest,
    Done,
    "Begin no more devices for now.",
    service=SERVICE,
    idempotent=True,
)
UPGRADE_RESUME = CommandSpec(
    "upgrade", "resume", CampaignResumeRequest, Done, "Go on after a pause.", service=SERVICE, idempotent=True
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
UPGRADE_RESOLVE = CommandSpec(
    "upgrade",
    "resolve",
    ResolveRequest,
    Done,
    "Decide how an upgrade ended of which nobody knows.",
    service=SERVICE,
    confirm=True,
)
UPGRADE_HISTORY = CommandSpec(
    "upgrade",
    "history",
    HistoryRequest,
    HistoryReply,
    "Ask what upgrades a device went through.",
    service=SERVICE,
    idempotent=True,
)
