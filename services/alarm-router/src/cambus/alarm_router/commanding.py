"""The command an action is."""

from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, ValidationError

from cambus.alarm_router.notice import Notice
from cambus.schemas.catalog import DEVICE_COMMANDS, SERVICE_COMMANDS
from cambus.schemas.commands import alarm as alarm_commands
from cambus.schemas.commands import ptz, recorder_streams, snapshot
from cambus.schemas.errors import BadRequest
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.alarm_actions import (
    AlarmAction,
    CallAction,
    ChannelAction,
    OutputAction,
    PresetAction,
    RecordAction,
    SnapshotAction,
)
from cambus.schemas.template import fill


@dataclass(frozen=True, slots=True)
class Order:
    """A command that is to be sent.

    Attributes:
        spec: the command.
        request: its request.
        device: whom it is for; None for one of a service.
    """

    spec: CommandSpec[Any, Any]
    request: Message
    device: str | None


def order_of(action: AlarmAction, notice: Notice) -> Order:
    """The command of an action.

    Raises:
        BadRequest: it is none any more, or what was filled in does not fit.
    """
    device = action.device or notice.alarm.device
    channel = 0
    if isinstance(action, ChannelAction):
        channel = _first(action.channel, notice.alarm.channel if action.device is None else None, 0)
    match action:
        case RecordAction():
            start = recorder_streams.RecordingStartRequest(
                device=device,
                channel=channel,
                stream=action.stream,
                claimant=notice.rule,
                duration_s=action.duration_s,
                pre_roll_s=action.pre_roll_s,
            )
            return Order(recorder_streams.RECORDING_START, start, None)
        case SnapshotAction():
            take = snapshot.SnapshotTakeRequest(
                channel=channel, width=action.width, cause="alarm", alarm=notice.alarm.id
            )
            return Order(snapshot.TAKE, take, device)
        case PresetAction():
            goto = ptz.PtzPresetRequest(channel=channel, preset=action.preset)
            return Order(ptz.PRESET_GOTO, goto, device)
        case OutputAction():
            switch = alarm_commands.AlarmOutputSetRequest(
                output=action.output, active=action.active, duration_s=action.duration_s
            )
            return Order(alarm_commands.OUTPUT_SET, switch, device)
        case CallAction():
            return _call(action, notice, device)


def _call(action: CallAction, notice: Notice, device: str) -> Order:
    args = {name: _filled(value, notice.values) for name, value in action.args.items()}
    spec = DEVICE_COMMANDS.get(action.command)
    if spec is None:
        spec = SERVICE_COMMANDS.get(action.command)
        if spec is None:
            raise BadRequest(f"there is no command {action.command}")
        if "device" in spec.request.model_fields:
            args.setdefault("device", device)
    try:
        request = spec.request.model_validate(args)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise BadRequest(f"{action.command}: {where}: {problem['msg']}") from None
    return Order(spec, request, device if spec.service is None else None)


def _filled(value: JsonValue, values: dict[str, str]) -> JsonValue:
    """An argument with its places filled in; a text that is one place and becomes digits is a number."""
    if isinstance(value, dict):
        return {name: _filled(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if not isinstance(value, str) or "{" not in value:
        return value
    text = fill(value, values)
    whole = value.startswith("{") and value.endswith("}") and value.count("{") == 1
    return int(text) if whole and text.isascii() and text.isdigit() and len(text) < 16 else text


def _first(*numbers: int | None) -> int:
    """The first that is one."""
    return next((number for number in numbers if number is not None), 0)
