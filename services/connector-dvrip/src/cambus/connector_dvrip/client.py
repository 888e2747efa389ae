"""The clients of the protocol library, counted: of a device we dialled, and of one that dialled us."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any

from cambus.connector_dvrip.metrics import SESSION_FAULTS, DvripMetrics
from cambus.dvrip.client import DvripClient
from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.connection import Reply
from cambus.dvrip.errors import DvripError, ProtocolError, Refused, RequestTimeout
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.messages.registration import RegistrationLogin
from cambus.dvrip.profile import Credentials, Profile, Topology
from cambus.dvrip.registered import RegisteredDevice
from cambus.dvrip.remote import RemoteDevice
from cambus.dvrip.timeouts import Timeouts


class MeteredClient(RemoteDevice):
    """A client whose requests, time-outs, bytes and faults are counted.

    Attributes:
        topology: how media reaches us, as far as is known.
    """

    topology: Topology
    _metrics: DvripMetrics
    _counted: Counter[str]

    @abstractmethod
    def learn_connections(self, most: int) -> None:
        """The device takes so many connections in all; 0: it does not say."""

    async def request(self, message_id: int, body: Mapping[str, Any] | bytes, **options: Any) -> Reply:
        """Send any message and wait for its reply; see `RemoteDevice.request`."""
        try:
            reply = await super().request(message_id, body, **options)
        except DvripError as error:
            self._metrics.request_failed(message_id)
            self.count_error(error)
            raise
        self._metrics.request(message_id, _code(reply))
        return reply

    def count_error(self, error: DvripError) -> None:
        """Count what went wrong outside `request`: connecting, logging in, opening media."""
        if isinstance(error, RequestTimeout):
            self._metrics.timeout(error.name)
        elif isinstance(error, Refused):
            self._metrics.refused(error.reason)

    def count_session(self) -> None:
        """Move what the session has counted since the last time into the metrics."""
        if self._control is None:
            return
        session = self._control.session
        now = Counter(session.counters) + self._control.counters + self.counters
        now["sent"], now["received"] = self._control.bytes_sent, self._control.bytes_received
        new = now - self._counted
        self._counted = now
        self._metrics.control_bytes(new["sent"], new["received"])
        for name in SESSION_FAULTS:
            if new[name]:
                self._metrics.session_fault(name, new[name])
        if new["keepalives"] and session.keepalive_latency_s is not None:
            self._metrics.keepalive(session.keepalive_latency_s)


class DialledClient(MeteredClient, DvripClient):
    """A device we dial.

    Args:
        host: the device.
        port: its port.
        credentials: how to log in.
        profile: its deviations.
        timeouts: how long to wait for what.
        metrics: where to count.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        credentials: Credentials,
        profile: Profile,
        timeouts: Timeouts,
        metrics: DvripMetrics,
    ) -> None:
        super().__init__(host, port, credentials=credentials, profile=profile, timeouts=timeouts)
        self._metrics = metrics
        self._counted = Counter()

    def learn_connections(self, most: int) -> None:
        """The device takes so many connections in all; 0: it does not say."""
        self.budget.learn(most)


class RegisteredClient(MeteredClient, RegisteredDevice):
    """A device that dialled us; made by the listener.

    Args:
        login: what it said about itself.
        address: where it came from.
        metrics: where to count.
        options: those of `RegisteredDevice`.
    """

    topology = Topology.TWO_SOCKETS

    def __init__(
        self, login: RegistrationLogin, address: str, *, metrics: DvripMetrics, **options: Any
    ) -> None:
        super().__init__(login, address, **options)
        self._metrics = metrics
        self._counted = Counter()

    @property
    def login_reply(self) -> LoginReply:
        """What it said about itself, as a device we dial says it."""
        control = self.control.session
        return LoginReply(
            ret=ReturnCode.OK,
            session_id=control.session_id,
            alive_interval_s=20,
            channels=self.login.channels,
            device_type=self.login.device_type,
        )

    def learn_connections(self, most: int) -> None:
        """It is for the device to know how often it may dial."""


def _code(reply: Reply) -> int | None:
    """The return code of a reply; None for one without, and for one that is no JSON."""
    if not reply.payload.lstrip().startswith(b"{"):
        return None
    try:
        return reply.code
    except ProtocolError:
        return None
