"""Why a device is not (or no longer) online, in terms every protocol shares.

SessionEnd(reason, text)
├── CredentialsRefused(reason, text)   the device refused the account: wait long, or until it changes
└── InvalidRecord(text)                the device's record cannot work: wait until it changes

A driver raises these from `Device.connect` and `DeviceSession.run`; the supervisor decides from the class how
long to wait, and `reason` becomes the slug in presence and the label of the metrics.
"""

from enum import StrEnum


class EndReason(StrEnum):
    """Why an attempt or a session ended: a closed list, for it labels metrics."""

    UNREACHABLE = "unreachable"
    """No connection: refused, no route, name not known, connect time-out."""

    CONNECTION_LOST = "connection-lost"
    """The other side closed, or the network did."""

    TIMEOUT = "timeout"
    """A request was not answered in time."""

    KEEPALIVE_LOST = "keepalive-lost"
    """The device stopped answering keepalives."""

    PROTOCOL_ERROR = "protocol-error"
    """The device sent what its protocol does not allow; perhaps it is another kind of device."""

    CONNECTION_LIMIT = "connection-limit"
    """The device has no connection left for us."""

    FORCED_LOGOUT = "forced-logout"
    """The device ended the session itself."""

    SESSION_EXPIRED = "session-expired"
    """The device forgot the session."""

    DEVICE_ERROR = "device-error"
    """The device refused something we cannot do without."""

    UNSUPPORTED = "unsupported"
    """The device insists on something we do not speak (encrypted login …)."""

    REBOOTING = "rebooting"
    """The device was told to restart, or said that it does."""

    CREDENTIALS_REFUSED = "credentials-refused"
    """The device refused the account; the finer reason is in the text."""

    CREDENTIALS_MISSING = "credentials-missing"
    """The record names a credential that does not exist or cannot be opened."""

    INVALID_RECORD = "invalid-record"
    """The device's record cannot work."""

    RECORD_CHANGED = "record-changed"
    """The record was changed in what concerns the connection."""

    REMOVED = "removed"
    """The record was removed or disabled."""

    HANDED_OVER = "handed-over"
    """Another replica holds the device from now on, or this one stops."""

    REPLACED = "replaced"
    """The device has made a newer connection, here or to another replica."""

    OWNERSHIP_LOST = "ownership-lost"
    """The lease could not be renewed in time."""

    INTERNAL = "internal"
    """A defect on our side; the log has it."""


class SessionEnd(Exception):  # an end need not be an error: every end has a reason
    """A session, or the attempt at one, is over.

    Attributes:
        reason: what kind of end it was.
        text: one sentence for people; never a secret.
        device_code: the device's own code, as its protocol writes it.
    """

    def __init__(self, reason: EndReason, text: str, device_code: str | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.device_code = device_code


class CredentialsRefused(SessionEnd):
    """The device refused the account.

    Attributes:
        detail: a slug for the finer reason: `wrong-password`, `unknown-user`, `locked`, `blacklisted` …
    """

    def __init__(self, detail: str, text: str, device_code: str | None = None) -> None:
        super().__init__(EndReason.CREDENTIALS_REFUSED, text, device_code)
        self.detail = detail


class InvalidRecord(SessionEnd):
    """The record cannot work: an unknown option, an address that is none. The text names the field."""

    def __init__(self, text: str) -> None:
        super().__init__(EndReason.INVALID_RECORD, text)
