"""Who may publish what: the record, its account, and whether the stream is taken. Nothing here blocks."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cambus.connector.errors import CredentialsRefused, InvalidRecord
from cambus.connector.inbound import Inbound
from cambus.connector.knocks import Knocks
from cambus.connector_rtsp.metrics import RtspMetrics
from cambus.connector_rtsp.options import RtspOptions
from cambus.connector_rtsp.publish.guests import Guests
from cambus.connector_rtsp.publish.places import Place
from cambus.connector_rtsp.publish.publication import Publication
from cambus.connector_rtsp.publish.visitor import Visitors
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.inbound import KnockOutcome


class RefusedError(Exception):
    """Somebody may not publish.

    Attributes:
        reason: a slug; one of the outcomes that are counted.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Known:
    """A device that may publish.

    Attributes:
        record: of the device.
        options: of the record.
        accounts: those it may show, the present one first.
    """

    record: DeviceRecord
    options: RtspOptions
    accounts: Sequence[Credentials]


class Gate:
    """Decides, and brings those in who may.

    Args:
        inbound: knows the records and their accounts.
        knocks: shows those without a record.
        metrics: counts.
        guests: those who have not logged in.
        most: streams published at a time.

    Attributes:
        guests: see above.
        metrics: see above.
    """

    def __init__(
        self, inbound: Inbound, knocks: Knocks, metrics: RtspMetrics, guests: Guests, *, most: int
    ) -> None:
        self.guests = guests
        self.metrics = metrics
        self._inbound = inbound
        self._knocks = knocks
        self._visitors = Visitors(inbound)
        self._most = most
        self._count = 0

    def known(self, place: Place, address: str) -> Known | None:
        """What is known of a device; None for one nobody configured, or that has no account."""
        record = self._inbound.record(place.device)
        if record is None:
            return None
        try:
            stored = self._inbound.credentials(record)
            options = RtspOptions.of(record.options)
        except CredentialsRefused as refusal:
            self._inbound.refuse(record.id, refusal, address)
            return None
        except InvalidRecord:
            return None
        accounts = [
            Credentials(username=stored.username, password=password)
            for password in (stored.password, stored.previous_password)
            if password is not None and password.get_secret_value()
        ]
        return Known(record, options, accounts) if accounts else None

    def account_of_key(self, known: Known | None, key: str) -> Credentials | None:
        """The account whose password a key is; takes the same path for devices nobody knows."""
        accounts = known.accounts if known is not None else ()
        found = None
        for account in accounts or (None,):
            password = None if account is None else account.password
            secret = secrets.token_hex(16) if password is None else password.get_secret_value()
            if hmac.compare_digest(secret.encode(), key.encode("utf-8", "surrogateescape")):
                found = account
        return found

    def failed(self, known: Known | None, place: Place, address: str, now: float, *, by: str) -> None:
        """A login was wrong."""
        self.guests.failed(address, now)
        if known is not None:
            text = "a publisher showed a wrong account"
            self._inbound.refuse(known.record.id, CredentialsRefused("wrong-credentials", text), address)
        elif not self._inbound.known(place.device):
            self._knocks.heard(place.device, KnockOutcome.REFUSED, address=address, kind=by)

    def check(self, known: Known, place: Place) -> None:
        """Whether there is such a stream, and it is free. Raises RefusedError."""
        if place.channel >= len(known.options.publish_names):
            raise RefusedError("not-found")
        if self._visitors.occupied(known.record.id, (place.channel, place.stream)):
            raise RefusedError("already-published")
        if self._count >= self._most:
            raise RefusedError("full")

    def came(self, known: Known, account: Credentials, publication: Publication) -> None:
        """A stream begins."""
        self._count += 1
        self.metrics.attempt(publication.by, "accepted")
        self.metrics.publishers(publication.by, 1)
        self._knocks.settled(known.record.id)
        self._visitors.came(known.record.id, publication, account)

    def left(self, known: Known, publication: Publication) -> None:
        """A stream that began has ended."""
        self._count -= 1
        self.metrics.publishers(publication.by, -1)
        self._visitors.left(known.record.id, publication)
