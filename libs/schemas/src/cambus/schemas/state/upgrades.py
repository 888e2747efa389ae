"""Upgrade campaigns, and each device's part in them."""

from typing import Final

from pydantic import Field

from cambus.schemas.ids import DeviceId, ObjectName, Sha256, Token
from cambus.schemas.model import Instant, Message, Vocabulary, example
from cambus.schemas.state.firmware import Version
from cambus.schemas.state.rollout import RolloutRules
from cambus.schemas.upgrades import UpgradeState

MAX_STEPS: Final = 48
"""Of one device, and of one campaign: the latest so many are kept."""


class FirmwareRef(Message):
    """A firmware image in the object store `cambus-firmware`."""

    model_config = example(
        object="nbd8016/V4.03.R12.bin",
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        size_bytes=14680064,
        version="V4.03.R12.C6380237.12201.140000.0000000",
    )

    object: ObjectName = Field(description="Its name in the store.")
    sha256: Sha256 | None = Field(
        default=None, description="Its digest; None for what the store says when it is used."
    )
    size_bytes: int | None = Field(
        default=None, gt=0, description="Its size in bytes; None for what the store says."
    )
    version: Version | None = Field(
        default=None,
        description="The version devices must report afterwards; None for any other than before.",
    )


class CampaignState(Vocabulary):
    """Where a campaign is."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class CampaignChange(Vocabulary):
    """What happened to a campaign."""

    ORDERED = "ordered"
    WAVE_BEGUN = "wave-begun"
    SOAKING = "soaking"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class CampaignStep(Message):
    """One entry of the history of a campaign."""

    model_config = example(
        number=3, at="2026-02-01T12:40:00Z", change="wave-begun", text="wave 2 of 3: 10 devices"
    )

    number: int = Field(ge=1, description="Counts them, from 1.")
    at: Instant = Field(description="When.")
    change: CampaignChange = Field(description="What happened.")
    text: str = Field(default="", max_length=1000, description="One sentence for a human.")


class AttemptStep(Message):
    """One entry of the history of a device's part."""

    model_config = example(at="2026-02-01T12:03:10Z", state="flashing", reason="")

    at: Instant = Field(description="When.")
    state: UpgradeState = Field(description="Where it was from then on.")
    reason: str = Field(default="", description="Why, as a slug, if there is more to say.")


