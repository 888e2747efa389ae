"""One attempt to deliver an event through an HTTP gateway, such as one for text messages: the request is a template.

The address comes from whoever may write rules, never from a device; redirects are not followed, and of the answer no
more is read than is looked at.
"""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from cambus.alarm_router.notice import Notice
from cambus.alarm_router.webhook import ANSWER_S, AWAY, MAX_ANSWER_BYTES, DeliveryFailedError, retry_after
from cambus.schemas.state.alarm_sinks import HttpSink
from cambus.schemas.template import SECRET, fill


async def send(session: aiohttp.ClientSession, sink: HttpSink, notice: Notice, secret: str) -> None:
    """Send one request.

    Raises:
        DeliveryFailedError: the gateway could not be reached in time, or did not take it.
    """
    try:
        request = _request(sink, notice, secret)
        async with session.request(
            sink.method,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=sink.timeout_s),
            **request,
        ) as answer:
            body = await _beginning(answer)
            if 200 <= answer.status < 300:
                if sink.accepted is not None and sink.accepted.encode() not in body:
                    raise DeliveryFailedError("the answer does not hold what it does when it was taken")
                return
            raise DeliveryFailedError(
                f"HTTP {answer.status}",
                away=answer.status in AWAY,
                retry_after_s=retry_after(answer.headers.get("retry-after")),
            )
    except TimeoutError:
        raise DeliveryFailedError(f"no answer in {sink.timeout_s:g} s", away=True) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:  # their texts may quote the request
        raise DeliveryFailedError(type(error).__name__, away=True) from None


def _request(sink: HttpSink, notice: Notice, secret: str) -> dict[str, Any]:
    values = {**notice.values, SECRET: secret}
    url = fill(sink.url, values, lambda value: quote(value, safe=""))
    fields = {name: fill(text, values) for name, text in sink.fields.items()}
    headers = {name: fill(text, values, _header_safe) for name, text in sink.headers.items()}
    headers.setdefault("User-Agent", "Cambus-alarm-router")
    request: dict[str, Any] = {"url": URL(url, encoded=url.isascii()), "headers": headers}
    if sink.method != "GET" and fields:
        if sink.encoding == "json":
            headers["Content-Type"] = "application/json"
            request["data"] = json.dumps(fields, ensure_ascii=False).encode()
        else:
            request["data"] = aiohttp.FormData(fields)
    return request


def _header_safe(value: str) -> str:
    """What a header may hold of a value."""
    return "".join(each for each in value if " " <= each <= "~")


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """As much of the answer's body as is looked at."""
    body = bytearray()
    try:
        async with asyncio.timeout(ANSWER_S):
            while len(body) < MAX_ANSWER_BYTES and (part := await answer.content.readany()):
                body += part
    except (TimeoutError, aiohttp.ClientError, OSError):
        answer.close()
    if len(body) >= MAX_ANSWER_BYTES:
        answer.close()
    return bytes(body[:MAX_ANSWER_BYTES])
