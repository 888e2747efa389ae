"""What the upper platform has devices do: checked, carried out in order, audited (§12, GB-243, GB-276)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.heads import Call, Head
from cambus.connector_gb28181.cascade.nodes import Node
from cambus.gb28181.errors import OutOfRange, ProtocolError
from cambus.gb28181.manscdp.config import ConfigResult
from cambus.gb28181.manscdp.control import Area, ControlResult, DeviceControl
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.ptz import PtzCommand
from cambus.schemas.commands import alarm, device, live, ptz, recording, storage
from cambus.schemas.errors import BadRequest, CambusError, Unsupported
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec
from cambus.sip.fields import readable
from cambus.sip.message import Request

logger = logging.getLogger(__name__)
audit = logging.getLogger("cambus.audit")

MAX_HEADS: Final = 10_000
MONITOR_HEADER: Final = "Monitor-User-Identity"
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
        who = readable(request.headers.get(MONITOR_HEADER) or "")[:200]
        if envelope.command.lower() == "deviceconfig":
            return self._configure(node, envelope, who)
        control = DeviceControl.parse(envelope)
        name = control.command
        if name is None:
            return 400
        if not self._permitted(name):
            self._audit(node, name, "denied", who)
            return self._denied(envelope, control)
        if node.device is None:
            self._audit(node, name, "refused", who, "no device")
            return self._denied(envelope, control)
        if control.ptz is not None:
            try:
                PtzCommand.parse(control.ptz)
            except ProtocolError as error:
                self._audit(node, name, "refused", who, str(error))
                return 400
        return 200 if self._context.own(self._carry_out, node, envelope, control, name, who) else 503

    def _permitted(self, name: str) -> bool:
        needs = _NEEDS.get(name)
        return needs is None or bool(getattr(self._context.link.permissions, needs))

    def _denied(self, envelope: Envelope, control: DeviceControl) -> int:
        """A Result where one is awaited, else the answer to the MESSAGE says it (§12)."""
        if not control.is_answered:
            return 403
        self._result(ControlResult(ok=False), envelope)
        return 200

    def _configure(self, node: Node, envelope: Envelope, who: str) -> int:
        """Settings of devices are not written from above: no two protocols have the same (§10)."""
        self._audit(node, "config", "denied" if not self._permitted("config") else "refused", who)
        self._result(ConfigResult(ok=False), envelope)
        return 200

    def _result(self, body: ControlResult | ConfigResult, envelope: Envelope) -> None:
        context = self._context
        context.own(context.agent.send, context.body(body, envelope.sn or 0, envelope.code))

    async def _carry_out(
        self, node: Node, envelope: Envelope, control: DeviceControl, name: str, who: str
    ) -> None:
        """One control of a device after the other, in the order they came (GB-025)."""
        context, outcome, reason = self._context, "done", ""
        async with context.lane(node.device or ""):
            try:
                await _HANDLERS[name](self, node, control)
            except (CambusError, OutOfRange) as error:
                outcome, reason = "refused", str(error)
        self._audit(node, name, outcome, who, reason)
        if control.is_answered:
            body = ControlResult(ok=outcome == "done")
            await context.agent.send(context.body(body, envelope.sn or 0, envelope.code))

    def _audit(self, node: Node, name: str, outcome: str, who: str, reason: str = "") -> None:
        """One line for each control: who, what, on which device, and what came of it."""
        context = self._context
        context.metrics.controls(name, outcome).inc()
        facts = {
            **context.facts,
            "platform": context.link.server_code,
            "peer": str(context.agent.peer),
            "user": who,
            "code": node.code,
            "device": node.device,
            "channel": node.channel,
            "command": name,
            "outcome": outcome,
            "reason": reason,
        }
        audit.info("control by an upper platform", extra=facts)

    # --- one by one -------------------------------------------------------------------------------------

    def _to(self, node: Node) -> Call:
        return partial(self._call, node)

    async def _call(self, node: Node, spec: CommandSpec[Any, Any], request: Message) -> Any:
        return await self._context.call(node, spec, request)

    async def ptz(self, node: Node, control: DeviceControl) -> None:
        """The eight bytes."""
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        head = self._heads.setdefault(node.code, Head(node.channel or 0))
        await head.obey(PtzCommand.parse(control.ptz or ""), self._to(node))

    async def boot(self, node: Node, _: DeviceControl) -> None:
        """Restart."""
        await self._call(node, device.REBOOT, device.DeviceRebootRequest(confirm=True))

    async def record(self, node: Node, control: DeviceControl) -> None:
        """Record now, or by the device's own schedule again."""
        on = (control.record or "").lower() == "record"
        stream = "sub" if control.stream_number == 1 else "main"
        request = recording.RecordingManualRequest.model_validate(
            {"channel": node.channel or 0, "on": on, "stream": stream}
        )
        await self._call(node, recording.MANUAL, request)

    async def guard(self, node: Node, control: DeviceControl) -> None:
        """Arm or disarm."""
        spec = alarm.ARM if (control.guard or "").lower() == "setguard" else alarm.DISARM
        await self._call(node, spec, alarm.AlarmArmRequest(channel=node.channel))

    async def alarm(self, node: Node, _: DeviceControl) -> None:
        """Reset alarms."""
        await self._call(node, alarm.RESET, alarm.AlarmResetRequest(channel=node.channel))

    async def keyframe(self, node: Node, _: DeviceControl) -> None:
        """A key frame now."""
        await self._call(node, live.KEYFRAME, live.LiveKeyframeRequest(channel=node.channel or 0))

    async def drag(self, node: Node, control: DeviceControl) -> None:
        """Bring a rectangle of the picture to fill it, or the other way round."""
        area = control.drag_in or control.drag_out or Area()
        await self._call(node, ptz.ZOOM_AREA, zoom_of(area, node.channel or 0, out=control.drag_in is None))

    async def home(self, node: Node, control: DeviceControl) -> None:
        """The home position."""
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

    async def precise(self, node: Node, control: DeviceControl) -> None:
        """A position in degrees; down is positive there (A.2.3.1.11)."""
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

    async def format_card(self, node: Node, control: DeviceControl) -> None:
        """Format a card; 0 means all of them, ours count from 0."""
        number = control.format_card or 0
        request = storage.StorageFormatRequest(disk=number - 1 if number > 0 else None, confirm=True)
        await self._call(node, storage.FORMAT, request)

    async def nothing(self, node: Node, control: DeviceControl) -> None:  # noqa: ARG002 - it is not done
        """What the bus has no command for."""
        raise Unsupported(f"{control.command} from above is not passed on")


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


_HANDLERS: Final[dict[str, Callable[[Orders, Node, DeviceControl], Awaitable[None]]]] = {
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
    "upgrade": Orders.nothing,
    "format_card": Orders.format_card,
    "track": Orders.nothing,
}