class UpgradeCampaign(RolloutRules):
    """The order to upgrade some devices to one image. A value of `cambus-upgrades`."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        firmware={
            "object": "nbd8016/V4.03.R12.bin",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "size_bytes": 14680064,
            "version": "V4.03.R12.C6380237.12201.140000.0000000",
        },
        devices=["gate-1", "gate-2"],
        concurrency=2,
        force=False,
        max_failures=1,
        canary={"devices": 1, "soak_s": 3600, "required_percent": 100.0},
        limits=[{"tag": "site:*", "concurrency": 1}],
        state="running",
        created_at="2026-02-01T12:00:00Z",
        finished_at=None,
        note="",
        left_out={"wrong-model": 3},
        wave=1,
        soak_until=None,
        steps=[{"number": 1, "at": "2026-02-01T12:00:00Z", "change": "ordered", "text": "2 devices"}],
        told=1,
    )

    id: Token = Field(description="Its name; also in the key.")
    firmware: FirmwareRef = Field(description="The image.")
    devices: list[DeviceId] = Field(min_length=1, max_length=10000, description="The devices, in this order.")
    state: CampaignState = Field(default=CampaignState.RUNNING, description="Where it is.")
    created_at: Instant = Field(description="When it was ordered.")
    finished_at: Instant | None = Field(default=None, description="When the last device was done.")
    note: str = Field(default="", max_length=1000, description="Why it stopped, or what people wrote.")
    left_out: dict[str, int] = Field(
        default_factory=dict, description="How many chosen devices are no part of it, by the reason."
    )
    wave: int = Field(default=1, ge=1, description="The wave that is under way, counted from 1.")
    soak_until: Instant | None = Field(
        default=None, description="Until when the present wave is only watched; None while it is under way."
    )
    steps: list[CampaignStep] = Field(
        default_factory=list, max_length=MAX_STEPS, description="What happened to it, latest last."
    )
    told: int = Field(default=0, ge=0, description="The number of the last step that was told as an event.")

    @property
    def untold(self) -> list[CampaignStep]:
        """The steps no event tells of yet."""
        return [step for step in self.steps if step.number > self.told]


class UpgradeAttempt(Message):
    """One device's part in a campaign. A value of `cambus-upgrades`."""

    model_config = example(
        campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        job="01KGE5C8QXG1Z5X0N3V7M4T2RB-gate-1",
        state="flashing",
        percent=40.0,
        image_sent=True,
        session="connector-dvrip-0@2026-02-01T11:40:12.345678Z",
        version_before="V4.03.R11.C6380237.12201.140000.0000000",
        version_after=None,
        reason="",
        text="",
        device_code=None,
        tries=0,
        retry_at=None,
        restarts=0,
        decision="",
        steps=[{"at": "2026-02-01T12:01:00Z", "state": "preparing"}],
        started_at="2026-02-01T12:01:00Z",
        updated_at="2026-02-01T12:03:10Z",
        finished_at=None,
    )

    campaign: Token = Field(description="The campaign.")
    device: DeviceId = Field(description="The device.")
    job: Token | None = Field(
        default=None, description="The job on the device; written before anything is sent."
    )
    state: UpgradeState = Field(default=UpgradeState.QUEUED, description="Where it is.")
    percent: float | None = Field(
        default=None, ge=0, le=100, description="How far that state is, in percent."
    )
    image_sent: bool = Field(
        default=False, description="Whether the last byte went out; then it is never sent again."
    )
    session: str = Field(
        default="",
        max_length=200,
        description="The session of the device the order went into: replica and start. Empty once the order was "
        "answered. While it is not, and the session lasts, a connector that does not know the job never got it.",
    )
    version_before: Version = Field(default="", description="The version before.")
    expected_version: Version | None = Field(
        default=None,
        description="The version that was ordered, where a connector wrote this down to go on with it.",
    )
    version_after: Version | None = Field(default=None, description="The version afterwards.")
    reason: str = Field(default="", description="A short slug if it failed.")
    text: str = Field(default="", description="One sentence for a human.")
    device_code: str | None = Field(default=None, description="The device's last result code.")
    tries: int = Field(default=0, ge=0, description="How often it was tried again.")
    retry_at: Instant | None = Field(default=None, description="Not begun again before.")
    steady_session: str = Field(
        default="",
        max_length=200,
        description="The session in which it showed the new version, while it is seen whether that lasts.",
    )
    restarts: int = Field(default=0, ge=0, description="How often it has come anew meanwhile.")
    decision: str = Field(
        default="", max_length=1000, description="What an operator decided where nobody could know, and why."
    )
    steps: list[AttemptStep] = Field(
        default_factory=list, max_length=MAX_STEPS, description="The states it was in, latest last."
    )
    started_at: Instant | None = Field(default=None, description="When it began.")
    updated_at: Instant | None = Field(default=None, description="When this value was written.")
    finished_at: Instant | None = Field(default=None, description="When it was over.")


class TransferShares(Message):
    """What the transfers under way take, over all campaigns. A value of `cambus-upgrades`."""

    model_config = example(
        bytes_per_s={"01KGE5C8QXG1Z5X0N3V7M4T2RB.gate-1": 524288, "01KGE5C8QXG1Z5X0N3V7M4T2RB.gate-2": 524288}
    )

    bytes_per_s: dict[str, int] = Field(
        default_factory=dict,
        description="By campaign and device, how fast its image may be sent; gone once it is sent.",
    )
