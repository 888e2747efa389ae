"""One attempt to deliver an event to a webhook, signed in the way of Standard Webhooks.

The receiver recognises a repeated attempt by `webhook-id`, which is the event's id and the same for every
attempt, and checks `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

MAX_ANSWER_BYTES = 4096
LONGEST_RETRY_AFTER_S = 3600.0


class DeliveryFailedError(Exception):
    """A sink did not take an event; `retry_after_s` is what it asked for, if it did."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is sent: the id that stays the same for every attempt, and the JSON body."""

    id: str
    body: bytes


def signature(secret: bytes, envelope: Envelope, timestamp: int) -> str:
    """The value of `webhook-signature` for one attempt at `timestamp` (Unix seconds)."""
    signed = b"%s.%d.%s" % (envelope.id.encode(), timestamp, envelope.body)
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(
    envelope: Envelope, timestamp: int, secret: bytes | None, extra: Mapping[str, str]
) -> dict[str, str]:
    """The request headers of one attempt; unsigned without a secret."""
    fields = {**extra, "content-type": "application/json", "user-agent": "Cambus-alarm-router"}
    fields |= {"webhook-id": envelope.id, "webhook-timestamp": str(timestamp)}
    if secret is not None:
        fields["webhook-signature"] = signature(secret, envelope, timestamp)
    return fields


async def post(
    session: aiohttp.ClientSession, url: str, envelope: Envelope, fields: Mapping[str, str], timeout_s: float
) -> None:
    """Deliver once; redirects are not followed, any 2xx is success.

    Raises:
        DeliveryFailedError: The receiver could not be reached in time or answered anything else.
    """
    try:
        async with session.post(
            url,
            data=envelope.body,
            headers=fields,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        ) as answer:
            await answer.content.read(MAX_ANSWER_BYTES)
            if 200 <= answer.status < 300:
                return
            raise DeliveryFailedError(
                f"HTTP {answer.status}", retry_after_s=_retry_after(answer.headers.get("retry-after"))
            )
    except TimeoutError:
        raise DeliveryFailedError(f"no answer in {timeout_s:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise DeliveryFailedError(type(error).__name__) from error


def _retry_after(value: str | None) -> float | None:
    """Seconds asked for by `Retry-After` (RFC 9110 §10.2.3); dates are ignored."""
    if value is None or not value.isdecimal():
        return None
    return min(float(value), LONGEST_RETRY_AFTER_S)
