"""What can be seen of the connector from outside, and what can not."""

import re

import pytest

from cambus.schemas.commands import ptz
from cambus.schemas.errors import BadRequest


@pytest.fixture
async def busy(bench, simulator, device):
    """Metrics after a bit of everything."""
    simulator.quirks.service_blocks = True
    heard = await bench.heard(device)
    await bench.online(device, simulator)
    watched = await bench.view(device, 1)
    await watched.until(lambda frames: sum(frame.keyframe for frame in frames) >= 2)
    simulator.raise_alarm("motion", 0)
    await heard.until("alarm.raised")
    await bench.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1), device=device)
    with pytest.raises(BadRequest):
        await bench.client.call(ptz.PRESET_GOTO, ptz.PtzPresetRequest(channel=0, preset=999), device=device)
    simulator.drop()
    await heard.until("device.offline")
    await heard.until("device.online")
    bench.session(device).client.count_session()
    return bench.connectors["replica-1"].service.runtime.metrics.render().decode()


async def test_everything_worth_watching_is_counted(busy):
    for series in (
        r'cambus_connector_devices\{protocol="dvrip",state="online"\} 1\.0',
        r'cambus_connector_session_ends_total\{protocol="dvrip",reason="connection-lost"\} 1\.0',
        r'cambus_connector_attempts_total\{outcome="online",protocol="dvrip"\} 2\.0',
        r'cambus_dvrip_requests_total\{code="100",request="system_info"\} [2-9]',
        r'cambus_dvrip_requests_total\{code="100",request="ptz"\} [1-9]',
        r'cambus_dvrip_refusals_total\{reason="out_of_range"\} 1\.0',
        r'cambus_dvrip_control_bytes_total\{direction="received"\} [1-9]',
        r'cambus_dvrip_alarms_total\{outcome="published"\} 1\.0',
        r'cambus_media_frames_total\{codec="h265",kind="video",protocol="dvrip"\} [1-9]',
        r'cambus_media_bytes_total\{kind="audio",protocol="dvrip"\} [1-9]',
        r'cambus_commands_total\{code="400",command="ptz\.preset\.goto"\} 1\.0',
    ):
        assert re.search(series, busy), series
    for name in (
        "dvrip_timeouts_total",
        "dvrip_session_faults_total",
        "dvrip_media_faults_total",
        "dvrip_keepalive_seconds",
    ):
        assert f"# TYPE cambus_{name.removesuffix('_total')}" in busy


async def test_no_label_is_a_device_an_address_or_a_subject(busy, device, simulator):
    labels = set(re.findall(r'="([^"]*)"', busy))
    assert device not in labels
    for label in labels:
        assert str(simulator.port) != label
        assert "cambus.v1" not in label
        assert "127.0.0.1" not in label
