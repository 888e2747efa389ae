"""The demonstration's web server takes signed alarms, each once."""

import base64
import hashlib
import hmac

import aiohttp
import pytest

from cambus.cli.stack.alarm_receiver import AlarmReceiver

SECRET = b"a shared secret"


def signed(event_id, body, secret=SECRET):
    digest = hmac.new(secret, f"{event_id}.1.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": "1",
        "webhook-signature": "v1,old v1," + base64.b64encode(digest).decode(),
    }


@pytest.fixture
async def receiver():
    taken = []
    async with AlarmReceiver(SECRET, taken.append) as running, aiohttp.ClientSession() as session:

        async def post(body, headers):
            async with session.post(running.url, data=body, headers=headers) as answer:
                return answer.status

        yield post, taken


async def test_a_signed_alarm_is_taken_once(receiver):
    post, taken = receiver
    body = b'{"type": "alarm.raised"}'
    assert await post(body, signed("e1", body)) == 204
    assert await post(body, signed("e1", body)) == 204  # a repeated attempt
    assert taken == [{"type": "alarm.raised"}]


@pytest.mark.parametrize("headers", [{}, signed("e1", b"{}", b"another"), signed("e2", b'{"other": 1}')])
async def test_what_is_not_signed_with_the_secret_is_refused(receiver, headers):
    post, taken = receiver
    assert await post(b"{}", headers) == 401
    assert taken == []


async def test_what_is_no_json_is_refused(receiver):
    post, taken = receiver
    assert await post(b"no", signed("e1", b"no")) == 400
    assert taken == []
