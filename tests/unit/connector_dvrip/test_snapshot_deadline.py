"""A picture comes within fifteen seconds or the caller is told that none did, whatever the device does meanwhile."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from cambus.connector.taps import KeyframeTaps
from cambus.connector_dvrip.handlers.snapshot import take
from cambus.dvrip.errors import Unsupported
from cambus.schemas.commands.snapshot import SnapshotTakeRequest
from cambus.schemas.errors import DeadlineExceeded

pytestmark = pytest.mark.asyncio


class Camera:
    """Keeps silent about its own pictures for a time, and sends no keyframe."""

    def __init__(self, silent_s, *, opens_after_s=0.0):
        self.silent_s = silent_s
        self.opens_after_s = opens_after_s
        self.asked = 0
        self.forced = []
        self.claims = []

    async def snapshot(self, channel):
        self.asked += 1
        await asyncio.sleep(self.silent_s)
        raise Unsupported("no answer")

    def force_key_frame(self, channel, stream):
        self.forced.append((channel, stream))

    @contextlib.asynccontextmanager
    async def claimed(self, channel, stream, claimant, ttl_s):
        self.claims.append((channel, stream))
        try:
            await asyncio.sleep(self.opens_after_s)
            yield
        finally:
            self.claims.remove((channel, stream))

    def session(self):
        device = SimpleNamespace(
            snapshot_supported=None,
            options=SimpleNamespace(snapshots="auto"),
            context=SimpleNamespace(hooks=self),
        )
        return SimpleNamespace(
            client=self,
            device=device,
            taps=KeyframeTaps(),
            snapshot_turn=asyncio.Lock(),
            wire_stream=lambda stream: "Main",
        )


@pytest.mark.parametrize("opens_after_s", [0.0, 3.0, 60.0])
@pytest.mark.parametrize("silent_s", [0.1, 5.0])
async def test_no_keyframe_is_told_after_fifteen_seconds_silence_included(loop, silent_s, opens_after_s):
    camera = Camera(silent_s, opens_after_s=opens_after_s)
    session = camera.session()
    for _ in range(2):
        began = loop.time()
        with pytest.raises(DeadlineExceeded) as caught:
            await take(session, SnapshotTakeRequest(channel=1))
        assert caught.value.reason == "no-keyframe"
        assert loop.time() - began == pytest.approx(15.0)
    assert camera.asked == 1  # that it gives no pictures is remembered
    assert camera.forced == ([(1, "Main")] * 2 if opens_after_s < 10 else [])
    assert camera.claims == []
