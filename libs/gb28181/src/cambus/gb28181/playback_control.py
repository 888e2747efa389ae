"""Control of a playback by INFO in its dialog (§8.4, GB-125, GB-126, GB-132)."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from cambus.gb28181.errors import GbError, OutOfRange, ProtocolError, Refused, Unreachable
from cambus.gb28181.invitation import follow
from cambus.gb28181.mansrtsp import CONTENT_TYPE, LEGACY_CONTENT_TYPE, Answer, Control
from cambus.gb28181.media_order import SessionOrder
from cambus.gb28181.open_dialog import BYE_TIMEOUT_S
from cambus.gb28181.outcomes import failure_of
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.remote_device import FIRST_CSEQ
from cambus.sip.dialog import Dialog
from cambus.sip.errors import SipError, TransactionTimeout

logger = logging.getLogger(__name__)

MAX_SPEED: Final = 32.0


class PlaybackControl:
    """Commands to one playback, one after the other.

    Args:
        platform: whose device plays it.
        device: code of that.
        dialog: of the session.
        order: what is played.

    Attributes:
        speed: what it plays at, as the device says; below 0 it plays backwards.
        paused: whether it is held.
        span: from where to where it plays backwards, as the device corrects it, in seconds from the start of what was
            asked for; None for what it does not say.
    """

    def __init__(self, platform: Gb28181Platform, device: str, dialog: Dialog, order: SessionOrder) -> None:
        self.speed = 1.0
        self.paused = False
        self.span: tuple[float | None, float | None] = (None, None)
        self._platform = platform
        self._device = device
        self._dialog = dialog
        self._order = order
        self._cseq = FIRST_CSEQ - 1 if order.legacy_control else 0
        self._in_turn = asyncio.Lock()

    async def pause(self) -> None:
        """Hold it."""
        await self._send("PAUSE")
        self.paused = True

    async def resume(self) -> None:
        """Go on."""
        await self._send("PLAY", has_range=True)
        self.paused = False

    async def seek(self, position_s: float) -> None:
        """Go on from a point, in seconds from the start of what was asked for. Raises OutOfRange."""
        self._check("position_s", position_s)
        await self._send("PLAY", start_s=position_s, has_range=True)
        self.paused = False

    async def set_speed(self, scale: float) -> float:
        """Play faster, slower or backwards; the speed the device says it plays at. Raises OutOfRange."""
        _check_speed(scale)
        return self._plays(float(scale), await self._send("PLAY", scale=float(scale)))

    async def reverse(
        self, from_s: float | None = None, to_s: float | None = None, scale: float = -1.0
    ) -> float:
        """Play backwards, from one point to an earlier one (2022); the speed the device says it plays at.

        Args:
            from_s: where to begin, in seconds from the start of what was asked for; None for here.
            to_s: where to end; None for the start.
            scale: below 0.

        Raises:
            OutOfRange: a point outside of the recording, points in the wrong order, or a speed that is none.
        """
        _check_speed(scale)
        if scale > 0:
            raise OutOfRange("scale", f"{scale:g} is not backwards")
        for name, value in (("from_s", from_s), ("to_s", to_s)):
            if value is not None:
                self._check(name, value)
        if from_s is not None and to_s is not None and to_s >= from_s:
            raise OutOfRange("to_s", f"{to_s:g} is not before {from_s:g}")
        ranged = from_s is not None or to_s is not None
        answer = await self._send("PLAY", scale=float(scale), start_s=from_s, end_s=to_s, has_range=ranged)
        return self._plays(float(scale), answer)

    async def tear_down(self) -> None:
        """End it; the session is still to be ended. Never raises."""
        try:
            await self._send("TEARDOWN", timeout_s=BYE_TIMEOUT_S)
        except GbError as error:
            logger.debug("a playback was not stopped by the device", extra={"reason": error.text})

    def _plays(self, wanted: float, answer: Answer) -> float:
        self.speed = wanted if answer.scale is None else answer.scale
        self.span = (answer.start_s, answer.end_s)
        self.paused = False
        return self.speed

    def _check(self, name: str, position_s: float) -> None:
        length_s = self._order.length_s
        if not 0 <= position_s < float("inf") or (length_s and position_s > length_s):
            raise OutOfRange(name, f"{position_s:g} is outside of the recording")

    async def _send(
        self,
        method: str,
        *,
        scale: float | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        has_range: bool = False,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send an INFO; a failure is one of this command, not of the session (GB-126)."""
        async with self._in_turn:
            headers, body = self._composed(Control(method, self._next(), scale, start_s, end_s, has_range))
            follow(self._platform, self._device, self._dialog)
            try:
                async with self._platform.device(self._device).room:
                    response = await self._platform.endpoint.request(
                        self._dialog.request("INFO", headers=headers, body=body),
                        self._dialog.peer,
                        timeout_s=timeout_s or self._platform.settings.times.query_s,
                    )
            except TransactionTimeout:
                raise Unreachable(f"the device does not answer {method}") from None
            except SipError as error:
                raise Unreachable(str(error)) from None
        failure = failure_of(response)
        if failure is not None:
            raise failure
        try:
            answer = Answer.parse(response.body)
        except ProtocolError:
            return Answer()  # a 200 with a body that says nothing
        if answer.status >= 400:
            raise Refused(f"the device refuses {method}: {answer.status} {answer.reason}")
        return answer

    def _composed(self, control: Control) -> tuple[list[tuple[str, str]], bytes]:
        legacy = self._order.legacy_control
        usual = LEGACY_CONTENT_TYPE if legacy else CONTENT_TYPE
        return [("Content-Type", self._order.control_type or usual)], control.serialize(legacy=legacy)

    def _next(self) -> int:
        self._cseq += 1
        return self._cseq


def _check_speed(scale: float) -> None:
    if not scale or not abs(scale) <= MAX_SPEED:
        raise OutOfRange("scale", f"{scale:g} is no speed")
