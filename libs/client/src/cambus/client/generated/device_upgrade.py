"""Commands to a device about upgrade. Generated from the catalog by `make schemas`; not edited by hand."""

from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import upgrade as upgrade_commands
from cambus.schemas.model import Done


class UpgradeCommands(Commands):
    """Commands to a device about upgrade."""

    async def cancel(self, *, job: str, within_s: float | None = None) -> Done:
        """End an upgrade early.

        The command `upgrade.cancel`.

        Args:
            job: The job.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(upgrade_commands.CANCEL, within_s, job=job)

    async def info(self, *, within_s: float | None = None) -> upgrade_commands.UpgradeInfoReply:
        """Read what firmware fits.

        The command `upgrade.info`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(upgrade_commands.INFO, within_s)

    async def start(
        self,
        *,
        job: str,
        bucket: str = "cambus-firmware",
        object: str,
        sha256: str,
        size_bytes: int,
        force: bool = False,
        expected_version: str | None = None,
        session: str = "",
        max_bytes_per_s: int | None = None,
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> upgrade_commands.UpgradeStartReply:
        """Send a firmware image.

        The command `upgrade.start`.

        Args:
            job: Names this upgrade; asking again with the same job joins it and sends nothing anew.
            bucket: The object store of the image.
            object: The name of the image in that store.
            sha256: Digest of the image; checked before the first byte is sent.
            size_bytes: Size of the image in bytes; checked before the first byte is sent.
            force: True to send it though the image names other hardware or vendor.
            expected_version: The version the device must report afterwards; None for any other.
            session: The session of the device it is meant for, `replica@since` as presence shows them;
                in another one it is refused (409 `other-session`), and nothing was done. An upgrade
                ends the session: an order that is late by hours does no harm. Empty for any.
            max_bytes_per_s: Send it no faster; None for as fast as the device takes it.
            confirm: Must be true: the device restarts, and a wrong image may ruin it.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            upgrade_commands.START,
            within_s,
            job=job,
            bucket=bucket,
            object=object,
            sha256=sha256,
            size_bytes=size_bytes,
            force=force,
            expected_version=expected_version,
            session=session,
            max_bytes_per_s=max_bytes_per_s,
            confirm=confirm,
        )
