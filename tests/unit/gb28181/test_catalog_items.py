"""What catalogs say of a node, and what news change of it (§6, §9, GB-100, GB-109, GB-110, GB-112)."""

import pytest

from cambus.gb28181.catalog_changes import apply
from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent, CatalogItem, changes
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.values import read_status
from cambus.gb28181.versions import Version
from cambus.gb28181.xml import parse

CAMERA, DEVICE = "34020000001310000001", "34020000001180000002"
ROOT = {
    "Name": "gate",
    "Manufacturer": "maker",
    "Model": "model",
    "CivilCode": "340200",
    "Block": "block",
    "Address": "address",
    "Parental": "1",
    "ParentID": f"{DEVICE}/34020000002160000001",
    "RegisterWay": "4",
    "SecurityLevelCode": "B",
    "Secrecy": "1",
    "IPAddress": "192.0.2.9",
    "Port": "37777",
    "Status": "OFF",
    "Longitude": "116.5",
    "Latitude": "39.5",
    "BusinessGroupID": "34020000002150000001",
}
INFO = {
    "PTZType": "6",
    "PhotoelectricImagingType": "1/2",
    "CapturePositionType": "0101001",
    "RoomType": "2",
    "SupplyLightType": "4",
    "DirectionType": "8",
    "Resolution": "5/6",
    "StreamNumberList": "0/1/2",
    "DownloadSpeed": "1/2/4",
    "SVCSpaceSupportMode": "3",
    "SVCTimeSupportMode": "2",
    "SSVCRatioSupportList": "4:3/2:1",
    "MobileDeviceType": "5",
    "HorizontalFieldAngle": "60.5",
    "VerticalFieldAngle": "34.0",
    "MaxViewDistance": "200.0",
    "GrassrootsCode": "000000",
    "PointType": "9",
    "PointCommonName": "corner",
    "MAC": "00-11-22-33-44-55",
    "FunctionType": "01/05",
    "EncodeType": "H.265",
    "InstallTime": "2024-05-01T00:00:00",
    "ManagementUnit": "unit",
    "ContactInfo": "nobody",
    "RecordSaveDays": "30",
    "IndustrialClassification": "0101",
}
OLD = {
    "Owner": "o",
    "SafetyWay": "3",
    "CertNum": "7",
    "Certifiable": "1",
    "ErrCode": "400",
    "EndTime": "2025-01-01T00:00:00",
    "PositionType": "10",
    "UseType": "2",
    "StreamNum": "2",
}


def item(root=None, info=None, code=CAMERA):
    def leaves(values):
        return "".join(f"<{name}>{text}</{name}>" for name, text in (values or {}).items())

    inside = f"<Info>{leaves(info)}</Info>" if info else ""
    return CatalogItem.parse(
        parse(f"<Item><DeviceID>{code}</DeviceID>{leaves(root)}{inside}</Item>".encode())
    )


def test_every_field_of_2022_is_read():
    read = item(ROOT, INFO)
    assert (read.code, read.name, read.manufacturer, read.model) == (CAMERA, "gate", "maker", "model")
    assert (read.civil_code, read.block, read.address) == ("340200", "block", "address")
    assert (read.parental, read.parents) == (True, (DEVICE, "34020000002160000001"))
    assert (read.register_way, read.security_level, read.secrecy) == (4, "B", 1)
    assert (read.ip_address, read.port, read.on, read.status) == ("192.0.2.9", 37777, False, "OFF")
    assert (read.longitude, read.latitude, read.business_group) == (116.5, 39.5, "34020000002150000001")
    assert (read.info, read.extras, read.unreadable) == (INFO, {}, ())
    assert read.detail("ptztype") == "6"


@pytest.mark.parametrize("inside", [True, False])
def test_every_field_only_2016_has_is_read_wherever_it_stands(inside):
    if inside:
        read = item(ROOT, OLD | {"businessgroupid": "34020000002150000009"})
        assert {name: read.info[name] for name in OLD} == OLD
    else:
        read = item(OLD)
        assert read.extras == {name.lower(): text for name, text in OLD.items()}
    assert item(None, {"businessGroupID": "34020000002150000009"}).business_group == "34020000002150000009"


def test_no_password_is_kept_from_anywhere():
    read = item(ROOT | {"Password": "s3cret", "LoginName": "x"}, INFO | {"password": "s3cret"})
    assert "s3cret" not in repr(read)
    assert b"s3cret" not in "".join(read.element().lines()).encode()


