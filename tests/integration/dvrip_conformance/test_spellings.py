"""Words of the wire that look like typing errors are written as they are; read, they may be spelled right."""

import pytest

from cambus.dvrip.messages.alarm import AlarmReport
from cambus.dvrip.messages.ptz import Move
from cambus.dvrip.messages.registration import RegistrationLogin
from cambus.dvrip.messages.system import parse_storage

ALARMS = {
    "disk_low": "StorrageLowSpace",
    "ip_conflict": "NetIPConfict",
    "analytics": "VIdeoAnanyze",
}
CORRECTED = {
    "disk_low": "StorageLowSpace",
    "ip_conflict": "NetIPConflict",
    "analytics": "VideoAnalyze",
}


async def test_the_device_writes_them_as_the_wire_has_them(recorder, dial):
    client = await dial(recorder)
    assert {"UpdataTime", "UpdataType"} <= set(await client.system.query("SystemInfo"))
    (disk,) = await client.system.query("StorageInfo")
    assert "PlysicalNo" in disk
    assert "DirverType" in disk["Partition"][0]
    assert "Recievers" in await client.config.get("NetWork.NetEmail")
    assert client.login_reply.raw["DeviceType "] == "HVR"


async def test_the_client_writes_them_as_the_wire_has_them(recorder, dial):
    client = await dial(recorder)
    await client.ptz.start(0, Move.ZOOM_IN)
    assert recorder.head(0).history[-1].command == "ZoomTile"
    receivers = ["a@example.org", "none", "none"]
    await client.config.merge("NetWork.NetEmail", {"Recievers": receivers})
    assert recorder.device.config.get("NetWork.NetEmail.Recievers") == receivers


@pytest.mark.parametrize("event", ALARMS)
@pytest.mark.parametrize("misspelled", [True, False])
async def test_alarms_mean_the_same_in_either_spelling(recorder, dial, event, misspelled):
    recorder.quirks.alarm_misspelled = misspelled
    client = await dial(recorder)
    await client.alarms.guard()
    with client.events() as events:
        recorder.raise_alarm(event)
        report = (await anext(events)).report
    assert (report.event, report.native) == (event, (ALARMS if misspelled else CORRECTED)[event])


def test_the_client_reads_them_spelled_right():
    partition = {"Status": 0, "TotalSpace": 1, "RemainSpace": 1}
    wire = parse_storage([{"PlysicalNo": 3, "Partition": [{**partition, "DirverType": 1}]}])
    right = parse_storage([{"PhysicalNo": 3, "Partition": [{**partition, "DriverType": 1}]}])
    assert wire[0].number == right[0].number == 3
    assert wire[0].partitions[0].purpose == right[0].partitions[0].purpose == "read_only"
    assert RegistrationLogin.parse({"DevicID": 7}).device_id == "7"
    assert RegistrationLogin.parse({"DeviceID": 7}).device_id == "7"
    for spelling in (*ALARMS.values(), *CORRECTED.values()):
        assert AlarmReport.parse({"AlarmInfo": {"Event": spelling}}).event in ALARMS
