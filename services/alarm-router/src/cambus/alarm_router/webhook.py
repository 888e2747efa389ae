"""One attempt to deliver an event to a webhook, signed in the way of Standard Webhooks.

The receiver recognises a repeated attempt by `webhook-id`, which is the event's id and the same for every
attempt, and checks `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import aiohttp
from yarl import URL

MAX_ANSWER_BYTES = 64 * 1024
ANSWER_S = 1.0
LONGEST_RETRY_AFTER_S = 3600.0
IDLE_CONNECTION_S = 4.0
ENCODED_SECRET = "whsec_"  # noqa: S105  # the mark of an encoded secret, not one
AWAY = frozenset({408, 425, 429, 502, 503, 504})
"""Answers that tell of the receiver's state, not of the event."""


class DeliveryFailedError(Exception):
    """A sink did not take an event.

    Attributes:
        away: the sink takes no events at present; otherwise it may be about this event.
        retry_after_s: what the sink asked for, if it did.
    """

    def __init__(self, reason: str, *, away: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.away = away
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is sent: the id that stays the same for every attempt, and the JSON body."""

    id: str
    body: bytes


def signing_key(secret: str) -> bytes:
    """The key a secret stands for: the bytes behind `whsec_` in base64, or else the text itself.

    Raises:
        ValueError: what follows `whsec_` is no base64.
    """
    if not secret.startswith(ENCODED_SECRET):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(ENCODED_SECRET), validate=True)
    except binascii.Error:
        raise ValueError(f"wanted base64 after {ENCODED_SECRET}") from None


def signature(key: bytes, envelope: Envelope, timestamp: int) -> str:
    """The value of `webhook-signature` for one attempt at `timestamp` (Unix seconds)."""
    signed = b"%s.%d.%s" % (envelope.id.encode(), timestamp, envelope.body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers(
    envelope: Envelope, timestamp: int, key: bytes | None, extra: Mapping[str, str]
) -> dict[str, str]:
    """The request headers of one attempt; unsigned without a key."""
    fields = {**extra, "content-type": "application/json", "user-agent": "Cambus-alarm-router"}
    fields |= {"webhook-id": envelope.id, "webhook-timestamp": str(timestamp)}
    if key is not None:
        fields["webhook-signature"] = signature(key, envelope, timestamp)
    return fields


@lru_cache(maxsize=1024)
def address(url: str) -> URL:
    """The address to post to: as it was written if that is possible, `%2F` stays `%2F`.

    Raises:
        ValueError: it is none.
    """
    return URL(url, encoded=url.isascii())


def open_session(trusted: ssl.SSLContext) -> aiohttp.ClientSession:
    """A session for all webhooks: it keeps no cookies, unpacks nothing and waits for no free connection.

    How many requests are under way to one receiver is the outlet's concern; a bound shared by all of them
    would let a receiver that hangs hold up the others. Connections are closed before receivers usually do.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_S, ssl=trusted),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


async def post(
    session: aiohttp.ClientSession, url: str, envelope: Envelope, fields: Mapping[str, str], timeout_s: float
) -> None:
    """Deliver once; redirects are not followed, any 2xx is success, whatever comes after the status.

    Raises:
        DeliveryFailedError: The receiver could not be reached in time or answered anything else.
    """
    try:
        async with session.post(
            address(url),
            data=envelope.body,
            headers=fields,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        ) as answer:
            await _skip_body(answer)
            if 200 <= answer.status < 300:
                return
            raise DeliveryFailedError(
                f"HTTP {answer.status}",
                away=answer.status in AWAY,
                retry_after_s=retry_after(answer.headers.get("retry-after")),
            )
    except TimeoutError:
        raise DeliveryFailedError(f"no answer in {timeout_s:g} s", away=True) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:  # their texts may quote the address
        raise DeliveryFailedError(type(error).__name__, away=True) from None


async def _skip_body(answer: aiohttp.ClientResponse) -> None:
    """Read a short body, so that the connection can be used again; a long or slow one ends the connection."""
    try:
        async with asyncio.timeout(ANSWER_S):
            left = MAX_ANSWER_BYTES
            while left > 0 and (part := await answer.content.readany()):
                left -= len(part)
    except (TimeoutError, aiohttp.ClientError, OSError):
        answer.close()


def retry_after(value: str | None) -> float | None:
    """Seconds asked for by `Retry-After` (RFC 9110 §10.2.3); dates are ignored."""
    if value is None or not (value.isascii() and value.isdecimal()):
        return None
    return min(float(value), LONGEST_RETRY_AFTER_S)
