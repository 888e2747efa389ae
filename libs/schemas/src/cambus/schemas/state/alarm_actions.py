"""What is done when an alarm begins."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cambus.schemas.commands.ptz import PresetNo
from cambus.schemas.ids import ChannelNo, DeviceId, EventId, StreamName, Token
from cambus.schemas.model import Instant, JsonObject, Message, Vocabulary, example
from cambus.schemas.objects import PictureRef

CommandName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*){1,3}$", max_length=100)
]
"""A command of the catalog: `ptz.move`, or `recorder.recording.start` for one of a service."""


class Action(Message):
    """What every action says."""

    device: DeviceId | None = Field(default=None, description="On which device; None for the alarm's own.")
    within_s: float = Field(
        default=20.0,
        gt=0,
        le=120,
        description="Seconds from the first attempt after which it is not tried again and has failed.",
    )


class ChannelAction(Action):
    """An action on a channel."""

    channel: ChannelNo | None = Field(
        default=None, description="On which channel; None for the alarm's own, or 0 where it has none."
    )


class RecordAction(ChannelAction):
    """Have the recorder record the channel."""

    model_config = example(kind="record", stream="main", duration_s=120.0, pre_roll_s=10.0)

    kind: Literal["record"] = Field(default="record", description="Tells the actions apart.")
    stream: StreamName = Field(default="main", description="Which stream.")
    duration_s: float = Field(default=60.0, gt=0, le=86_400, description="For how many seconds.")
    pre_roll_s: float = Field(
        default=0.0,
        ge=0,
        le=60,
        description="Seconds from before, as far as a recording policy has the recorder keep them.",
    )


class SnapshotAction(ChannelAction):
    """Take a still picture; it is kept, and e-mails of the rule carry it."""

    model_config = example(kind="snapshot", channel=1, width=1280)

    kind: Literal["snapshot"] = Field(default="snapshot", description="Tells the actions apart.")
    width: int | None = Field(
        default=None, ge=16, le=8192, description="Wanted width in pixels; None for full size."
    )


class PresetAction(ChannelAction):
    """Turn a camera to a preset."""

    model_config = example(kind="preset", device="dome-1", channel=0, preset=3)

    kind: Literal["preset"] = Field(default="preset", description="Tells the actions apart.")
    preset: PresetNo = Field(description="The preset.")


class OutputAction(Action):
    """Switch an alarm output of a device."""

    model_config = example(kind="output", device="gate-1", output=0, active=True, duration_s=10.0)

    kind: Literal["output"] = Field(default="output", description="Tells the actions apart.")
    output: int = Field(ge=0, le=65535, description="Its number, from 0.")
    active: bool = Field(default=True, description="True to switch it on.")
    duration_s: float | None = Field(
        default=None, gt=0, le=3600, description="Seconds after which it goes back; None to leave it."
    )


class CallAction(Action):
    """Send any command of the catalog, `native.call` too. Texts in its arguments may have places to fill in."""

    model_config = example(
        kind="call", command="ptz.aux", args={"channel": 0, "function": "light", "on": True}
    )

    kind: Literal["call"] = Field(default="call", description="Tells the actions apart.")
    command: CommandName = Field(description="The command; those of a service begin with its name.")
    args: JsonObject = Field(
        default_factory=dict, description="Its request; `{device}` and so on are filled in.", repr=False
    )


AlarmAction = Annotated[
    RecordAction | SnapshotAction | PresetAction | OutputAction | CallAction, Field(discriminator="kind")
]
"""What is done; `kind` says which it is."""

ACTION_KINDS = ("record", "snapshot", "preset", "output", "call")
"""Every kind there is."""


class ActionOutcome(Vocabulary):
    """How an action came out."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


class ActionRecord(Message):
    """How far an action of a rule is for one alarm. A value of `cambus-deliveries`.

    It is written before the command is sent, so that nobody sends one again that must not be repeated.
    """

    model_config = example(
        event="01KGE5C8QXG1Z5X0N3V7M4T2RB", rule="north-night", index=0, begun_at="2026-02-01T12:17:22.200Z"
    )

    event: EventId = Field(description="The alarm.")
    rule: Token = Field(description="The rule.")
    index: int = Field(ge=0, description="The place of the action in the rule's list.")
    begun_at: Instant = Field(description="When it was tried first.")
    outcome: ActionOutcome | None = Field(
        default=None, description="How it came out; None while that is open."
    )
    error: str = Field(default="", max_length=1000, description="Why it failed.")
    picture: PictureRef | None = Field(default=None, description="The picture it took.")
