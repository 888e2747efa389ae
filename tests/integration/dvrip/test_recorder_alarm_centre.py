"""Messages to the alarm centre, in every style."""

import asyncio

import pytest
from recorder_tour import PATIENT_S, das, take

from cambus.dvrip.alarm_centre import AlarmCentreListener, AlarmCentreSettings
from cambus.dvrip.errors import (
    ConnectionLost,
)
from cambus.dvrip.operations.config import merged


async def test_the_loss_of_the_main_connection_ends_its_streams_and_the_device_returns(
    recorder, opened, registrar
):
    dialled = await opened.open()
    await dialled.config.merge("NetWork.DAS", das(registrar.listener.port))
    device = await registrar.next()
    live = await device.open_live(0)
    await take(live, 3)
    recorder.registration.drop_main()
    with pytest.raises(ConnectionLost):
        await take(live, 100_000)
    await live.stop()
    again = await registrar.next()
    assert await again.system.info()


@pytest.mark.parametrize("style", ["oneshot", "persistent", "split", "joined"])
@pytest.mark.parametrize("shape", ["flat", "named"])
async def test_alarm_centre_messages_in_every_style(recorder, opened, style, shape):
    reports: asyncio.Queue = asyncio.Queue()
    listener = AlarmCentreListener(
        AlarmCentreSettings(host="127.0.0.1", port=0),
        lambda report, address: report.serial or None,
        lambda report, device, address: reports.put_nowait((report, device)),
    )
    await listener.start()
    recorder.quirks.centre_style = style
    recorder.quirks.centre_shape = shape
    client = await opened.open()
    server = {"Address": "0x0100007F", "Port": listener.port, "Name": ""}
    entry = {"Enable": True, "Alarm": True, "Log": False, "Protocol": "GENERAL", "Server": server}
    await client.config.edit("NetWork.AlarmServer", lambda value: [merged(value[0], entry), *value[1:]])
    for channel in (0, 1):
        recorder.raise_alarm("motion", channel=channel)
    async with asyncio.timeout(PATIENT_S):
        got = [await reports.get() for _ in range(2)]
    await listener.close()
    assert [(report.event, report.native, report.channel) for report, _ in got] == [
        ("motion", "MotionDetect", 0),
        ("motion", "MotionDetect", 1),
    ]
    assert {device for _, device in got} == {recorder.device.identity.serial}
