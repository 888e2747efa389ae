"""Subscriptions to what a device tells: catalog, alarms, positions (§9, GB-200 to GB-209)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cambus.gb28181.errors import DeviceOffline, GbError, Refused, Unreachable, Unsupported
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.alarms import AlarmQuery
from cambus.gb28181.manscdp.envelope import CONTENT_TYPE
from cambus.gb28181.manscdp.positions import PositionQuery
from cambus.gb28181.manscdp.ptz_state import PtzPositionQuery
from cambus.gb28181.outcomes import failure_of
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.remote_device import FIRST_CSEQ
from cambus.sip.dialog import Dialog
from cambus.sip.errors import SipError, TransactionTimeout
from cambus.sip.events import RequestReceived

logger = logging.getLogger(__name__)

REFRESH_AT: Final = 2 / 3
UNSUPPORTED_S: Final = 24 * 3600.0
RETRY_S: Final = 60.0
_LEAST_REFRESH_S: Final = 5.0
_AT_ONCE: Final = ("timeout", "deactivated")
"""Why a device ends a subscription that may be made anew at once (RFC 6665 §4.1.3)."""
_REFUSED_FOR_GOOD: Final = frozenset({405, 489, 501})


class Topic(Enum):
    """What can be subscribed to."""

    CATALOG = "catalog"
    ALARMS = "alarms"
    POSITIONS = "positions"
    PTZ_POSITION = "ptz-position"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One subscription.

    Attributes:
        topic: what to.
        expires_s: for how long at a time.
        event: the Event header; None for the usual one.
        interval_s: between positions.
        alarms: which alarms.
    """

    topic: Topic
    expires_s: int = 3600
    event: str | None = None
    interval_s: int = 5
    alarms: AlarmQuery = AlarmQuery(start_priority=0, end_priority=0, method="0")  # noqa: RUF009 - frozen

    def body(self, sn: int, code: str, charset: str) -> bytes:
        """The query in it."""
        if self.topic is Topic.CATALOG:
            return catalogs.query(sn, code, charset=charset)
        if self.topic is Topic.ALARMS:
            return self.alarms.serialize(sn, code, charset=charset)
        if self.topic is Topic.POSITIONS:
            return PositionQuery(self.interval_s).serialize(sn, code, charset=charset)
        return PtzPositionQuery().serialize(sn, code, charset=charset)


