"""The DVRIP connector: the driver, put into the service every connector is, and the alarm centre beside it."""

from typing import Any

from cambus.connector.driver import Driver
from cambus.connector.service import ConnectorService
from cambus.connector_dvrip.alarm_centre import AlarmCentre, Directory
from cambus.connector_dvrip.discovery import NetworkSearch
from cambus.connector_dvrip.driver import DvripDriver
from cambus.connector_dvrip.endpoints import read_endpoints
from cambus.connector_dvrip.options import DvripOptions
from cambus.connector_dvrip.settings import DvripSettings
from cambus.dvrip.alarm_centre import AlarmCentreSettings
from cambus.schemas.commands.discovery import RUN_DVRIP


class DvripConnector(ConnectorService[DvripSettings]):
    """Puts Xiongmai DVRIP recorders and cameras on the bus.

    Attributes:
        alarm_centre: takes alarms that devices push; None unless its port is set.
    """

    name = "connector-dvrip"
    summary = "Puts Xiongmai DVRIP recorders and cameras on the Cambus bus."
    alarm_centre: AlarmCentre | None = None

    def make_driver(self) -> Driver[Any]:
        """Return the driver."""
        return DvripDriver(self.runtime.settings, self.runtime.metrics)

    async def start(self) -> None:
        """Start as every connector does, and listen for alarms if that is wanted."""
        await super().start()
        self._offer_searches()
        settings, runtime = self.runtime.settings, self.runtime
        if settings.dvrip_alarm_centre_port is None:
            return
        protocol = self.driver.protocol
        self.alarm_centre = AlarmCentre(
            AlarmCentreSettings(
                host=settings.dvrip_alarm_centre_host,
                port=settings.dvrip_alarm_centre_port,
                reply=settings.dvrip_alarm_centre_reply,
            ),
            Directory(runtime.bus, protocol, lambda: self.registry.devices),
            runtime.client,
            self.events.publish,
            protocol,
            hold_s=DvripOptions().alarm_hold_s,
            metrics=runtime.metrics,
        )
        runtime.spawn(self.alarm_centre.run(), name="alarm centre")

    def _offer_searches(self) -> None:
        settings, runtime = self.runtime.settings, self.runtime
        search = NetworkSearch(
            settings.instance,
            read_endpoints(settings.dvrip_discovery),
            read_endpoints(settings.dvrip_discovery_listen)[0],
            lambda: self.registry.devices,
        )
        runtime.endpoints.add(RUN_DVRIP, search.run, concurrency=1)  # the port of the answers is one
