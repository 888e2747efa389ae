"""The elements of every body in the order the standard has them (GB/T 28181-2022 annex A.2, GB-060)."""

from dataclasses import fields

import pytest

from cambus.gb28181.manscdp import (
    alarms,
    config,
    control,
    notices,
    positions,
    presence,
    ptz_state,
    records,
    storage,
)
from cambus.gb28181.manscdp.catalog import CatalogEvent, CatalogItem, CatalogQuery
from cambus.gb28181.manscdp.layout import FLOAT, INT, TEXT

DEVICE = "34020000001320000001"
AREA = "Length Width MidPointX MidPointY LengthX LengthY"
SKELETONS = {
    presence.Keepalive: "Notify Keepalive Status Info(DeviceID)",
    alarms.AlarmNotice: "Notify Alarm AlarmPriority AlarmMethod AlarmTime AlarmDescription Longitude Latitude"
    " AlarmType Info(AlarmType AlarmTypeParam(EventType))",
    notices.MediaStatus: "Notify MediaStatus NotifyType",
    notices.Broadcast: "Notify Broadcast SourceID TargetID",
    positions.FlatPositionNotice: "Notify MobilePosition Time Longitude Latitude Speed Direction Altitude",
    positions.PositionNotice: "Notify MobilePosition Time SumNum DeviceList[Num](Item(DeviceID CaptureTime Longitude"
    " Latitude Speed Direction Altitude Height))",
    notices.SnapshotsFinished: "Notify UploadSnapShotFinished SessionID SnapShotList(SnapShotFileID)",
    notices.VideoUploadNotice: "Notify VideoUploadNotify Time Longitude Latitude",
    notices.UpgradeResult: "Notify DeviceUpgradeResult SessionID UpgradeResult Firmware UpgradeFailedReason",
    CatalogQuery: "Query Catalog StartTime EndTime",
    presence.DeviceInfoQuery: "Query DeviceInfo",
    presence.DeviceStatusQuery: "Query DeviceStatus",
    ptz_state.PresetQuery: "Query PresetQuery",
    records.RecordQuery: "Query RecordInfo StartTime EndTime FilePath Address Secrecy Type RecorderID IndistinctQuery"
    " StreamNumber AlarmMethod AlarmType",
    alarms.AlarmQuery: "Query Alarm StartAlarmPriority EndAlarmPriority AlarmMethod AlarmType StartAlarmTime"
    " EndAlarmTime",
    positions.PositionQuery: "Query MobilePosition Interval",
    config.ConfigQuery: "Query ConfigDownload ConfigType",
    ptz_state.HomePositionQuery: "Query HomePositionQuery",
    ptz_state.CruiseListQuery: "Query CruiseTrackListQuery",
    ptz_state.CruiseQuery: "Query CruiseTrackQuery Number",
    ptz_state.PtzPositionQuery: "Query PTZPosition",
    storage.CardQuery: "Query SDCardStatus",
    control.ControlResult: "Response DeviceControl Result",
    config.ConfigResult: "Response DeviceConfig Result",
    alarms.AlarmAnswer: "Response Alarm Result",
    notices.BroadcastAnswer: "Response Broadcast Result",
    presence.DeviceInfo: "Response DeviceInfo DeviceName Result DeviceType Manufacturer Model Firmware Channel"
    " MaxAlarm",
    presence.DeviceStatus: "Response DeviceStatus Result Online Status Reason Encode Record DeviceTime"
    " Alarmstatus[Num](Item(DeviceID DutyStatus))",
    records.RecordPart: "Response RecordInfo Name SumNum RecordList[Num](Item(DeviceID Name FilePath Address StartTime"
    " EndTime Secrecy Type RecorderID FileSize RecordLocation StreamNumber))",
    ptz_state.PresetList: "Response PresetQuery SumNum PresetList[Num](Item(PresetID PresetName))",
    ptz_state.HomePositionAnswer: "Response HomePositionQuery HomePosition(Enabled ResetTime PresetIndex)",
    ptz_state.CruiseList: "Response CruiseTrackListQuery SumNum CruiseTrackList[Num](CruiseTrack(Number Name))",
    ptz_state.CruiseAnswer: "Response CruiseTrackQuery Number Name SumNum CruisePointList[Num](CruisePoint(PresetIndex"
    " StayTime Speed))",
    ptz_state.PtzPosition: "Response PTZPosition Pan Tilt Zoom HorizontalFieldAngle VerticalFieldAngle MaxViewDistance",
    ptz_state.PtzPositionNotice: "Notify PTZPosition Pan Tilt Zoom HorizontalFieldAngle VerticalFieldAngle"
    " MaxViewDistance",
    storage.CardList: "Response SDCardStatus SumNum SDCardStatusInfo[Num](Item(ID HddName Status FormatProgress"
    " Capacity FreeSpace))",
    control.DeviceControl: "Control DeviceControl PTZCmd PTZCmdParams(PresetName CruiseTrackName) TeleBoot RecordCmd"
    f" StreamNumber GuardCmd AlarmCmd IFrameCmd IFameCmd DragZoomIn({AREA}) DragZoomOut({AREA}) HomePosition(Enabled"
    " ResetTime PresetIndex) PTZPreciseCtrl(Pan Tilt Zoom) DeviceUpgrade(Firmware FileURL Manufacturer SessionID)"
    f" FormatSDCard TargetTrack DeviceID2 TargetArea({AREA}) Info(ControlPriority AlarmMethod AlarmType)",
}


