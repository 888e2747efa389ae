"""A connector inside the test's own process: everything real but the process, so that a test can look in."""

from typing import TypeVar

from cambus.bus.in_process import RunningService
from cambus.connector.errors import EndReason
from cambus.connector.service import ConnectorService
from cambus.connector.settings import ConnectorSettings

SettingsT = TypeVar("SettingsT", bound=ConnectorSettings)


class RunningConnector(RunningService[SettingsT]):
    """Starts and ends a connector in this event loop, its sessions with it.

    Args:
        service_class: the connector.
        settings: its settings.

    Attributes:
        service: the connector.
    """

    service: ConnectorService[SettingsT]

    def __init__(self, service_class: type[ConnectorService[SettingsT]], settings: SettingsT) -> None:
        super().__init__(service_class, settings)

    async def _close_own(self) -> None:
        """Close the sessions a crash has left: their sockets would have gone with the process."""
        for unit in list(self.service.fleet.units.values()):
            await unit.stop(EndReason.OWNERSHIP_LOST)
