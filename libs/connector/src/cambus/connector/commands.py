"""Commands to devices: found, checked and carried out.

A command arrives only while its device is held (`Endpoints.hold`), so an offline device costs its caller nothing but
NATS's own "no responders". What is left to check here is the same for every protocol.
"""

import logging
from typing import Any, Final

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.client.trace import span
from cambus.connector.driver import DeviceSession, Driver
from cambus.connector.errors import SessionEnd
from cambus.connector.fleet import Fleet
from cambus.connector.handlers import Entry
from cambus.connector.unit import DeviceUnit
from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import live as live_commands
from cambus.schemas.commands import native as native_commands
from cambus.schemas.commands import upgrade as upgrade_commands
from cambus.schemas.errors import CambusError, NotFound, Offline, Unsupported
from cambus.schemas.model import Done, Message

logger = logging.getLogger("cambus.audit")

AUDITED: Final = frozenset({native_commands.CALL.name, upgrade_commands.CANCEL.name})
"""Commands that leave a line in the log beside all that need a confirmation, and what the driver wants there."""


class Commands:
    """Carries out the commands to the devices of a fleet.

    Args:
        fleet: the devices.
        driver: what its protocol can do.
    """

    def __init__(self, fleet: Fleet, driver: Driver[Any]) -> None:
        self._fleet = fleet
        self._driver = driver

    def register(self, endpoints: Endpoints) -> None:
        """Answer every command the driver or this class can; NATS callers get 501 for the others."""
        for entry in self._driver.handlers:
            endpoints.add(
                entry.spec, _Route(self._fleet, entry, self._driver.protocol), exclusive=entry.exclusive
            )
        for spec, text in self._driver.handlers.refused:
            endpoints.add(spec, _Refusal(self._fleet, text), exclusive=False)
        endpoints.add(live_commands.START, self.live_start, exclusive=False)
        endpoints.add(live_commands.TOUCH, self.live_touch, exclusive=False)
        endpoints.add(live_commands.STOP, self.live_stop, exclusive=False)
        endpoints.add(live_commands.KEYFRAME, self.live_keyframe, exclusive=False)
        endpoints.add(device_commands.CHANNELS, self.channels, exclusive=False)

    async def live_start(
        self, context: CallContext, request: live_commands.LiveStartRequest
    ) -> live_commands.LiveStartReply:
        """Claim a live stream."""
        unit, _ = held(self._fleet, context)
        subject = await unit.live.start(request.channel, request.stream, request.claimant, request.ttl_s)
        route = unit.live.route(request.channel, request.stream)
        return live_commands.LiveStartReply(subject=subject, ttl_s=request.ttl_s, route=route)

    async def live_touch(
        self, context: CallContext, request: live_commands.LiveTouchRequest
    ) -> live_commands.LiveStartReply:
        """Renew a claim on a live stream."""
        unit, _ = held(self._fleet, context)
        subject = await unit.live.touch(request.channel, request.stream, request.claimant, request.ttl_s)
        route = unit.live.route(request.channel, request.stream)
        return live_commands.LiveStartReply(subject=subject, ttl_s=request.ttl_s, route=route)

    async def live_stop(self, context: CallContext, request: live_commands.LiveStopRequest) -> Done:
        """Give a claim back."""
        unit, _ = held(self._fleet, context)
        unit.live.stop(request.channel, request.stream, request.claimant)
        return Done()

    async def live_keyframe(self, context: CallContext, request: live_commands.LiveKeyframeRequest) -> Done:
        """Ask the encoder of an open stream for a keyframe."""
        unit, _ = held(self._fleet, context)
        await unit.live.keyframe(request.channel, request.stream)
        return Done()

    async def channels(
        self, context: CallContext, request: device_commands.DeviceChannelsRequest
    ) -> device_commands.DeviceChannelsReply:
        """List the channels, page by page."""
        _, session = held(self._fleet, context)
        after = -1 if request.after is None else request.after
        channels = session.description.channels
        rest = [channel for channel in channels if channel.channel > after]
        return device_commands.DeviceChannelsReply(channels=rest[: request.limit], total=len(channels))


class _Route:
    """One command of the driver, with the checks that come before it."""

    def __init__(self, fleet: Fleet, entry: Entry[Any], protocol: str) -> None:
        self._fleet = fleet
        self._protocol = protocol
        self._entry = entry

    async def __call__(self, context: CallContext, request: Any) -> Any:
        """Check, carry out, leave a trace where it matters."""
        unit, session = held(self._fleet, context)
        check_channel(session, request)
        entry = self._entry
        if not (entry.audited or entry.spec.confirm or entry.spec.name in AUDITED):
            return await self._handle(session, context, request)
        try:
            reply = await self._handle(session, context, request)
        except CambusError as error:
            self._audit(unit, context, f"{int(error.code)} {error.reason}")
            raise
        except BaseException as error:
            self._audit(unit, context, type(error).__name__)
            raise
        self._audit(unit, context, "ok")
        return reply

    async def _handle(self, session: Any, context: CallContext, request: Message) -> Message:
        try:
            with span(f"{self._protocol} {self._entry.spec.name}", "client", protocol=self._protocol):
                reply: Message = await self._entry.handler(session, context, request)
        except SessionEnd as end:
            raise Offline(end.text, reason=end.reason.value, device_code=end.device_code) from end
        return reply

    def _audit(self, unit: DeviceUnit, context: CallContext, outcome: str) -> None:
        extra = {
            "device": unit.id,
            "command": self._entry.spec.name,
            "caller": context.caller,
            "on_behalf_of": context.on_behalf_of,
            "outcome": outcome,
            "epoch": unit.epoch,
            "traceparent": context.traceparent,
        }
        logger.info("command", extra=extra)


class _Refusal:
    """One command that the protocol has no means for."""

    def __init__(self, fleet: Fleet, text: str) -> None:
        self._fleet = fleet
        self._text = text

    async def __call__(self, context: CallContext, request: Any) -> Any:  # noqa: ARG002  # whatever is asked for
        """Say why not."""
        held(self._fleet, context)
        raise Unsupported(self._text)


def held(fleet: Fleet, context: CallContext) -> tuple[DeviceUnit, DeviceSession]:
    """Return the unit and the session of the device a call is for.

    Raises:
        Offline: there is no session, or the lease is not certainly ours at this instant.
    """
    unit = fleet.unit(context.device)
    if unit is None or unit.session is None:
        raise Offline("the device is offline")
    at = fleet.around.history.now()
    if not unit.owned():
        raise Offline("this replica can not renew its lease on the device", reason="not-owner")
    unit.noted("command", at)
    return unit, unit.session


def check_channel(session: DeviceSession, request: object) -> None:
    """Refuse a request that names a channel the device has not.

    Raises:
        NotFound: there is no such channel.
    """
    channel = getattr(request, "channel", None)
    if isinstance(channel, int) and session.description.channel(channel) is None:
        raise NotFound(f"the device has no channel {channel}", reason="no-such-channel")
