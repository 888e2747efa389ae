"""Devices that dial in: who they are, and what becomes of those nobody knows (DVRIP §11). Off unless a port is set."""

import asyncio
import logging
from functools import partial
from typing import Final, cast

from cambus.bus.metrics import Metrics
from cambus.connector.errors import CredentialsRefused, InvalidRecord
from cambus.connector.inbound import Inbound
from cambus.connector.knocks import Knocks
from cambus.connector_dvrip.client import RegisteredClient
from cambus.connector_dvrip.mapping.native import text
from cambus.connector_dvrip.metrics import DvripMetrics
from cambus.connector_dvrip.options import DvripOptions
from cambus.connector_dvrip.settings import DvripSettings
from cambus.dvrip.admission import AdmissionLimits
from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.messages.registration import RegistrationLogin
from cambus.dvrip.profile import Topology
from cambus.dvrip.registered import RegisteredDevice
from cambus.dvrip.registration import RegistrationListener, RegistrationSettings, Verdict
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.inbound import KnockOutcome

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
_COUNTERS: Final = (
    "logins",
    "logins_refused",
    "replaced",
    "claims",
    "claims_refused",
    "garbage",
    "silent",
    "callback_errors",
)
_ADMISSION: Final = ("refused_total", "refused_address", "held_off")
_REFUSALS: Final = {
    ReturnCode.WRONG_PASSWORD: "wrong-password",
    ReturnCode.ILLEGAL_USER: "unknown-user",
    ReturnCode.UNSUPPORTED: "unsupported",
}


class Registration:
    """Listens for devices that dial in.

    Args:
        settings: of the connector.
        inbound: takes those that have authenticated.
        knocks: shows those without a record.
        counts: of the devices' sessions.
        metrics: the service's registry.
    """

    def __init__(
        self,
        settings: DvripSettings,
        inbound: Inbound,
        knocks: Knocks,
        counts: DvripMetrics,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._inbound = inbound
        self._knocks = knocks
        self._pending: dict[str, RegisteredDevice] = {}
        self._counted = dict.fromkeys((*_COUNTERS, *_ADMISSION), 0)
        self._events = metrics.counter(
            "dvrip_registration_total",
            "What happened on the port devices dial, by what it was",
            {"what": (*_COUNTERS, *_ADMISSION)},
        )
        self._waiting = metrics.gauge(
            "dvrip_registration_pending", "Devices without a record that are kept waiting for one"
        )()
        self.listener = RegistrationListener(
            RegistrationSettings(
                host=settings.dvrip_registration_host,
                port=settings.dvrip_registration_port or 0,
                check_address=settings.dvrip_registration_check_address,
                limits=AdmissionLimits(
                    settings.dvrip_registration_guests, settings.dvrip_registration_guests_per_address
                ),
            ),
            self._judge,
            self._arrived,
            make_device=partial(RegisteredClient, metrics=counts),
        )

    @property
    def port(self) -> int:
        """The port listened on."""
        return self.listener.port

    async def start(self) -> None:
        """Listen. Raises OSError if the address is taken."""
        await self.listener.start()
        logger.info("listening for devices that dial in", extra={"port": self.port})

    async def run(self) -> None:
        """Look after those who wait, and count, until cancelled; then hang up."""
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                self._look_at_pending()
                self.count()
        finally:
            await self.listener.close()

    def stop(self) -> None:
        """Take no more connections, and hang up on those who wait."""
        self.listener.stop_listening()
        for device in list(self._pending.values()):
            device.end("this replica stops")

    # --- decisions --------------------------------------------------------------------------------------

    def _judge(self, login: RegistrationLogin, address: str) -> Verdict:
        """Decide about a login; called by the listener, must not block."""
        record = self._inbound.record(login.device_id)
        if record is None:
            return self._judge_unknown(login, address)
        try:
            credentials = self._inbound.credentials(record)
            options = DvripOptions.of(record.options)
        except CredentialsRefused as refusal:
            self._inbound.refuse(record.id, refusal, address)
            return Verdict(ReturnCode.LOCKED)
        except InvalidRecord:
            return Verdict(ReturnCode.LOCKED)
        code, _ = authenticate(login, credentials, strict=options.strict_registration)
        if code != ReturnCode.OK:
            detail = _REFUSALS.get(ReturnCode(code), "wrong-password")
            wrong = CredentialsRefused(detail, f"the device showed a wrong account: {detail}", str(int(code)))
            self._inbound.refuse(record.id, wrong, address)
            return Verdict(code)
        return Verdict(
            ReturnCode.OK,
            profile=options.profile(Topology.TWO_SOCKETS),
            timeouts=options.timeouts(self._settings.dvrip_request_timeout_s),
            check_address=options.registration_check_address,
        )

    def _judge_unknown(self, login: RegistrationLogin, address: str) -> Verdict:
        if self._inbound.known(login.device_id):
            return Verdict(ReturnCode.LOCKED)  # disabled, or two records want it: presence says which
        waits = (
            self._settings.dvrip_registration_unknown == "pending"
            and len(self._pending) < self._settings.dvrip_registration_pending
        )
        self._knocks.heard(
            text(login.device_id),
            KnockOutcome.PENDING if waits else KnockOutcome.REFUSED,
            address=address,
            kind=text(login.device_type),
            channels=login.channels,
        )
        return Verdict(ReturnCode.OK, is_pending=True) if waits else Verdict(ReturnCode.LOCKED)

    def _arrived(self, device: RegisteredDevice) -> None:
        """A login was accepted; called by the listener, must not block."""
        identity = device.device_id
        if device.is_pending:
            self._pending[identity] = device
            device.control.closed.add_done_callback(lambda _: self._gone(device))
            self._waiting.set(len(self._pending))
            return
        record = self._inbound.record(identity)
        if record is None:
            device.end("its record is gone")
            return
        options = DvripOptions.of(record.options)
        _, shown = authenticate(
            device.login, self._inbound.credentials(record), strict=options.strict_registration
        )
        self._knocks.settled(text(identity))
        self._inbound.welcome(record.id, cast(RegisteredClient, device), shown)

    # --- those who wait ---------------------------------------------------------------------------------

    def _gone(self, device: RegisteredDevice) -> None:
        if self._pending.get(device.device_id) is device:
            del self._pending[device.device_id]
            self._waiting.set(len(self._pending))

    def _look_at_pending(self) -> None:
        for identity, device in list(self._pending.items()):
            if self._inbound.record(identity) is not None:
                device.end("it is known now, and has to show its account")

    def count(self) -> None:
        """Move what the listener has counted since the last time into the metrics."""
        admission = self.listener.admission.counters
        for source, names in ((self.listener.counters, _COUNTERS), (admission, _ADMISSION)):
            for name in names:
                self._events(name).inc(source[name] - self._counted[name])
                self._counted[name] = source[name]


def authenticate(
    login: RegistrationLogin, credentials: Credentials, *, strict: bool
) -> tuple[int, Credentials]:
    """Compare a login with the account a device is to have, and with the password before, if there is one.

    Returns:
        The return code, and the account that was shown if it is 100.
    """
    if credentials.password is None:
        return ReturnCode.WRONG_PASSWORD, credentials
    code: int = ReturnCode.WRONG_PASSWORD
    for password in (credentials.password, credentials.previous_password):
        if password is None:
            continue
        code = login.check_password(password.get_secret_value(), strict=strict)
        if code == ReturnCode.OK:
            shown = Credentials(username=credentials.username, password=password)
            return (code if login.user == credentials.username else ReturnCode.ILLEGAL_USER), shown
    return code, credentials
