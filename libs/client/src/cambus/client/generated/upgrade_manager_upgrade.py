"""Commands to upgrade-manager about upgrade. Generated from the catalog by `make schemas`; not edited by hand."""

from typing import Literal

from cambus.client.namespace import UNSET, Commands, Unset
from cambus.schemas.commands import upgrade_manager as upgrade_manager_commands
from cambus.schemas.model import Done
from cambus.schemas.schedule import WeekSchedule
from cambus.schemas.state.rollout import DeviceSelection, TagLimit, Wave
from cambus.schemas.state.upgrades import FirmwareRef


class UpgradeManagerUpgradeCommands(Commands):
    """Commands to upgrade-manager about upgrade."""

    async def cancel(self, *, campaign: str, note: str = "", within_s: float | None = None) -> Done:
        """End a campaign early.

        The command `upgrade-manager.upgrade.cancel`.

        Args:
            campaign: The campaign.
            note: Why, for whoever reads it later.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            upgrade_manager_commands.UPGRADE_CANCEL, within_s, campaign=campaign, note=note
        )

    async def history(
        self, *, device: str, limit: int = 20, within_s: float | None = None
    ) -> upgrade_manager_commands.HistoryReply:
        """Ask what upgrades a device went through.

        The command `upgrade-manager.upgrade.history`.

        Args:
            device: The device.
            limit: At most so many.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            upgrade_manager_commands.UPGRADE_HISTORY, within_s, device=device, limit=limit
        )

    async def pause(self, *, campaign: str, note: str = "", within_s: float | None = None) -> Done:
        """Begin no more devices for now.

        The command `upgrade-manager.upgrade.pause`.

        Args:
            campaign: The campaign.
            note: Why, for whoever reads it later.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            upgrade_manager_commands.UPGRADE_PAUSE, within_s, campaign=campaign, note=note
        )

    async def plan(
        self,
        *,
        concurrency: int = 1,
        force: bool = False,
        max_failures: int | None = None,
        max_failure_percent: float | None = None,
        failure_sample: int = 5,
        canary: Wave | None = None,
        waves: list[Wave] | Unset = UNSET,
        limits: list[TagLimit] | Unset = UNSET,
        max_bytes_per_s: int | None = None,
        windows: WeekSchedule | None = None,
        window_margin_s: int = 0,
        retries: int = 0,
        retry_delay_s: int = 60,
        stable_s: int = 0,
        firmware: FirmwareRef,
        devices: list[str] | Unset = UNSET,
        selection: DeviceSelection | None = None,
        first: int = 0,
        limit: int = 1000,
        within_s: float | None = None,
    ) -> upgrade_manager_commands.PlanReply:
        """Ask what a campaign would do.

        The command `upgrade-manager.upgrade.plan`.

        Args:
            concurrency: At most so many devices at a time.
            force: Send the image though it is for other devices.
            max_failures: Stop once so many devices failed.
            max_failure_percent: Stop once so many percent of the devices that are through have failed.
            failure_sample: So many devices must be through before that percentage counts.
            canary: The first wave: a few devices, and a look at them.
            waves: The waves after it; the last one is repeated until every device had its turn. None:
                the rest is one wave.
            limits: Limits for devices that share a tag.
            max_bytes_per_s: At most so many bytes of images a second over all transfers of the
                campaign.
            windows: When devices may be begun; None for always. What is under way goes on.
            window_margin_s: Begin none in the last so many seconds of a window.
            retries: How often a device is tried again whose transfer broke off, and which certainly has
                not got the whole image.
            retry_delay_s: Seconds before it is tried again.
            stable_s: Seconds a device must stay online with the new version before it counts as
                upgraded.
            firmware: The image; it must be in the object store `cambus-firmware`.
            devices: Devices by name, in this order.
            selection: Devices by what they are; beside those by name, after them.
            first: How many devices to leave away at the start.
            limit: At most so many devices in the answer.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            upgrade_manager_commands.UPGRADE_PLAN,
            within_s,
            concurrency=concurrency,
            force=force,
            max_failures=max_failures,
            max_failure_percent=max_failure_percent,
            failure_sample=failure_sample,
            canary=canary,
            waves=waves,
            limits=limits,
            max_bytes_per_s=max_bytes_per_s,
            windows=windows,
            window_margin_s=window_margin_s,
            retries=retries,
            retry_delay_s=retry_delay_s,
            stable_s=stable_s,
            firmware=firmware,
            devices=devices,
            selection=selection,
            first=first,
            limit=limit,
        )

    async def resolve(
        self,
        *,
        campaign: str,
        device: str,
        decision: Literal["succeeded", "failed", "retry"],
        note: str = "",
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> Done:
        """Decide how an upgrade ended of which nobody knows.

        The command `upgrade-manager.upgrade.resolve`.

        Args:
            campaign: The campaign.
            device: The device.
            decision: How it ended; `retry` sends the image once more, as long as the campaign is not
                over.
            note: Why, for whoever reads it later.
            confirm: Must be true: a device that is still writing may be ruined.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            upgrade_manager_commands.UPGRADE_RESOLVE,
            within_s,
            campaign=campaign,
            device=device,
            decision=decision,
            note=note,
            confirm=confirm,
        )

    async def resume(self, *, campaign: str, note: str = "", within_s: float | None = None) -> Done:
        """Go on after a pause.

        The command `upgrade-manager.upgrade.resume`.

        Args:
            campaign: The campaign.
            note: Why, for whoever reads it later.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            upgrade_manager_commands.UPGRADE_RESUME, within_s, campaign=campaign, note=note
        )

    async def start(
        self,
        *,
        concurrency: int = 1,
        force: bool = False,
        max_failures: int | None = None,
        max_failure_percent: float | None = None,
        failure_sample: int = 5,
        canary: Wave | None = None,
        waves: list[Wave] | Unset = UNSET,
        limits: list[TagLimit] | Unset = UNSET,
        max_bytes_per_s: int | None = None,
        windows: WeekSchedule | None = None,
        window_margin_s: int = 0,
        retries: int = 0,
        retry_delay_s: int = 60,
        stable_s: int = 0,
        firmware: FirmwareRef,
        devices: list[str] | Unset = UNSET,
        selection: DeviceSelection | None = None,
        note: str = "",
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> upgrade_manager_commands.UpgradeRef:
        """Upgrade some devices to one image.

        The command `upgrade-manager.upgrade.start`.

        Args:
            concurrency: At most so many devices at a time.
            force: Send the image though it is for other devices.
            max_failures: Stop once so many devices failed.
            max_failure_percent: Stop once so many percent of the devices that are through have failed.
            failure_sample: So many devices must be through before that percentage counts.
            canary: The first wave: a few devices, and a look at them.
            waves: The waves after it; the last one is repeated until every device had its turn. None:
                the rest is one wave.
            limits: Limits for devices that share a tag.
            max_bytes_per_s: At most so many bytes of images a second over all transfers of the
                campaign.
            windows: When devices may be begun; None for always. What is under way goes on.
            window_margin_s: Begin none in the last so many seconds of a window.
            retries: How often a device is tried again whose transfer broke off, and which certainly has
                not got the whole image.
            retry_delay_s: Seconds before it is tried again.
            stable_s: Seconds a device must stay online with the new version before it counts as
                upgraded.
            firmware: The image; it must be in the object store `cambus-firmware`.
            devices: Devices by name, in this order.
            selection: Devices by what they are; beside those by name, after them.
            note: Why, for whoever reads it later.
            confirm: Must be true: devices restart, and a wrong image may ruin them.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            upgrade_manager_commands.UPGRADE_START,
            within_s,
            concurrency=concurrency,
            force=force,
            max_failures=max_failures,
            max_failure_percent=max_failure_percent,
            failure_sample=failure_sample,
            canary=canary,
            waves=waves,
            limits=limits,
            max_bytes_per_s=max_bytes_per_s,
            windows=windows,
            window_margin_s=window_margin_s,
            retries=retries,
            retry_delay_s=retry_delay_s,
            stable_s=stable_s,
            firmware=firmware,
            devices=devices,
            selection=selection,
            note=note,
            confirm=confirm,
        )

    async def status(
        self, *, campaign: str | None = None, limit: int = 20, first: int = 0, within_s: float | None = None
    ) -> upgrade_manager_commands.CampaignStatusReply:
        """Ask how campaigns are.

        The command `upgrade-manager.upgrade.status`.

        Args:
            campaign: The campaign; None for the latest ones, without devices.
            limit: At most so many campaigns.
            first: How many devices to leave away at the start.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            upgrade_manager_commands.UPGRADE_STATUS, within_s, campaign=campaign, limit=limit, first=first
        )
