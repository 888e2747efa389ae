"""What the upper platform has devices do: checked, carried out in order, audited (§12, GB-243, GB-276)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from cambus.connector_gb28181.behalf import who_asks
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.heads import Call, Head
from cambus.connector_gb28181.cascade.nodes import Node
from cambus.connector_gb28181.cascade.relay import relay
from cambus.gb28181.errors import OutOfRange, ProtocolError
from cambus.gb28181.manscdp.config import ConfigResult
from cambus.gb28181.manscdp.control import Area, ControlResult, DeviceControl
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.ptz import PtzCommand
from cambus.schemas.commands import alarm, device, live, ptz, recording, storage
from cambus.schemas.errors import BadRequest, CambusError, DeviceRefused
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec
from cambus.sip.message import Request

logger = logging.getLogger(__name__)
audit = logging.getLogger("cambus.audit")

MAX_HEADS: Final = 10_000
_NEEDS: Final = {
    "ptz": "ptz",
    "drag_in": "ptz",
    "drag_out": "ptz",
    "home": "ptz",
    "precise": "ptz",
    "track": "ptz",
    "record": "record",
    "guard": "guard",
    "alarm": "alarm_reset",
    "boot": "reboot",
    "upgrade": "upgrade",
    "format_card": "format",
    "config": "config",
}
"""The permission of each control; a key frame needs none."""
_OF_CHANNELS: Final = frozenset(
    {"ptz", "drag_in", "drag_out", "home", "precise", "track", "record", "iframe", "iframe_2016"}
)
"""What a recorder as a whole can not be told: which of its cameras is meant may not be shared at all."""


@dataclass(frozen=True, slots=True)
class Order:
    """One control.

    Attributes:
        node: what it is about.
        envelope: as it came.
        name: of the command, by its field of `DeviceControl`, or `config`.
        who: who gives it, as the platform says.
        control: what to do; None for settings.
        result: how it is answered; None where nothing but the status says so.
    """

    node: Node
    envelope: Envelope
    name: str
    who: str
    control: DeviceControl | None
    result: type[ControlResult | ConfigResult] | None

    @property
    def wanted(self) -> DeviceControl:
        """What to do."""
        return self.control or DeviceControl()


class Orders:
    """Carries out the controls of one upper platform.

    Args:
        context: the link.
    """

    def __init__(self, context: LinkContext) -> None:
        self._context = context
        self._heads: dict[str, Head] = {}

    def give(self, node: Node, envelope: Envelope, request: Request) -> int:
        """A control of a node; the status it is answered with. Its result, where it has one, follows."""
        who = who_asks(request)
        if envelope.command.lower() == "deviceconfig":
            order = Order(node, envelope, "config", who, None, ConfigResult)
        else:
            control = DeviceControl.parse(envelope)
            if control.command is None:
                return 400
            result = ControlResult if control.is_answered else None
            order = Order(node, envelope, control.command, who, control, result)
        reason = self._objection(order)
        if reason is not None:
            return self._refuse(order, *reason)
        return 200 if self._context.own(self._carry_out, order) else 503

    def _objection(self, order: Order) -> tuple[str, str, int] | None:
        """Why an order is not even tried: outcome, reason, and the status that says so; None if it is."""
        if not self._permitted(order.name):
            return "denied", "", 403
        if order.node.device is None:
            return "refused", "no device", 403
        if order.node.channel is None and order.name in _OF_CHANNELS:
            return "refused", "no channel", 400
        if order.control is not None and order.control.ptz is not None:
            try:
                PtzCommand.parse(order.control.ptz)
            except ProtocolError as error:
                return "refused", str(error), 400
        return None

    def _permitted(self, name: str) -> bool:
        needs = _NEEDS.get(name)
        return needs is None or bool(getattr(self._context.link.permissions, needs))

    def _refuse(self, order: Order, outcome: str, reason: str, status: int) -> int:
        """A Result where one is awaited, else the answer to the MESSAGE says it (§12)."""
        self._audit(order, outcome, reason)
        if order.result is None:
            return status
        self._context.own(self._answer, order, ok=False)
        return 200

    async def _answer(self, order: Order, *, ok: bool) -> None:
        if order.result is not None:
            body = self._context.body(order.result(ok=ok), order.envelope.sn or 0, order.envelope.code)
            await self._context.agent.send(body)

    async def _carry_out(self, order: Order) -> None:
        """One control of a device after the other, in the order they came (GB-025)."""
        outcome, reason = "done", ""
        async with self._context.lane(order.node.device or ""):
            try:
                await _HANDLERS[order.name](self, order)
            except (CambusError, OutOfRange, ProtocolError, ValidationError) as error:
                outcome, reason = "refused", str(error)[:500]
        self._audit(order, outcome, reason)
        await self._answer(order, ok=outcome == "done")

    def _audit(self, order: Order, outcome: str, reason: str = "") -> None:
        """One line for each control: who, what, on which device, and what came of it."""
        context, node = self._context, order.node
        context.metrics.controls(order.name, outcome).inc()
        facts = {
            **context.facts,
            "platform": context.link.server_code,
            "peer": str(context.agent.peer),
            "user": order.who,
            "code": node.code,
            "device": node.device,
            "channel": node.channel,
            "command": order.name,
            "outcome": outcome,
            "reason": reason,
        }
        audit.info("control by an upper platform", extra=facts)

    # --- one by one -------------------------------------------------------------------------------------

    def _to(self, node: Node) -> Call:
        return partial(self._call, node)

    async def _call(self, node: Node, spec: CommandSpec[Any, Any], request: Message) -> Any:
        return await self._context.call(node, spec, request)

    async def ptz(self, order: Order) -> None:
        """The eight bytes."""
        node, control = order.node, order.wanted
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        head = self._heads.setdefault(node.code, Head(node.channel or 0))
        await head.obey(PtzCommand.parse(control.ptz or ""), self._to(node))

    async def boot(self, order: Order) -> None:
        """Restart."""
        node = order.node
        await self._call(node, device.REBOOT, device.DeviceRebootRequest(confirm=True))

    async def record(self, order: Order) -> None:
        """Record now, or by the device's own schedule again."""
        node, control = order.node, order.wanted
        on = (control.record or "").lower() == "record"
        stream = "sub" if control.stream_number == 1 else "main"
        request = recording.RecordingManualRequest.model_validate(
            {"channel": node.channel or 0, "on": on, "stream": stream}
        )
        await self._call(node, recording.MANUAL, request)

    async def guard(self, order: Order) -> None:
        """Arm or disarm."""
        node, control = order.node, order.wanted
        spec = alarm.ARM if (control.guard or "").lower() == "setguard" else alarm.DISARM
        await self._call(node, spec, alarm.AlarmArmRequest(channel=node.channel))

    async def alarm(self, order: Order) -> None:
        """Reset alarms."""
        node = order.node
        await self._call(node, alarm.RESET, alarm.AlarmResetRequest(channel=node.channel))

    async def keyframe(self, order: Order) -> None:
        """A key frame now."""
        node = order.node
        await self._call(node, live.KEYFRAME, live.LiveKeyframeRequest(channel=node.channel or 0))

    async def drag(self, order: Order) -> None:
        """Bring a rectangle of the picture to fill it, or the other way round."""
        node, control = order.node, order.wanted
        area = control.drag_in or control.drag_out or Area()
        await self._call(node, ptz.ZOOM_AREA, zoom_of(area, node.channel or 0, out=control.drag_in is None))

    async def home(self, order: Order) -> None:
        """The home position."""
        node, control = order.node, order.wanted
        home = control.home
        if home is None:
            return
        request = ptz.PtzHomeSetRequest(
            channel=node.channel or 0,
            enabled=bool(home.enabled),
            preset=home.preset or None,
            delay_s=home.reset_s if home.reset_s is not None and home.reset_s >= 0 else None,
        )
        await self._call(node, ptz.HOME_SET, request)

    async def precise(self, order: Order) -> None:
        """A position in degrees; down is positive there (A.2.3.1.11)."""
        node, control = order.node, order.wanted
        at = control.precise
        if at is None or any(value is not None and abs(value) > 360 for value in (at.pan, at.tilt)):
            raise BadRequest("no position in degrees")
        request = ptz.PtzPositionSetRequest(
            channel=node.channel or 0,
            pan_deg=at.pan,
            tilt_deg=-at.tilt if at.tilt is not None and abs(at.tilt) <= 180 else None,
            zoom=at.zoom if at.zoom is not None and 0 < at.zoom <= 1000 else None,
        )
        await self._call(node, ptz.POSITION_SET, request)

    async def format_card(self, order: Order) -> None:
        """Format a card; 0 means all of them, ours count from 0."""
        node, control = order.node, order.wanted
        number = control.format_card or 0
        request = storage.StorageFormatRequest(disk=number - 1 if number > 0 else None, confirm=True)
        await self._call(node, storage.FORMAT, request)

    async def passed_on(self, order: Order) -> None:
        """What the bus has no command for, and a device of this very protocol may have."""
        answer = await relay(self._context, order.node, order.envelope)
        if answer is not None and answer.result is False:
            raise DeviceRefused(f"the device does not take {order.name}")


