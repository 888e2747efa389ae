"""How the upgrade of one device goes on, and how it ended; what becomes of campaigns."""

from pydantic import Field

from cambus.schemas.events.base import Event
from cambus.schemas.ids import Token
from cambus.schemas.model import example
from cambus.schemas.spec import EventSpec
from cambus.schemas.state.upgrades import CampaignChange, CampaignState
from cambus.schemas.upgrades import UpgradeState


class UpgradeProgressed(Event):
    """The upgrade went on by a step or a few percent."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:17:22.100Z",
        job="01KGE5C8QXG1Z5X0N3V7M4T2RB-gate-1",
        state="transferring",
        percent=40.0,
        sent_bytes=5872025,
    )

    job: Token = Field(description="The job of `upgrade.start`.")
    state: UpgradeState = Field(description="Where it is.")
    percent: float | None = Field(
        default=None, ge=0, le=100, description="How far this state is, in percent; never falls."
    )
    sent_bytes: int | None = Field(
        default=None, ge=0, description="Bytes of the image the device has acknowledged."
    )


class UpgradeFinished(Event):
    """The upgrade is over, one way or another."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="gate-1",
        protocol="dvrip",
        at="2026-02-01T12:21:50Z",
        job="01KGE5C8QXG1Z5X0N3V7M4T2RB-gate-1",
        state="succeeded",
        version_before="V4.03.R11.C6380237.12201.140000.0000000",
        version_after="V4.03.R12.C6380237.12201.140000.0000000",
        reason="",
        text="",
        device_code="515",
        image_sent=True,
    )

    job: Token = Field(description="The job of `upgrade.start`.")
    state: UpgradeState = Field(description="How it ended: one of the final states.")
    version_before: str = Field(default="", description="The version before.")
    version_after: str | None = Field(
        default=None, description="The version afterwards; None if the device is not back."
    )
    reason: str = Field(
        default="",
        description="A short slug if it failed: `digest-mismatch`, `wrong-hardware`, `data-error`.",
    )
    text: str = Field(default="", description="One sentence for a human.")
    device_code: str | None = Field(default=None, description="The device's last result code.")
    image_sent: bool = Field(
        default=False, description="Whether the last byte went out; then it is never sent again."
    )


class CampaignChanged(Event):
    """A campaign went on, was held up or ended; `device` is `upgrade-manager`."""

    model_config = example(
        id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        device="upgrade-manager",
        at="2026-02-01T12:40:00Z",
        campaign="01KGE5C8QXG1Z5X0N3V7M4T2RB",
        number=4,
        change="stopped",
        state="stopped",
        text="3 of 8 devices failed: more than 25 %",
        counts={"succeeded": 5, "failed": 3, "queued": 92},
    )

    campaign: Token = Field(description="The campaign.")
    number: int = Field(ge=1, description="Counts its changes, from 1.")
    change: CampaignChange = Field(description="What happened.")
    state: CampaignState = Field(description="Where the campaign is.")
    text: str = Field(default="", description="One sentence for a human.")
    counts: dict[str, int] = Field(
        default_factory=dict, description="How many devices were in each state when this was told."
    )


PROGRESSED = EventSpec("upgrade", "progressed", UpgradeProgressed, "An upgrade went on.")
FINISHED = EventSpec("upgrade", "finished", UpgradeFinished, "An upgrade is over.")
CAMPAIGN_CHANGED = EventSpec(
    "upgrade", "campaign-changed", CampaignChanged, "A campaign went on, was held up or ended."
)
