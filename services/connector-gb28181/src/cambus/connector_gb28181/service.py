"""The GB/T 28181 connector: the driver, put into the service every connector is, and the platform beside it."""

import asyncio
import secrets
import time

from cambus.connector.service import ConnectorService
from cambus.connector_gb28181.cascade.links import CascadeLinks
from cambus.connector_gb28181.driver import PROTOCOL, Gb28181Driver
from cambus.connector_gb28181.enrolment import Enrolments
from cambus.connector_gb28181.hub import Hub
from cambus.connector_gb28181.known import KnownDevices
from cambus.connector_gb28181.orphans import OpenDialogs
from cambus.connector_gb28181.registrations import Registrations
from cambus.connector_gb28181.session_numbers import SessionNumbers
from cambus.connector_gb28181.settings import Gb28181Settings, split_address
from cambus.connector_gb28181.signalling import Signalling
from cambus.connector_gb28181.web_site import WebSite

NONCES = "gb28181-nonces"
NONCE_KEY_BYTES = 32


class Gb28181Connector(ConnectorService[Gb28181Settings]):
    """Puts GB/T 28181 cameras and recorders on the bus.

    Attributes:
        signalling: the platform devices register with; there once the service has started.
        numbers: of media sessions, likewise.
        cascade: the links to upper platforms; None before.
    """

    name = "connector-gb28181"
    summary = "Puts GB/T 28181 cameras and recorders on the Cambus bus."
    patient = True
    driver: Gb28181Driver
    hub: Hub
    signalling: Signalling
    numbers: SessionNumbers
    cascade: CascadeLinks | None = None

    def make_driver(self) -> Gb28181Driver:
        """Return the driver."""
        runtime = self.runtime
        self.hub = Hub(
            runtime.settings,
            KnownDevices(runtime.bus, PROTOCOL),
            asyncio.Semaphore(runtime.settings.gb28181_syncs),
            WebSite(runtime.settings, runtime.metrics, time.monotonic),
        )
        return Gb28181Driver(self.hub)

    async def start(self) -> None:
        """Start as every connector does, then listen for devices."""
        await super().start()
        runtime, settings = self.runtime, self.runtime.settings
        registrations = Registrations(runtime.bus, PROTOCOL, settings.instance)
        enrolments = Enrolments(runtime.bus, PROTOCOL, self.credentials, settings.gb28181_common_credentials)
        self.signalling = Signalling(
            settings,
            self._nonce_key(),
            self.inbound,
            self.knocks,
            registrations,
            enrolments,
            runtime.metrics,
        )
        dialogs = OpenDialogs(runtime.bus, PROTOCOL, settings.instance, self.signalling.media)
        self.hub.attach(self.signalling, dialogs)
        await runtime.enter(self.hub.web)
        await self.signalling.start()
        port, code = self.signalling.platform.port, settings.gb28181_server_code
        runtime.endpoints.metadata |= {
            "registration": f"sip:{code}@{settings.gb28181_host}:{port}",
            "advertised": f"sip:{code}@{self.signalling.platform.address}",
            "media": settings.media_advertised,
            "web": self.hub.web.address(split_address(self.signalling.platform.address)[0]),
        }
        self.numbers = SessionNumbers(
            self.leases,
            self.signalling.media,
            settings.domain,
            shares=settings.gb28181_ssrc_shares,
            wide=settings.gb28181_ssrc_wide,
        )
        runtime.spawn(self.numbers.run(), name="session numbers")
        runtime.spawn(registrations.run(), name="registrations")
        runtime.spawn(enrolments.run(), name="enrolments")
        runtime.spawn(self.signalling.run(), name="signalling")
        runtime.spawn(dialogs.run(), name="open dialogs")
        self._start_cascade()

    def _start_cascade(self) -> None:
        """Register with upper platforms, if there are links to any."""
        runtime, settings = self.runtime, self.runtime.settings
        self.cascade = CascadeLinks(
            runtime.bus, runtime.client, self.leases, self.credentials, settings.cascade, runtime.metrics
        )
        self.cascade.register(runtime.endpoints)
        runtime.spawn(self.cascade.run(), name="links to upper platforms")

    async def release(self) -> None:
        """Hand over the devices; who is registered with us stays so for our next start."""
        self.signalling.stop()
        if self.cascade is not None:
            await self.cascade.release()
        await super().release()
        await self.numbers.release()

    def _credentials_changed(self, name: str) -> None:
        super()._credentials_changed(name)
        if self.cascade is not None:
            self.cascade.credential_changed(name)

    def _nonce_key(self) -> bytes:
        """What all replicas make and judge nonces with: a device may be challenged by one and answer another."""
        keys = self.credentials.keys
        return secrets.token_bytes(NONCE_KEY_BYTES) if keys is None else keys.derive(NONCES)