def test_an_old_platform_is_told_the_group_where_it_looks_for_it():
    element = item(ROOT, INFO).element(None, Version.GB2016)
    assert element.get("BusinessGroupID") is None
    assert element.get("SecurityLevelCode") is None
    assert element.find("Info").get("BusinessGroupID") == "34020000002150000001"
    assert item(ROOT, INFO).element().get("BusinessGroupID") == "34020000002150000001"


@pytest.mark.parametrize("code", ["", " ", "1" * 65])
def test_what_cannot_be_named_is_no_node(code):
    assert item({"Name": "x"}, code=code) is None


@pytest.mark.parametrize(
    ("text", "on"),
    [
        *((text, True) for text in ("ON", "on", " ON ", "ONLINE", "OK", "1", "true", "True", "")),
        *((text, False) for text in ("OFF", "OFFLINE", "0", "false", "VLOST", "DEFECT", "whatever")),
    ],
)
def test_a_status_in_any_words_is_on_or_off_and_kept_as_written(text, on):
    assert item({"Status": text}).on is on
    assert item({"Status": text}).status == text.strip()
    assert read_status(None) is True
    assert item().status is None


def change(event, **fields):
    return CatalogChange(event, CatalogItem(CAMERA, **fields))


GATE = CatalogItem(CAMERA, "gate", (DEVICE,), manufacturer="maker", info={"PTZType": "1"})


@pytest.mark.parametrize(
    ("event", "on"),
    [
        (CatalogEvent.ON, True),
        (CatalogEvent.OFF, False),
        (CatalogEvent.VLOST, False),
        (CatalogEvent.DEFECT, False),
    ],
)
def test_a_status_changes_nothing_but_the_status(event, on):
    items = {CAMERA: GATE}
    assert apply(items, [change(event)]) == {CAMERA}
    now = items[CAMERA]
    assert (now.on, now.status, now.name, now.manufacturer, now.parents) == (
        on,
        event.value,
        "gate",
        "maker",
        (DEVICE,),
    )


@pytest.mark.parametrize("event", [CatalogEvent.ADD, CatalogEvent.UPDATE, None])
def test_news_of_fields_keep_what_they_leave_out(event):
    items = {CAMERA: GATE}
    apply(items, [change(event, name="door", longitude=1.0, latitude=2.0)])
    now = items[CAMERA]
    assert (now.name, now.manufacturer, now.info, now.longitude) == ("door", "maker", {"PTZType": "1"}, 1.0)
    apply(items, [change(CatalogEvent.OFF), change(event, name="door")])
    assert items[CAMERA].on is False  # which says nothing of the status


@pytest.mark.parametrize("event", [*CatalogEvent, None])
@pytest.mark.parametrize("known", [{}, {CAMERA: GATE}])
def test_what_is_told_twice_changes_nothing_the_second_time(event, known):
    items, told = dict(known), [change(event, name="door")]
    apply(items, told)
    once = dict(items)
    assert apply(items, told) == set()
    assert items == once


@pytest.mark.parametrize("event", [each for each in [*CatalogEvent, None] if each is not CatalogEvent.DEL])
def test_a_node_nobody_knew_is_taken_up_before_the_first_catalog(event):
    items = {}
    assert apply(items, [change(event, name="gate")]) == {CAMERA}
    assert items[CAMERA].name == "gate"


def test_a_node_that_is_deleted_is_gone_known_or_not():
    items = {CAMERA: GATE}
    assert apply(items, [change(CatalogEvent.DEL)]) == {CAMERA}
    assert apply(items, [change(CatalogEvent.DEL)]) == set()
    assert items == {}


def test_a_status_that_is_not_believed_changes_nothing_and_the_rest_does():
    items = {CAMERA: GATE}
    assert apply(items, [change(CatalogEvent.OFF)], ignore_status=True) == set()
    apply(items, [change(CatalogEvent.UPDATE, name="door", on=False, status="OFF")], ignore_status=True)
    assert (items[CAMERA].name, items[CAMERA].on, items[CAMERA].status) == ("door", True, None)


def test_an_event_in_any_case_is_read_and_one_nobody_knows_is_news():
    body = (
        b"<Notify><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>1</DeviceID><DeviceList>"
        b"<Item><DeviceID>1</DeviceID><Event>vlost</Event></Item>"
        b"<Item><DeviceID>2</DeviceID><event> Off </event></Item>"
        b"<Item><DeviceID>3</DeviceID><Event>MOVED</Event></Item>"
        b"<Item><DeviceID>4</DeviceID></Item><Item><Event>ON</Event></Item></DeviceList></Notify>"
    )
    told = changes(Envelope.parse(body))
    assert [(each.item.code, each.event) for each in told] == [
        ("1", CatalogEvent.VLOST),
        ("2", CatalogEvent.OFF),
        ("3", None),
        ("4", None),
    ]