class Subscription:
    """Keeps one subscription to one device; a task for as long as the device is there.

    Args:
        platform: whose device.
        device: its code.
        wanted: what to subscribe to.
        on_message: called with a NOTIFY in the dialog, which has to be answered.
        poll: called instead, now and then, where the device cannot be subscribed to; None for nothing.
        poll_s: how often.
        unsupported: until when a topic is not asked for again, by the clock of the event loop; kept by whoever wants
            that to outlive this subscription.

    Attributes:
        active: whether the device has granted it.
    """

    def __init__(
        self,
        platform: Gb28181Platform,
        device: str,
        wanted: Wanted,
        on_message: Callable[[RequestReceived], None],
        *,
        poll: Callable[[], None] | None = None,
        poll_s: float = 600.0,
        unsupported: MutableMapping[Topic, float] | None = None,
    ) -> None:
        self.active = False
        self._platform = platform
        self._device = device
        self._wanted = wanted
        self._on_message = on_message
        self._poll = poll
        self._poll_s = poll_s
        self._unsupported = {} if unsupported is None else unsupported
        self._ended = asyncio.Event()
        self._at_once = False
        self._dialog: Dialog | None = None
        self._number = 0

    async def run(self) -> None:
        """Subscribe and refresh until cancelled; then end it."""
        loop, topic = asyncio.get_running_loop(), self._wanted.topic
        try:
            while True:
                if loop.time() < self._unsupported.get(topic, 0.0):
                    await self._poll_once()
                else:
                    await self._rest(await self._turn())
        finally:
            await self._end()

    async def _turn(self) -> float:
        """Subscribe, or go on; returns after how many seconds it is time again."""
        known = self._dialog is not None
        self._ended.clear()
        try:
            granted_s = await self._refresh()
        except Unsupported:
            self._drop()
            now = asyncio.get_running_loop().time()
            self._unsupported[self._wanted.topic] = now + UNSUPPORTED_S
            logger.info("a device knows no such subscription", extra=self._facts)
            return 0.0
        except GbError as error:
            self._drop()
            logger.info("a subscription failed", extra={**self._facts, "reason": error.text})
            return 0.0 if known and isinstance(error, Refused) else RETRY_S  # at once, in a dialog of its own
        return max(granted_s * REFRESH_AT, _LEAST_REFRESH_S)

    async def _rest(self, seconds: float) -> None:
        """Wait; less if the device ends the subscription meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return
        await asyncio.sleep(_LEAST_REFRESH_S if self._at_once else RETRY_S)

    def _notified(self, event: RequestReceived) -> None:
        """The device tells something, perhaps that the subscription is over."""
        state = (event.request.headers.get("Subscription-State") or "").lower().replace(" ", "")
        if state.startswith("terminated"):
            self._drop()
            self._at_once = any(f"reason={reason}" in state for reason in _AT_ONCE)
            self._ended.set()
        self._on_message(event)

    async def _poll_once(self) -> None:
        if self._poll is not None:
            self._poll()
        await asyncio.sleep(self._poll_s)

    async def _refresh(self) -> float:
        """Subscribe, or go on in the same dialog; the seconds granted."""
        dialog = self._dialog
        granted = await self._subscribe(dialog, self._wanted.expires_s)
        self.active = True
        return granted

    async def _subscribe(self, dialog: Dialog | None, expires_s: int) -> float:
        platform = self._platform
        binding = platform.registrar.binding(self._device)
        if binding is None:
            raise DeviceOffline("the device is not registered")
        self._number += 1
        if dialog is None:
            request = platform.compose("SUBSCRIBE", self._device, binding.peer, sequence=FIRST_CSEQ)
        else:
            contact = platform.contact(binding.peer)
            request = dialog.request("SUBSCRIBE", headers=[("Contact", contact)])
            dialog.peer = binding.peer
        request.headers.add("Event", self._event)
        request.headers.add("Expires", str(expires_s))
        request.headers.add("Content-Type", CONTENT_TYPE)
        sn = platform.device(self._device).next_sn()
        request.body = self._wanted.body(sn, self._device, platform.charset_of(self._device))
        key = (request.call_id, request.from_tag, "")
        platform.in_dialog(key, self._notified, device=self._device)  # a NOTIFY may come before the 200
        try:
            async with platform.device(self._device).room:
                response = await platform.endpoint.request(
                    request, binding.peer, timeout_s=platform.settings.times.query_s
                )
        except TransactionTimeout:
            raise Unreachable("the device does not answer the subscription") from None
        except SipError as error:
            raise Unreachable(str(error)) from None
        finally:
            platform.in_dialog(key, None)
        if response.status in _REFUSED_FOR_GOOD:
            raise Unsupported(
                f"the device refuses the subscription (SIP {response.status})", status=response.status
            )
        failure = failure_of(response)
        if failure is not None:
            raise failure
        if dialog is None:
            self._dialog = Dialog.called(request, response, binding.peer)
            platform.in_dialog(self._dialog.key, self._notified, device=self._device)
        text = response.headers.get("Expires") or ""
        return float(text) if text.isdigit() and len(text) < 9 and int(text) else float(expires_s)

    @property
    def _event(self) -> str:
        if self._wanted.event is not None:
            return self._wanted.event
        return f"Catalog;id={self._number}" if self._wanted.topic is Topic.CATALOG else "presence"

    @property
    def _facts(self) -> dict[str, str]:
        return {"device": self._device, "topic": self._wanted.topic.value}

    def _drop(self) -> None:
        self.active = False
        if self._dialog is not None:
            self._platform.in_dialog(self._dialog.key, None)
            self._dialog = None

    async def _end(self) -> None:
        """Expires 0 in the same dialog ends it."""
        dialog = self._dialog
        if dialog is None:
            return
        try:
            async with asyncio.timeout(2.0):
                await self._subscribe(dialog, 0)
        except (GbError, TimeoutError):
            logger.debug("a subscription was not ended by the device", extra=self._facts)
        finally:
            self._drop()
