"""Commands to connector-dvrip about discovery. Generated from the catalog by `make schemas`; not edited by hand."""

from typing import Literal

from pydantic import SecretStr

from cambus.client.namespace import Commands
from cambus.schemas.commands import discovery as discovery_commands


class ConnectorDvripDiscoveryCommands(Commands):
    """Commands to connector-dvrip about discovery."""

    async def address_set(
        self,
        *,
        mac: str,
        host: str,
        netmask: str,
        gateway: str,
        username: str,
        password: SecretStr,
        confirm: Literal[True],
        within_s: float | None = None,
    ) -> list[discovery_commands.DiscoveryAddressReply]:
        """Give a device on the connector's network another address.

        The command `connector-dvrip.discovery.address.set`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            mac: Of the device, as the search tells it.
            host: Its new address.
            netmask: The mask of its network.
            gateway: The router of its network.
            username: An account of the device.
            password: Its password.
            confirm: Must be true: the device may become unreachable, and a replayable hash of the
                password is broadcast.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(
            discovery_commands.ADDRESS_SET_DVRIP,
            within_s,
            mac=mac,
            host=host,
            netmask=netmask,
            gateway=gateway,
            username=username,
            password=password,
            confirm=confirm,
        )

    async def run(
        self, *, address: str | None = None, wait_s: float = 2.0, within_s: float | None = None
    ) -> list[discovery_commands.DiscoveryRunReply]:
        """Look for devices on the connector's network.

        The command `connector-dvrip.discovery.run`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            address: Where to ask, one of those the connector may; None for all of them.
            wait_s: Seconds to wait for answers.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(discovery_commands.RUN_DVRIP, within_s, address=address, wait_s=wait_s)