def zoom_of(area: Area, channel: int, *, out: bool) -> ptz.PtzZoomAreaRequest:
    """A rectangle in pixels of a window, as parts of the picture. Raises BadRequest."""
    length, width = area.length or 0, area.width or 0
    if length <= 0 or width <= 0:
        raise BadRequest("the window has no size")
    across = min(max((area.length_x or 0) / length, 0.0), 1.0)
    down = min(max((area.length_y or 0) / width, 0.0), 1.0)
    return ptz.PtzZoomAreaRequest(
        channel=channel,
        x=min(max((area.middle_x or 0) / length - across / 2, 0.0), 1.0),
        y=min(max((area.middle_y or 0) / width - down / 2, 0.0), 1.0),
        width=across,
        height=down,
        out=out,
    )


_HANDLERS: Final[dict[str, Callable[[Orders, Order], Awaitable[None]]]] = {
    "ptz": Orders.ptz,
    "boot": Orders.boot,
    "record": Orders.record,
    "guard": Orders.guard,
    "alarm": Orders.alarm,
    "iframe": Orders.keyframe,
    "iframe_2016": Orders.keyframe,
    "drag_in": Orders.drag,
    "drag_out": Orders.drag,
    "home": Orders.home,
    "precise": Orders.precise,
    "upgrade": Orders.passed_on,
    "format_card": Orders.format_card,
    "track": Orders.passed_on,
    "config": Orders.passed_on,
}
