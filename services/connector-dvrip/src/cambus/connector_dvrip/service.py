"""The DVRIP connector: the driver, put into the service every connector is."""

from typing import Any

from cambus.connector.driver import Driver
from cambus.connector.service import ConnectorService
from cambus.connector_dvrip.driver import DvripDriver
from cambus.connector_dvrip.settings import DvripSettings


class DvripConnector(ConnectorService[DvripSettings]):
    """Puts Xiongmai DVRIP recorders and cameras on the bus."""

    name = "connector-dvrip"
    summary = "Puts Xiongmai DVRIP recorders and cameras on the Cambus bus."

    def make_driver(self) -> Driver[Any]:
        """Return the driver."""
        return DvripDriver(self.runtime.settings, self.runtime.metrics)
