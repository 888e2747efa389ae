"""Subscriptions to what a device tells: catalog, alarms, positions (§9, GB-200 to GB-209)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cambus.gb28181.errors import DeviceOffline, GbError, Unreachable, Unsupported
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
    ) -> None:
        self.active = False
        self._platform = platform
        self._device = device
        self._wanted = wanted
        self._on_message = on_message
        self._poll = poll
        self._poll_s = poll_s
        self._dialog: Dialog | None = None
        self._number = 0

    async def run(self) -> None:
        """Subscribe and refresh until cancelled; then end it."""
        loop = asyncio.get_running_loop()
        unsupported_until = 0.0
        try:
            while True:
                if loop.time() < unsupported_until:
                    await self._poll_once()
                    continue
                try:
                    granted_s = await self._refresh()
                except Unsupported:
                    unsupported_until = loop.time() + UNSUPPORTED_S
                    logger.info("a device knows no such subscription", extra=self._facts)
                except GbError as error:
                    self._drop()
                    logger.info("a subscription failed", extra={**self._facts, "reason": error.text})
                    await asyncio.sleep(RETRY_S)
                else:
                    await asyncio.sleep(max(granted_s * REFRESH_AT, _LEAST_REFRESH_S))
        finally:
            await self._end()

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
        platform.in_dialog(key, self._on_message, device=self._device)  # a NOTIFY may come before the 200
        try:
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
            platform.in_dialog(self._dialog.key, self._on_message, device=self._device)
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
