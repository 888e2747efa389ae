"""What has run is given back within two seconds of Stop, whatever the device does about it."""

import asyncio

import pytest

from cambus.dvrip.errors import RequestTimeout
from cambus.dvrip.media_path import LIVE, PLAYBACK, MediaPath
from cambus.dvrip.timeouts import Timeouts

pytestmark = pytest.mark.asyncio


class FakeSession:
    timeouts = Timeouts()


class FakeConnection:
    """A connection that answers and closes after a time, or never."""

    session = FakeSession()

    def __init__(self, *, answers_after_s=None, closes_after_s=None):
        self.loop = asyncio.get_running_loop()
        self.closed = self.loop.create_future()
        self.answers_after_s = answers_after_s
        self.requests = []
        self.ended_at = None
        if closes_after_s is not None:
            self.loop.call_later(closes_after_s, self.closed.set_result, None)

    async def request(self, message_id, body, *, soft, timeout_s, label):
        self.requests.append((message_id, body))
        await asyncio.sleep(timeout_s if self.answers_after_s is None else self.answers_after_s)
        if self.answers_after_s is None:
            raise RequestTimeout("request", timeout_s, label)

    async def logout(self):
        self.requests.append((1002, None))
        await asyncio.sleep(60 if self.answers_after_s is None else self.answers_after_s)

    async def close(self):
        self.ended_at = self.loop.time()


@pytest.mark.parametrize("kind", [LIVE, PLAYBACK])
@pytest.mark.parametrize("answers_after_s", [0.01, 1.0, 1.9, None])
@pytest.mark.parametrize("closes_after_s", [0.01, 1.5, 3.0, None])
async def test_stop_gives_stream_and_socket_back_within_two_seconds(kind, answers_after_s, closes_after_s):
    loop = asyncio.get_running_loop()
    control = FakeConnection(answers_after_s=answers_after_s)
    data = FakeConnection(closes_after_s=closes_after_s)
    given_back = []
    path = MediaPath(kind, control, data, on_release=lambda: given_back.append(loop.time()))
    began = loop.time()
    await path.release({"Action": "Stop"})
    assert control.requests == [(kind.command, {"Action": "Stop"})]
    assert data.ended_at - began <= 2.01
    assert given_back[0] - began <= 2.01
    await path.release({"Action": "Stop"})
    assert (len(control.requests), len(given_back)) == (1, 1)


@pytest.mark.parametrize("answers_after_s", [0.01, 0.9, 1.9, None])
async def test_a_session_of_its_own_is_logged_out_and_closed_within_two_seconds(answers_after_s):
    own = FakeConnection(answers_after_s=answers_after_s)
    path = MediaPath(LIVE, own, own)
    began = own.loop.time()
    await path.release({"Action": "Stop"})
    assert [message_id for message_id, _ in own.requests] == [LIVE.command, 1002]
    assert own.ended_at - began <= 2.01
