"""Commands to connector-gb28181 about cascade. Generated from the catalog by `make schemas`; not edited by hand."""

from cambus.client.namespace import Commands
from cambus.schemas.commands import cascade as cascade_commands
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.model import Done
from cambus.schemas.state.cascade import CascadeLink


class ConnectorGb28181CascadeCommands(Commands):
    """Commands to connector-gb28181 about cascade."""

    async def alarm(self, *, link: str, alarm: AlarmRaised, within_s: float | None = None) -> list[Done]:
        """Tell an upper platform an alarm, whatever its link does with alarms by itself.

        The command `connector-gb28181.cascade.alarm`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            link: The link.
            alarm: The alarm; the platform must see its device.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(cascade_commands.ALARM, within_s, link=link, alarm=alarm)

    async def delete(self, *, id: str, within_s: float | None = None) -> Done:
        """Forget a link to an upper platform.

        The command `connector-gb28181.cascade.delete`.

        Args:
            id: The link.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(cascade_commands.DELETE, within_s, id=id)

    async def list_(self, *, within_s: float | None = None) -> cascade_commands.CascadeListReply:
        """List the links to upper platforms.

        The command `connector-gb28181.cascade.list`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(cascade_commands.LIST, within_s)

    async def put(self, *, link: CascadeLink, within_s: float | None = None) -> Done:
        """Write a link to an upper platform.

        The command `connector-gb28181.cascade.put`.

        Args:
            link: The link; replaces the one of the same id.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(cascade_commands.PUT, within_s, link=link)

    async def show(self, *, id: str, within_s: float | None = None) -> cascade_commands.CascadeShowReply:
        """Show what an upper platform sees.

        The command `connector-gb28181.cascade.show`.

        Args:
            id: The link.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(cascade_commands.SHOW, within_s, id=id)
