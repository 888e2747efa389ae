"""What can be seen of the connector from outside, and what can not."""

import asyncio
import re

import pytest

from cambus.dvrip.ids import MessageId
from cambus.schemas.commands import ptz
from cambus.schemas.errors import BadRequest, DeadlineExceeded, Offline


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


async def test_what_a_device_does_wrong_is_counted(bench, simulator, device, eventually):
    simulator.update_quirks({"service_blocks": True, "garbage_at": 12, "alive_interval": 1, "audio": False})
    await bench.online(device, simulator, options={"request_timeout_s": 0.5})
    connector = bench.connectors["replica-1"].service

    def counted(series):
        bench.session(device).client.count_session()
        return re.search(series + r" [1-9]", connector.runtime.metrics.render().decode())

    watched = await bench.view(device, 1)
    await watched.until(lambda frames: sum(frame.keyframe for frame in frames) >= 3)
    simulator.inject("unknown_id")
    impossible = {"AlarmInfo": {"Event": "VideoMotion", "StartTime": "2021-02-30 10:00:00"}}
    simulator._server.call(lambda: simulator.role.push_to_guarded(1504, impossible))
    for series in (
        r'cambus_media_frames_dropped_total\{kind="video",protocol="dvrip",reason="service-block"\}',
        r'cambus_dvrip_media_faults_total\{fault="resyncs"\}',
        r"cambus_dvrip_keepalive_seconds_count",
        r'cambus_dvrip_session_faults_total\{fault="(unknown_messages|unexpected_replies)"\}',
        r'cambus_dvrip_session_faults_total\{fault="impossible_time"\}',
    ):
        await eventually(lambda series=series: counted(series))
    simulator.quirks.silent_ids = {int(MessageId.PTZ)}
    with pytest.raises((DeadlineExceeded, Offline)):
        await bench.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1), device=device)
    text = connector.runtime.metrics.render().decode()
    assert re.search(r'cambus_dvrip_timeouts_total\{timeout="request"\} [1-9]', text)
    assert re.search(r'cambus_dvrip_requests_total\{code="error",request="ptz"\} [1-9]', text)


async def test_a_device_that_is_none_is_counted_by_reason(bench, device, eventually):
    async def garbage(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(garbage, "127.0.0.1", 0)
    try:
        connector = await bench.connector()
        await bench.add(device, f"127.0.0.1:{listener.sockets[0].getsockname()[1]}")
        series = 'cambus_connector_session_ends_total{protocol="dvrip",reason="protocol-error"} 1.0'
        await eventually(lambda: series in connector.service.runtime.metrics.render().decode())
    finally:
        listener.close()


async def test_no_label_is_a_device_an_address_or_a_subject(busy, device, simulator):
    labels = set(re.findall(r'="([^"]*)"', busy))
    assert device not in labels
    for label in labels:
        assert str(simulator.port) != label
        assert "cambus.v1" not in label
        assert "127.0.0.1" not in label
