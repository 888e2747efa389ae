"""One firmware upgrade of a GB/T 28181 device (2022), step by step (§10, GB-227).

Prepare: fetch the image and check it. Then the device is told where to fetch it, and is watched: what it fetches, when
it is away and back, what it tells, and in the end what version it runs. The job is written down before the device is
told, so that whoever holds the device after us goes on watching; the result names the job, whoever hears it.
"""

import asyncio
import hashlib
import logging
import math
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from cambus.client.errors import BusError
from cambus.client.objects import ObjectStore
from cambus.connector.ending import end
from cambus.connector.firmware import FirmwareError, FirmwareFile
from cambus.connector.upgrades import OnState, UpgradeEnd
from cambus.connector_gb28181.firmware import Offer
from cambus.connector_gb28181.mapping.device import with_info
from cambus.connector_gb28181.mapping.text import text
from cambus.connector_gb28181.upgrade_steps import UpgradeSteps
from cambus.gb28181.errors import GbError, Refused, Unconfirmed
from cambus.gb28181.manscdp.control import DeviceControl, UpgradeOrder
from cambus.gb28181.manscdp.notices import UpgradeResult
from cambus.schemas.commands.upgrade import UpgradeStartRequest
from cambus.schemas.errors import CambusError
from cambus.schemas.upgrades import UpgradeState

if TYPE_CHECKING:
    from cambus.connector_gb28181.device import GbDevice
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

ACCEPT_S: Final = 10.0
"""Until a device has said whether it will (§10)."""
LOOK_S: Final = 10.0
"""How often its version is looked at once the image has gone out: some tell no result, some are never seen away."""
ANSWER_S: Final = 15.0
MAX_VERSION: Final = 200


