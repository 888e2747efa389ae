"""One firmware upgrade, step by step (DVRIP §13).

Prepare: fetch the image, check it, see whether it is for this device. Transfer: piece by piece, each acknowledged. From
the end packet on nothing is ever sent again: what the device says, and at last the version it comes back with, decides.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cambus.client.errors import BusError
from cambus.client.objects import ObjectStore
from cambus.connector.firmware import READ_BYTES, FirmwareError
from cambus.connector.outflow import Outflow
from cambus.connector.upgrades import MarkBegun, OnState, UpgradeEnd
from cambus.connector_dvrip.firmware import FirmwareFile
from cambus.dvrip.errors import DvripError, Refused, RequestTimeout
from cambus.dvrip.messages.upgrade import UpgradeResult
from cambus.dvrip.operations.upgrade import UpgradeError, UpgradePhase, UpgradeProgress
from cambus.schemas.commands.upgrade import UpgradeStartRequest
from cambus.schemas.errors import CambusError
from cambus.schemas.upgrades import UpgradeState

if TYPE_CHECKING:
    from cambus.connector_dvrip.device import DvripDevice
    from cambus.connector_dvrip.session import DvripSession

logger = logging.getLogger(__name__)

PACED_BYTES: Final = 16 << 10
"""What is sent at once where there is a pace: the device hears something every second."""

_REASONS: Final = {
    UpgradeResult.ALREADY_STARTED: "already-upgrading",
    UpgradeResult.NO_PERMISSION: "not-allowed",
    UpgradeResult.NOT_STARTED: "not-started",
    UpgradeResult.BAD_DATA: "data-error",
    UpgradeResult.FAILED: "device-failed",
}


class UpgradeRun:
    """Carries one upgrade out.

    Args:
        device: the device.
        request: what was ordered.
        store: where the image is.
        on_state: told of each state and its percent; must not block.
        mark_begun: writes down that the image is about to go out; raises if that can not be written.
    """

    resumable = False  # the device takes the image over the session: without that it is gone

    def __init__(
        self,
        device: "DvripDevice",
        request: UpgradeStartRequest,
        store: ObjectStore,
        *,
        on_state: OnState,
        mark_begun: MarkBegun,
    ) -> None:
        self._device = device
        self._request = request
        self._store = store
        self._on_state = on_state
        self._mark_begun = mark_begun
        self._session: DvripSession | None = None
        self._cancelled = False
        self._fenced = False
        self._image_sent = False
        self._version_before = ""
        self._build_before: object = None
        self._uptime_before_min = 0
        self._began_at = 0.0
        self._confirmed = False  # the device itself reported success

    def cancel(self) -> None:
        """Send no more; without effect once the last byte is out."""
        self._cancelled = True
        if self._session is not None:
            self._session.client.upgrades.abort()

    def cut_off(self) -> UpgradeEnd:
        """How the upgrade ended if nobody looks after it any more."""
        state = UpgradeState.UNKNOWN if self._image_sent else UpgradeState.FAILED
        return self._end(state, "interrupted", "the connector gave the device up in the middle")

    async def run(self) -> UpgradeEnd:
        """Upgrade the device; never raises for anything the device or the image did."""
        session = self._session = self._device.session
        if session is None:
            return self._end(UpgradeState.FAILED, "offline", "the device is offline")
        self._version_before = session.facts.info.software_version
        self._build_before = session.facts.info.build_time
        self._uptime_before_min = session.facts.info.uptime_minutes
        self._began_at = session.surveyed_at
        with FirmwareFile() as image:
            try:
                await self._prepare(session, image)
                await self._transfer(session, image)
            except _Over as over:
                return over.end
        return await self._see_it_back(session)

    # --- before -----------------------------------------------------------------------------------------

    async def _prepare(self, session: "DvripSession", image: FirmwareFile) -> None:
        self._on_state(UpgradeState.PREPARING, None)
        request = self._request
        if request.expected_version == self._version_before and not request.force:
            raise _Over(self._end(UpgradeState.SKIPPED, "already-installed", "it runs that version"))
        try:
            await image.fetch(
                self._store, request.object, sha256=request.sha256, size_bytes=request.size_bytes
            )
            if not request.force:
                await self._check_fits(session, image)
        except FirmwareError as error:
            raise _Over(self._end(UpgradeState.FAILED, error.reason, error.text)) from None
        self._check_cancelled()
        if not self._device.context.hooks.owned():
            raise _Over(self._end(UpgradeState.FAILED, "not-owner", "the lease on the device has run out"))
        try:
            await self._mark_begun()
        except (BusError, CambusError) as error:
            raise _Over(self._end(UpgradeState.FAILED, "not-recorded", str(error))) from None

    async def _check_fits(self, session: "DvripSession", image: FirmwareFile) -> None:
        """Compare what the package is for with what the device is (DVRIP §13)."""
        package = await image.package()
        if package is None:
            logger.warning("image describes no hardware", extra={"device": self._device.id})
            return
        try:
            info = await session.client.upgrades.info()
        except DvripError as error:
            logger.warning(
                "device does not say what fits", extra={"device": self._device.id, "reason": str(error)}
            )
            return
        try:
            package.check(info)
        except Refused as error:
            raise FirmwareError("wrong-hardware", str(error)) from None

    def _check_cancelled(self) -> None:
        if self._cancelled:
            raise _Over(self._end(UpgradeState.CANCELLED, "cancelled", "cancelled before anything was sent"))

    # --- sending ----------------------------------------------------------------------------------------

    async def _transfer(self, session: "DvripSession", image: FirmwareFile) -> None:
        self._on_state(UpgradeState.TRANSFERRING, 0.0)
        self._check_cancelled()
        try:
            await session.client.upgrades.run(
                self._outgoing(image),
                kind=self._device.options.upgrade_type,
                confirm=True,
                on_progress=self._progressed,
                may_end=self._may_end,
            )
            self._confirmed = True
        except UpgradeError as error:
            self._judge(error)
        except DvripError as error:
            session.client.count_error(error)
            raise _Over(self._end(UpgradeState.FAILED, "refused", str(error))) from None

    def _may_end(self) -> bool:
        """Whether the device is still ours: else another replica does not know that it is about to write."""
        self._fenced = not self._device.context.hooks.owned()
        return not self._fenced

    async def _outgoing(self, image: FirmwareFile) -> AsyncIterator[bytes]:
        """The image at the pace that was ordered."""
        outflow = Outflow(self._request.max_bytes_per_s)
        paced = outflow.bytes_per_s is not None
        async for chunk in image.chunks(PACED_BYTES if paced else READ_BYTES):
            await outflow.take(len(chunk))
            yield chunk

    def _progressed(self, progress: UpgradeProgress) -> None:
        if progress.phase is UpgradePhase.SENDING:
            percent = min(100.0 * progress.bytes_sent / self._request.size_bytes, 100.0)
            # The end packet follows the last piece without a word: from here on the image counts as sent.
            self._image_sent = progress.bytes_sent >= self._request.size_bytes
            self._on_state(UpgradeState.TRANSFERRING, percent)
        else:
            self._image_sent = True
            self._on_state(UpgradeState.FLASHING, float(progress.percent))

    def _judge(self, error: UpgradeError) -> None:
        """End with what the device said; without a word of it after the last byte, go on and look."""
        self._image_sent = self._image_sent or error.phase is UpgradePhase.WRITING
        if error.is_unknown:
            return
        if self._fenced and error.phase is UpgradePhase.SENDING:
            self._image_sent = False  # all of it, but for the packet that makes the device write it
            raise _Over(self._end(UpgradeState.FAILED, "not-owner", "the lease on the device has run out"))
        if self._cancelled and error.phase is UpgradePhase.SENDING:
            self._image_sent = False
            raise _Over(self._end(UpgradeState.CANCELLED, "cancelled", str(error)))
        if error.result is None:
            if self._image_sent:
                return
            # Either way the session is over, and with it the device forgets what it had got.
            reason = "no-answer" if isinstance(error.__cause__, RequestTimeout) else "connection-lost"
            raise _Over(self._end(UpgradeState.FAILED, reason, str(error)))
        end = self._end(UpgradeState.FAILED, _REASONS.get(error.result, "device-failed"), str(error))
        raise _Over(replace(end, device_code=None if error.code is None else str(error.code)))

    # --- afterwards -------------------------------------------------------------------------------------

    async def _see_it_back(self, session: "DvripSession") -> UpgradeEnd:
        """Wait until the device is back, and compare its version.

        A device that said nothing at the end may be reached again while it still writes: the version it had proves
        nothing then, and it is waited for until it has restarted.
        """
        self._image_sent = True
        self._on_state(UpgradeState.REBOOTING, None)
        self._device.expect_restart()
        session.restarting("restarting after an upgrade")
        last: DvripSession | None = None
        try:
            async with asyncio.timeout(self._device.options.upgrade_return_s):
                while last is None or not (
                    self._is_changed(last) or self._confirmed or self._restarted(last)
                ):
                    last = await self._device.next_session(last or session)
        except TimeoutError:
            if self._device.session is None:
                return self._end(UpgradeState.NOT_BACK, "not-back", "the device did not come back in time")
        self._on_state(UpgradeState.VERIFYING, None)
        return self._verdict(last or session)

    def _verdict(self, session: "DvripSession") -> UpgradeEnd:
        version, expected = session.facts.info.software_version, self._request.expected_version
        if not self._is_changed(session):
            text = "the device is back with the version it had"
            return self._end(UpgradeState.UNCHANGED, "same-version", text, version)
        if expected is not None and version != expected:
            text = "the device is back with another version than the one ordered"
            return self._end(UpgradeState.UNCHANGED, "other-version", text, version)
        return self._end(UpgradeState.SUCCEEDED, "", "", version)

    def _is_changed(self, session: "DvripSession") -> bool:
        """Whether the device runs other firmware than before."""
        info = session.facts.info
        return (info.software_version, info.build_time) != (self._version_before, self._build_before)

    def _restarted(self, session: "DvripSession") -> bool:
        """Whether the device has been up for less long than it would be without a restart (it counts minutes)."""
        elapsed_min = (asyncio.get_running_loop().time() - self._began_at) / 60
        return session.facts.info.uptime_minutes + 1 < self._uptime_before_min + elapsed_min

    def _end(
        self, state: UpgradeState, reason: str, text: str, version_after: str | None = None
    ) -> UpgradeEnd:
        return UpgradeEnd(
            state, self._version_before, version_after, reason, text, image_sent=self._image_sent
        )


class _Over(Exception):  # how the steps end early, not an error
    """The upgrade is over before its last step."""

    def __init__(self, end: UpgradeEnd) -> None:
        super().__init__(end.reason)
        self.end = end
