"""Arming a device, and switching its alarm outputs."""

from typing import Annotated

from pydantic import Field

from cambus.schemas.alarms import AlarmType
from cambus.schemas.ids import ChannelNo
from cambus.schemas.model import Done, Message, example
from cambus.schemas.spec import CommandSpec


class AlarmArmRequest(Message):
    """Make the device report alarms, or no longer."""

    model_config = example(channel=None, types=[])

    channel: ChannelNo | None = Field(
        default=None, description="The channel, counted from 0; None for the device."
    )
    types: list[AlarmType] = Field(
        default_factory=list,
        max_length=100,
        description="Only these, where the device can choose; none for all.",
    )


class AlarmOutputSetRequest(Message):
    """Switch an alarm output, such as a siren or a gate."""

    model_config = example(output=0, active=True, duration_s=5.0)

    output: int = Field(ge=0, le=65535, description="Its number, from 0.")
    active: bool = Field(description="True to switch it on.")
    duration_s: float | None = Field(
        default=None, gt=0, le=3600, description="Seconds after which it is switched back; None for never."
    )


class AlarmInputsSetRequest(Message):
    """Tell the device which of its network alarm inputs are on: alarms that others raise on it."""

    model_config = example(active=[0, 2])

    active: list[Annotated[int, Field(ge=0, le=31)]] = Field(
        max_length=32, description="The inputs that are on, counted from 0; every other is off."
    )


class AlarmResetRequest(Message):
    """End alarms the device holds until they are acknowledged."""

    model_config = example(channel=None, type=None)

    channel: ChannelNo | None = Field(
        default=None, description="The channel, counted from 0; None for the device."
    )
    type: AlarmType | None = Field(default=None, description="Only alarms of this type; None for every one.")


ARM = CommandSpec("alarm", "arm", AlarmArmRequest, Done, "Make the device report alarms.", idempotent=True)
DISARM = CommandSpec("alarm", "disarm", AlarmArmRequest, Done, "Make the device keep quiet.", idempotent=True)
OUTPUT_SET = CommandSpec(
    "alarm", "output.set", AlarmOutputSetRequest, Done, "Switch an alarm output.", idempotent=True
)
INPUTS_SET = CommandSpec(
    "alarm",
    "inputs.set",
    AlarmInputsSetRequest,
    Done,
    "Switch the network alarm inputs of the device.",
    idempotent=True,
)
RESET = CommandSpec(
    "alarm", "reset", AlarmResetRequest, Done, "Acknowledge alarms on the device.", idempotent=True
)
