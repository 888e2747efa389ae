"""The DVRIP connector: the driver, put into the service every connector is, and the ports devices dial beside it."""

from cambus.connector.service import ConnectorService
from cambus.connector_dvrip.alarm_centre import AlarmCentre, Directory
from cambus.connector_dvrip.discovery import NetworkSearch
from cambus.connector_dvrip.driver import DvripDriver
from cambus.connector_dvrip.endpoints import read_endpoints
from cambus.connector_dvrip.options import DvripOptions
from cambus.connector_dvrip.registration import Registration
from cambus.connector_dvrip.settings import DvripSettings
from cambus.dvrip.alarm_centre import AlarmCentreSettings
from cambus.schemas.commands.discovery import ADDRESS_SET_DVRIP, RUN_DVRIP


class DvripConnector(ConnectorService[DvripSettings]):
    """Puts Xiongmai DVRIP recorders and cameras on the bus.

    Attributes:
        alarm_centre: takes alarms that devices push; None unless its port is set.
        registration: takes devices that dial in; None unless its port is set.
    """

    name = "connector-dvrip"
    summary = "Puts Xiongmai DVRIP recorders and cameras on the Cambus bus."
    alarm_centre: AlarmCentre | None = None
    registration: Registration | None = None
    driver: DvripDriver

    def make_driver(self) -> DvripDriver:
        """Return the driver."""
        return DvripDriver(self.runtime.settings, self.runtime.metrics)

    async def start(self) -> None:
        """Start as every connector does, and listen for alarms and devices if that is wanted."""
        await super().start()
        settings = self.runtime.settings
        self._offer_searches()
        if settings.dvrip_alarm_centre_port is not None:
            self._start_alarm_centre(settings.dvrip_alarm_centre_port)
        if settings.dvrip_registration_port is not None:
            await self._start_registration()

    async def release(self) -> None:
        """Take no more devices, and hand over those that are here."""
        if self.registration is not None:
            self.registration.stop()
        await super().release()

    async def _start_registration(self) -> None:
        runtime = self.runtime
        self.registration = Registration(
            runtime.settings, self.inbound, self.knocks, self.driver.metrics, runtime.metrics
        )
        await self.registration.start()
        where = f"tcp://{runtime.settings.dvrip_registration_host}:{self.registration.port}"
        runtime.endpoints.metadata |= {"registration": where}
        runtime.spawn(self.registration.run(), name="registration")

    def _offer_searches(self) -> None:
        settings, runtime = self.runtime.settings, self.runtime
        search = NetworkSearch(
            settings.instance,
            read_endpoints(settings.dvrip_discovery),
            read_endpoints(settings.dvrip_discovery_listen)[0],
            lambda: self.registry.devices,
        )
        runtime.endpoints.add(RUN_DVRIP, search.run)
        runtime.endpoints.add(ADDRESS_SET_DVRIP, search.set_address)

    def _start_alarm_centre(self, port: int) -> None:
        settings, runtime = self.runtime.settings, self.runtime
        protocol = self.driver.protocol
        self.alarm_centre = AlarmCentre(
            AlarmCentreSettings(
                host=settings.dvrip_alarm_centre_host,
                port=port,
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
