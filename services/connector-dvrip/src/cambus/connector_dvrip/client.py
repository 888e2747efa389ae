"""The client of the protocol library, counted."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from cambus.connector_dvrip.metrics import SESSION_FAULTS, DvripMetrics
from cambus.dvrip.client import DvripClient
from cambus.dvrip.connection import Reply
from cambus.dvrip.errors import DvripError, ProtocolError, Refused, RequestTimeout
from cambus.dvrip.profile import Credentials, Profile
from cambus.dvrip.timeouts import Timeouts


class MeteredClient(DvripClient):
    """A client whose requests, time-outs, bytes and faults are counted.

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
        self._counted: Counter[str] = Counter()

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


def _code(reply: Reply) -> int | None:
    """The return code of a reply; None for one without, and for one that is no JSON."""
    if not reply.payload.lstrip().startswith(b"{"):
        return None
    try:
        return reply.code
    except ProtocolError:
        return None