class UpgradeRun:
    """Carries one upgrade out, or goes on watching one.

    Args:
        device: the device.
        job: its name.
        request: what was ordered; None to go on watching one that was begun.
        steps: how far it is.
        on_state: told of each state.
    """

    def __init__(
        self,
        device: "GbDevice",
        job: str,
        request: UpgradeStartRequest | None,
        steps: UpgradeSteps,
        on_state: OnState,
    ) -> None:
        self._device = device
        self._job = job
        self._request = request
        self.steps = steps
        self._on_state = on_state
        self._begun = request is None
        self._sent_noted = False
        self._look_at = 0.0 if self._begun else math.inf
        self._news = asyncio.Event()
        self.name = session_name(device.id, job)

    @property
    def resumable(self) -> bool:
        """Whether it is written down: then it is gone on with, here or elsewhere."""
        return self._begun and self.steps.end is None

    async def run(self) -> UpgradeEnd | None:
        """Upgrade the device; None if its end was told by another replica."""
        self._device.upgrade = self
        try:
            async with AsyncExitStack() as open_until_the_end:
                if self._request is not None:
                    await self._begin(self._request, open_until_the_end)
                return await self._watch()
        finally:
            self._device.upgrade = None

    def cancel(self) -> None:
        """Withdraw the image; the device can not fetch the rest of it."""
        self.steps.cancel()
        self._news.set()

    def cut_off(self) -> UpgradeEnd:
        """How the upgrade ended if nobody looks after it any more."""
        return self.steps.cut_off()

    # --- what happens to the device ---------------------------------------------------------------------

    def told(self, result: UpgradeResult) -> bool:
        """The device has told a result; whether it is of this upgrade."""
        if result.session != self.name or result.ok is None:
            return False
        self.steps.told(
            ok=result.ok,
            version=text(result.firmware)[:MAX_VERSION],
            code=text(result.reason),
            now=_now(),
        )
        self._look_soon()
        return True

    def came(self) -> None:
        """The device has registered."""
        self._look_soon()

    def left(self) -> None:
        """The device is offline."""
        self.steps.away()
        self._news.set()

    def _sent(self, percent: float, whole: bool) -> None:
        self.steps.sent(percent, whole=whole)
        self._show()
        if whole and not self._sent_noted:
            self._look_at = _now() + LOOK_S
            self._news.set()

    def _look_soon(self) -> None:
        self._look_at = 0.0
        self._news.set()

    def _show(self) -> None:
        if self.steps.end is None:
            state = self.steps.state
            self._on_state(state, self.steps.percent if state is UpgradeState.TRANSFERRING else None)

    # --- telling the device -----------------------------------------------------------------------------

    async def _begin(self, request: UpgradeStartRequest, open_until_the_end: AsyncExitStack) -> None:
        """Prepare the image, and tell the device where it is; what goes wrong ends the upgrade."""
        session = self._device.session
        if session is None:
            self.steps.fail("offline", "the device is offline")
            return
        self._show()
        if request.expected_version == self._version_of(session) and not request.force:
            self.steps.skip()
            return
        image = open_until_the_end.enter_context(FirmwareFile())
        store = ObjectStore(self._device.context.bus, request.bucket)
        try:
            await image.fetch(store, request.object, sha256=request.sha256, size_bytes=request.size_bytes)
        except FirmwareError as error:
            self.steps.fail(error.reason, error.text)
        if self.steps.end is None and not self._device.context.hooks.owned():
            self.steps.fail("not-owner", "the hold on the device has run out")
        if self.steps.end is None and await self._mark_begun(session):
            await self._order(session, request, image, open_until_the_end)

    async def _mark_begun(self, session: "GbSession") -> bool:
        try:
            await self._device.upgrades.begun.mark(
                self._job,
                version_before=self._version_of(session),
                expected_version=None if self._request is None else self._request.expected_version,
            )
        except (BusError, CambusError) as error:
            self.steps.fail("not-recorded", str(error))
            return False
        self._begun = True
        return True

    async def _order(
        self,
        session: "GbSession",
        request: UpgradeStartRequest,
        image: FirmwareFile,
        open_until_the_end: AsyncExitStack,
    ) -> None:
        site, valid_s = self._device.hub.web, self._device.options.upgrade_timeout_s
        made = Offer(
            image,
            self._sent,
            may_end=self._device.context.hooks.owned,
            bytes_per_s=request.max_bytes_per_s,
        )
        offer = site.firmware.offered(made, valid_s)
        token = await open_until_the_end.enter_async_context(offer)
        try:
            order = UpgradeOrder(
                firmware=request.expected_version or request.object.rpartition("/")[2][:MAX_VERSION],
                url=site.firmware_url(token, session.own_host),
                manufacturer=session.known.vendor or "-",
                session=self.name,
            )
            await session.remote.control(DeviceControl(upgrade=order), session.code, timeout_s=ACCEPT_S)
        except Unconfirmed:
            logger.info("a device does not say whether it upgrades", extra={"device": self._device.id})
        except GbError as error:
            if self.steps.percent == 0:  # else its answer got lost: it is at it
                code = str(error.status) if isinstance(error, Refused) and error.status else None
                self.steps.fail("refused" if isinstance(error, Refused) else "no-answer", str(error), code)
        else:
            self.steps.accepted()
        self._show()

    # --- watching ---------------------------------------------------------------------------------------

    async def _watch(self) -> UpgradeEnd | None:
        """Follow the device until the end."""
        while self.steps.end is None:
            self._show()
            await self._note_sent()
            await self._wait()
            self.steps.tick(_now(), online=self._device.session is not None)
            if self.steps.end is None and _now() >= self._look_at:
                await self._look()
        return await self._settled(self.steps.end)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout_at(min(self.steps.due, self._look_at)):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    async def _look(self) -> None:
        """Ask the device what it runs now."""
        regularly = self.steps.image_sent or self._request is None
        self._look_at = _now() + LOOK_S if regularly else math.inf
        session = self._device.session
        if session is None:
            return
        asking, news = asyncio.ensure_future(session.remote.info()), asyncio.ensure_future(self._news.wait())
        try:
            patience_s = min(ANSWER_S, max(self.steps.due - _now(), 0.0))
            await asyncio.wait({asking, news}, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                info = asking.result()
                session.known = with_info(session.known, info)
                session.described()
                self.steps.seen(text(info.firmware)[:MAX_VERSION])
            elif not news.done():
                self.steps.away()
        except GbError:
            self.steps.away()
        finally:
            await end(asking, news)

    async def _note_sent(self) -> None:
        """Write down that the image is out: nobody may send it again."""
        if self.steps.image_sent and not self._sent_noted:
            self._sent_noted = True
            try:
                await self._device.upgrades.begun.note(self._job, image_sent=True)
            except BusError as error:
                extra = {"device": self._device.id, "reason": str(error)}
                logger.warning("an upgrade is not written down", extra=extra)

    async def _settled(self, over: UpgradeEnd) -> UpgradeEnd | None:
        """Write the end down; who does tells it, if two replicas have watched."""
        if not self._begun:
            return over
        try:
            first = await self._device.upgrades.begun.note(
                self._job, state=over.state, image_sent=over.image_sent, reason=over.reason
            )
        except BusError:
            first = True
        return over if first else None

    @staticmethod
    def _version_of(session: "GbSession") -> str:
        return session.known.software_version[:MAX_VERSION]


def session_name(device: str, job: str) -> str:
    """What an upgrade is called to its device: the same for every replica, and no secret."""
    return hashlib.sha256(f"{device} {job}".encode()).hexdigest()


def _now() -> float:
    return asyncio.get_running_loop().time()