def full(type_):
    """A value with every field."""
    values = {}
    for each in fields(type_):
        if "leaf" in each.metadata:
            kind = each.metadata["leaf"][1]
            values[each.name] = "x" if kind is TEXT else 1 if kind in {INT, FLOAT} else True
        elif "part" in each.metadata:
            values[each.name] = full(each.metadata["part"][1])
        else:
            inner = each.metadata["list"][1]
            values[each.name] = ("x" if inner is None else full(inner),)
    return type_(**values)


def shape(element):
    inside = " ".join(shape(each) for each in element.children)
    counted = "[Num]" if element.attributes else ""
    return f"{element.name}{counted}({inside})" if inside else element.name


@pytest.mark.parametrize("type_", SKELETONS, ids=lambda each: each.__name__)
def test_elements_stand_in_the_order_of_the_standard(type_):
    made = " ".join([type_.ROOT.value, type_.COMMAND, *(shape(each) for each in full(type_).elements())])
    assert made == SKELETONS[type_]


def test_a_body_begins_with_what_it_is_about_and_whom():
    body = notices.MediaStatus("121").serialize(7, DEVICE)
    assert body == (
        b'<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>MediaStatus</CmdType>\r\n<SN>7</SN>\r\n'
        b"<DeviceID>34020000001320000001</DeviceID>\r\n<NotifyType>121</NotifyType>\r\n</Notify>\r\n"
    )


def test_a_broadcast_concerns_no_device():
    assert b"DeviceID" not in notices.Broadcast("1", "2").serialize(7, None)


ITEM = CatalogItem(
    "34020000001310000001",
    "gate",
    ("34020000001320000001", "34020000002160000001"),
    manufacturer="m",
    model="m",
    civil_code="340200",
    block="b",
    address="a",
    ip_address="192.0.2.9",
    business_group="34020000002150000001",
    port=5060,
    parental=False,
    register_way=1,
    secrecy=0,
    longitude=116.0,
    latitude=39.0,
    info={"PTZType": "1"},
    security_level="A",
)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (
            "34020000001310000001",
            (
                "DeviceID Name Manufacturer Model CivilCode Block Address Parental ParentID RegisterWay"
                " SecurityLevelCode Secrecy IPAddress Port Status Longitude Latitude BusinessGroupID Info(PTZType)"
            ),
        ),
        ("340200", "DeviceID Name"),
        ("34020000002150000001", "DeviceID Name CivilCode ParentID BusinessGroupID Info(PTZType)"),
        ("34020000002160000001", "DeviceID Name ParentID BusinessGroupID Info(PTZType)"),
    ],
)
def test_what_a_node_says_of_itself_depends_on_what_it_is(code, names):
    item = CatalogItem(
        **{each.name: getattr(ITEM, each.name) for each in fields(CatalogItem)} | {"code": code}
    )
    assert " ".join(shape(each) for each in item.element().children) == names


def test_news_of_a_node_say_what_happened_behind_its_code():
    names = [each.name for each in ITEM.element(CatalogEvent.ADD).children]
    assert names[:3] == ["DeviceID", "Event", "Name"]
