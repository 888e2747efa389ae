"""What publishers log in with is in no log, no metric and nothing that is said or kept on the bus, right or wrong."""

import base64

import pytest
from overhearing import everything_logged, everything_said
from rtsp_rig import SMALL, USER

from cambus.simulators.rtsp import publisher
from cambus.simulators.rtsp.publisher import PublishingCamera

RIGHT, WRONG = "Kanarien4ogel-of-the-stage", "Zaunkoenig-9x2W-is-wrong"


def forms(secret):
    """A secret, and what protocols make of it."""
    return {secret, base64.b64encode(f"{USER}:{secret}".encode()).decode(), secret.encode("utf-16-le").hex()}


@pytest.mark.parametrize("by", ["rtsp", "rtmp"])
async def test_no_login_of_a_publisher_is_logged_counted_told_or_kept(bench, by, monkeypatch):
    monkeypatch.setattr(publisher, "RETRY_S", 0.05)
    with everything_logged() as logged:
        async with everything_said(bench.bus) as said:
            publishing = await bench.publisher("stage", password=RIGHT)
            url = f"{by}://127.0.0.1:{publishing.port(by)}/live/stage"
            heard = await bench.heard("stage")
            async with PublishingCamera(url, user=USER, password=WRONG, media=SMALL):
                await heard.until("device.auth-failed")
            async with PublishingCamera(url, user=USER, password=RIGHT, media=SMALL):
                await bench.shown("stage")
            await bench.shown("stage", lambda presence: not presence.online)
            connector = next(iter(bench.connectors.values())).service
            told = [f"{subject} {data!r} {headers}" for subject, data, headers in said]
            metrics = connector.runtime.metrics.render().decode()
    assert any(".device.auth-failed" in text for text in told)
    assert any(text.startswith("$KV.") for text in told)
    assert logged
    for secret in forms(RIGHT) | forms(WRONG):
        assert not [text[:300] for text in (*logged, *told, metrics) if secret in text]
