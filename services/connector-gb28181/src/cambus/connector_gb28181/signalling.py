"""The platform devices register with: who they are, when they come and go, and to whom goes what they say."""

import asyncio
import logging
from collections import deque
from typing import Final, Protocol

from cambus.bus.metrics import Metrics
from cambus.client.errors import BusError
from cambus.connector.errors import CredentialsRefused, InvalidRecord
from cambus.connector.inbound import Inbound
from cambus.connector.knocks import Knocks
from cambus.connector_gb28181.behalf import saying_so
from cambus.connector_gb28181.enrolment import Enrolments
from cambus.connector_gb28181.link import GbLink
from cambus.connector_gb28181.mapping.text import text
from cambus.connector_gb28181.metrics import Gb28181Metrics
from cambus.connector_gb28181.options import Gb28181Options
from cambus.connector_gb28181.registrations import Registrations
from cambus.connector_gb28181.session_numbers import NumbersOf
from cambus.connector_gb28181.settings import Gb28181Settings
from cambus.gb28181.accounts import Account, Enrolment
from cambus.gb28181.admission import AdmissionSettings
from cambus.gb28181.binding import Binding
from cambus.gb28181.broadcast import Broadcasts
from cambus.gb28181.media_session import MediaSessions, MediaSettings
from cambus.gb28181.platform import Gb28181Platform, PlatformEvent, Told
from cambus.gb28181.platform_settings import PlatformSettings
from cambus.gb28181.registrar import (
    Bound,
    Denied,
    DuplicateCode,
    Knocked,
    Offline,
    Online,
    RegistrarSettings,
)
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.inbound import KnockOutcome
from cambus.sip.peer import Peer

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
MAX_ACCOUNTS: Final = 65_536
MAX_UNHEARD: Final = 64
"""Reports of a device whose session is not up yet that are kept for it."""
_ENROLMENTS: Final = {
    "refuse": Enrolment.DENY,
    "pending": Enrolment.PENDING,
    "enrol": Enrolment.AUTO,
}
_REFUSALS: Final = {
    "wrong-password": "the device showed a wrong password",
    "disabled": "the device may not register now",
}


class Listener(Protocol):
    """The session of a device, for what the device says on its own."""

    def told(self, told: Told) -> None:
        """The device has told something; must not block."""

    def moved(self, binding: Binding) -> None:
        """The device is reached elsewhere now."""

    def doubled(self, peers: tuple[Peer, ...]) -> None:
        """Two devices seem to use its code (GB-059)."""


