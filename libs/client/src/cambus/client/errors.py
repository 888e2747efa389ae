"""What can go wrong between us and NATS.

BusError
├── BusUnavailable     not connected, the send buffer is full, or no answer came in time
│   ├── LoginRefused       the server does not let us in
│   └── SendingForbidden   the server does not let us send there
├── BusClosed          the connection is closed for good
├── NoResponders       nobody subscribes to that subject
├── PayloadTooLarge    more than the server's max_payload
└── JetStreamError     JetStream refused (code, err_code, text)
    ├── AssetNotFound      no such stream, consumer, bucket or message
    └── WrongRevision      a compare-and-set lost: somebody else wrote in between

What callers of commands see are the `CambusError`s of `cambus.schemas.errors`; the client translates.
"""

from typing import Any


class BusError(Exception):
    """The base of everything this library raises about NATS."""


class BusUnavailable(BusError):
    """Not connected, buffer full, or no answer in time; what was asked may still have happened."""


class LoginRefused(BusUnavailable):
    """The server does not let us in: our credentials are not what it wants."""


class SendingForbidden(BusUnavailable):
    """The server does not let us send to that subject; nothing was done."""


class BusClosed(BusError):
    """The connection is closed for good."""


class NoResponders(BusError):
    """Nobody subscribes to the subject; nothing was done."""


class PayloadTooLarge(BusError):
    """The message is larger than the server's `max_payload`."""


class JetStreamError(BusError):
    """JetStream refused a request.

    Attributes:
        code: the HTTP-like class of the failure.
        err_code: the server's own number for it (10071 = wrong last sequence …).
    """

    def __init__(self, code: int, err_code: int, text: str) -> None:
        super().__init__(f"JetStream {code}/{err_code}: {text}")
        self.code = code
        self.err_code = err_code


class AssetNotFound(JetStreamError):
    """No such stream, consumer, bucket or message."""


class WrongRevision(JetStreamError):
    """A compare-and-set lost: the key has another revision than the one given."""


#: JSStreamWrongLastSequenceErrF and JSStreamWrongLastSequenceConstantErr of nats-server.
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})


def jetstream_error(error: dict[str, Any]) -> JetStreamError:
    """Return the exception for the `error` object of a JetStream answer."""
    code, err_code = int(error.get("code", 500)), int(error.get("err_code", 0))
    text = str(error.get("description", "no description"))
    if err_code in WRONG_LAST_SEQUENCE:
        return WrongRevision(code, err_code, text)
    return AssetNotFound(code, err_code, text) if code == 404 else JetStreamError(code, err_code, text)