class Signalling:
    """Our SIP server and the media sessions set up through it.

    Args:
        settings: of the connector.
        nonce_key: shared by the replicas.
        inbound: takes the devices that have registered.
        knocks: shows those without a record.
        registrations: keeps who is registered.
        enrolments: makes records of devices without one, and knows their password.
        metrics: the service's registry.

    Attributes:
        platform: the SIP side.
        media: the media sessions.
        broadcasts: what is said through devices.
    """

    def __init__(
        self,
        settings: Gb28181Settings,
        nonce_key: bytes,
        inbound: Inbound,
        knocks: Knocks,
        registrations: Registrations,
        enrolments: Enrolments,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._inbound = inbound
        self._knocks = knocks
        self._registrations = registrations
        self._enrolments = enrolments
        self._links: dict[str, GbLink] = {}
        self._listeners: dict[str, Listener] = {}
        self._unheard: dict[str, deque[Told]] = {}
        self._accounts: dict[str, tuple[DeviceRecord, Credentials | None, Account]] = {}
        self._stopping = False
        self._metrics = Gb28181Metrics(metrics)
        self.platform = Gb28181Platform(
            self._platform_settings(settings, nonce_key, enrolments), self, self._happened
        )
        where = MediaSettings(
            host=settings.gb28181_media_host,
            advertised=settings.media_advertised,
            ports=settings.media_ports,
            allowed_hosts=settings.allowed_hosts,
            allow_loopback=settings.gb28181_media_allow_loopback,
        )
        self.media = MediaSessions(self.platform, where)
        self.broadcasts = Broadcasts(self.platform, where, NumbersOf(self.media))

    @staticmethod
    def _platform_settings(
        settings: Gb28181Settings, nonce_key: bytes, enrolments: Enrolments
    ) -> PlatformSettings:
        return PlatformSettings(
            RegistrarSettings(
                settings.realm,
                settings.gb28181_server_code,
                enrolment=_ENROLMENTS[settings.gb28181_unknown],
                common_password=enrolments.password,
                connection_grace_s=settings.gb28181_connection_grace_s,
                redirect=settings.gb28181_redirect or None,
            ),
            settings.domain,
            host=settings.gb28181_host,
            port=settings.gb28181_port,
            advertised=settings.gb28181_advertised,
            nonce_key=nonce_key,
            keeps_alarms=True,
            adorn=saying_so(settings.gb28181_server_code),
            admission=AdmissionSettings(
                registers_per_s=settings.gb28181_registers_per_s,
                others_per_s=settings.gb28181_requests_per_s,
                connections_per_source=settings.gb28181_connections_per_address,
            ),
        )

    # --- life -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen, and go on with the devices that were registered before. Raises what the sockets raise."""
        try:
            bindings = await self._registrations.restore()
        except BusError as error:
            logger.warning(
                "registrations not read; devices have to register anew", extra={"reason": str(error)}
            )
            bindings = []
        known = [binding for binding in bindings if self._inbound.record(binding.code) is not None]
        await self.platform.start(known)
        logger.info("listening for devices", extra={"port": self.platform.port, "restored": len(known)})

    async def run(self) -> None:
        """Count until cancelled; then close."""
        try:
            while True:
                self._metrics.look(self.platform, self.media, len(self._links))
                self._look_at_enrolled()
                await asyncio.sleep(LOOK_S)
        finally:
            try:  # whoever ends us may cancel again meanwhile: the sockets go all the same
                await self.broadcasts.close()
                await self.media.close()
            finally:
                await self.platform.close()

    def stop(self) -> None:
        """This replica stops: who is registered stays so, here or at its next start."""
        self._stopping = True

    # --- sessions ---------------------------------------------------------------------------------------

    def listen(self, code: str, listener: Listener | None) -> None:
        """Have a session hear what its device says; None ends that."""
        if listener is None:
            self._listeners.pop(code, None)
            return
        self._listeners[code] = listener
        for told in self._unheard.pop(code, ()):
            listener.told(told)

    # --- who may register -------------------------------------------------------------------------------

    def account(self, code: str) -> Account | None:
        """The account of a device; None for one nobody configured."""
        record = self._inbound.record(code)
        if record is None:
            return Account(code, "", enabled=False) if self._inbound.known(code) else None
        try:
            credentials = None if record.credentials is None else self._inbound.credentials(record)
            kept = self._accounts.get(code)
            if kept is not None and kept[0] is record and kept[1] == credentials:
                return kept[2]
            account = _account(code, record, credentials)
        except (CredentialsRefused, InvalidRecord) as problem:
            logger.debug("no account", extra={"device": record.id, "reason": str(problem)})
            return Account(code, "", enabled=False)
        if len(self._accounts) >= MAX_ACCOUNTS:
            self._accounts.clear()
        self._accounts[code] = (record, credentials, account)
        return account

    # --- what happens -----------------------------------------------------------------------------------

    def _happened(self, event: PlatformEvent) -> None:
        if isinstance(event, Told):
            self._told(event)
        elif isinstance(event, Online):
            self._online(event)
        elif isinstance(event, Offline):
            self._offline(event)
        elif isinstance(event, Bound):
            self._bound(event)
        elif isinstance(event, Denied):
            self._denied(event)
        elif isinstance(event, Knocked):
            self._knocks.heard(
                event.code, KnockOutcome.PENDING, address=str(event.peer), kind=text(event.user_agent, 64)
            )
        else:
            self._doubled(event)

    def _told(self, told: Told) -> None:
        if self.media.told(told.device, told.envelope):
            return
        listener = self._listeners.get(told.device)
        if listener is not None:
            listener.told(told)
        elif told.device in self._links:  # its session is about to be there
            self._unheard.setdefault(told.device, deque(maxlen=MAX_UNHEARD)).append(told)

    def _online(self, event: Online) -> None:
        code = event.binding.code
        link = self._links.get(code)
        if link is not None and not link.over.done():
            link.binding = event.binding
            if (listener := self._listeners.get(code)) is not None:
                listener.moved(event.binding)
            return
        record = self._inbound.record(code)
        if record is None:
            self._enrolments.enrol(code)
            return
        self._welcome(record, event.binding)

    def _welcome(self, record: DeviceRecord, binding: Binding) -> None:
        link = self._links[binding.code] = GbLink(binding, self._hang_up)
        self._knocks.settled(binding.code)
        try:
            shown = self._inbound.credentials(record)
        except CredentialsRefused:
            shown = Credentials()  # an open device shows none
        self._inbound.welcome(record.id, link, shown)

    def _look_at_enrolled(self) -> None:
        """Take in who registered without a record and has one now."""
        for code in self._enrolments.waiting:
            record, binding = self._inbound.record(code), self.platform.registrar.binding(code)
            if record is not None and binding is not None and code not in self._links:
                self._registrations.keep(record.id, binding)
                self._welcome(record, binding)
            if record is not None or binding is None:
                self._enrolments.settled(code)

    def _offline(self, event: Offline) -> None:
        self.media.offline(event.code)
        self.broadcasts.offline(event.code)
        self._unheard.pop(event.code, None)
        link = self._links.pop(event.code, None)
        if link is not None:
            link.offline(event.reason)

    def _bound(self, event: Bound) -> None:
        if event.binding is None:
            if not self._stopping:
                self._registrations.drop(event.code)
            return
        record = self._inbound.record(event.code)
        if record is not None:
            self._registrations.keep(record.id, event.binding)

    def _denied(self, event: Denied) -> None:
        record = self._inbound.record(event.code)
        if record is not None:
            refusal = CredentialsRefused(event.reason, _REFUSALS.get(event.reason, event.reason))
            self._inbound.refuse(record.id, refusal, str(event.peer))
        elif not self._inbound.known(event.code):
            self._knocks.heard(
                event.code, KnockOutcome.REFUSED, address=str(event.peer), kind=text(event.user_agent, 64)
            )

    def _doubled(self, event: DuplicateCode) -> None:
        listener = self._listeners.get(event.code)
        if listener is not None:
            listener.doubled(event.peers)

    def _hang_up(self, link: GbLink) -> None:
        """A session ended for a reason of ours: the device is to register anew, perhaps elsewhere."""
        if self._links.get(link.code) is link:
            del self._links[link.code]
            self._unheard.pop(link.code, None)
            if not self._stopping:
                self.platform.forget(link.code)


def _account(code: str, record: DeviceRecord, credentials: Credentials | None) -> Account:
    """Make the account of a record. Raises InvalidRecord."""
    options = Gb28181Options.of(record.options)
    password = credentials.password if credentials is not None else None
    return Account(
        code,
        password.get_secret_value() if password is not None else "",
        username="" if credentials is None or credentials.username == record.id else credentials.username,
        open_=options.open,
        no_qop=options.no_qop,
        date_header=options.date_header,
        algorithms=options.digest_algorithms,
        version=options.edition,
        charset=options.charset,
        challenge_strangers=options.challenge_strangers,
        signing=options.signature,
    )
