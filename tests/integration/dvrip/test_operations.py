"""What a device can be asked, against scripted answers."""

import pytest

from cambus.dvrip.errors import DeviceError, MalformedPayload, Refused, RequestTimeout, Unsupported
from cambus.dvrip.events import AlarmRaised, DevicePush
from cambus.dvrip.messages.alarm import AlarmStatus
from cambus.dvrip.messages.ptz import Move, PatternStep, PtzPoint
from cambus.dvrip.messages.search import FileQuery
from cambus.dvrip.messages.users import Group, User
from cambus.dvrip.operations.machine import PartitionType
from cambus.dvrip.profile import Profile
from cambus.dvrip.values import format_time, parse_time

BEGIN, END = parse_time("2026-02-16 00:00:00"), parse_time("2026-02-16 23:59:59")

# configuration


class Settings:
    """Answers configuration requests from a tree; `denied` leaves answer 607, `silent` names nothing."""

    def __init__(self, scripted, tree) -> None:
        self.tree = tree
        self.denied = set()
        self.silent = set()
        self.held = []
        self.set_code = 100
        self.written = []
        scripted.on[1042] = scripted.on[1044] = self.get
        scripted.on[1040] = self.set

    def get(self, message):
        name = message.body["Name"]
        if name in self.silent:
            self.held.append(message)
            return
        if name in self.denied or name not in self.tree:
            message.reply({"Ret": 607, name: None})
            return
        message.reply({name: self.tree[name]})

    def set(self, message):
        name = message.body["Name"]
        self.written.append((name, message.body[name]))
        message.reply({"Ret": self.set_code})


MOTION = [
    {"Enable": False, "Level": 3, "EventHandler": {"BeepEnable": False, "Vendor9": "0x00FF"}},
    {"Enable": True},
]


@pytest.fixture
def settings(scripted):
    return Settings(
        scripted,
        {
            "NetWork": {"NetCommon": {"HostName": "cam", "HttpPort": 80}},
            "NetWork.NetCommon": {"HostName": "cam", "HttpPort": 80},
            "NetWork.NetCommon.HostName": "cam",
            "Detect": {"MotionDetect": MOTION},
            "Detect.MotionDetect": MOTION,
            "Detect.MotionDetect.[0]": MOTION[0],
            "Detect.MotionDetect.[1]": MOTION[1],
        },
    )


@pytest.mark.parametrize(
    "name", ["NetWork", "NetWork.NetCommon", "NetWork.NetCommon.HostName", "Detect.MotionDetect.[0]"]
)
async def test_configuration_is_read_by_root_leaf_field_and_element(settings, client, name):
    assert await client.config.get(name) == settings.tree[name]
    assert await client.config.default(name) == settings.tree[name]


async def test_a_reply_under_the_last_part_of_the_name_is_read(scripted, client):
    scripted.on[1042] = lambda message: message.reply({"Comm": [1]})
    assert await client.config.get("Uart.Comm") == [1]


async def test_a_denied_leaf_is_taken_from_its_root(scripted, settings, client):
    settings.denied = {"Detect.MotionDetect", "Detect.MotionDetect.[1]"}
    assert await client.config.get("Detect.MotionDetect") == MOTION
    assert await client.config.get("Detect.MotionDetect.[1]") == MOTION[1]
    names = [message.body["Name"] for message in scripted.messages(1042)]
    assert names == ["Detect.MotionDetect", "Detect", "Detect.MotionDetect.[1]", "Detect"]


async def test_a_silent_root_is_read_element_by_element_and_the_session_lives(
    scripted, settings, make_client
):
    settings.denied = {"Detect.MotionDetect"}
    settings.silent = {"Detect"}
    client = make_client(config_root=0.1)
    await client.connect()
    assert await client.config.get("Detect.MotionDetect") == MOTION
    assert client.is_online
    # The late answer of the root is not taken for another name's.
    settings.tree["Detect.Late"] = 1
    get = scripted.on[1042]

    def late(message):
        settings.held[0].reply({"Detect": "late"})
        get(message)

    scripted.on[1042] = late
    assert await client.config.get("Detect.Late") == 1


async def test_what_is_nowhere_is_unsupported(settings, client):
    with pytest.raises(Unsupported):
        await client.config.get("NetWork.Nothing")
    with pytest.raises(Unsupported):
        await client.config.get("Nothing")


async def test_a_merge_changes_only_what_it_names(settings, client):
    written = await client.config.merge("Detect.MotionDetect.[0]", {"EventHandler": {"BeepEnable": True}})
    assert settings.written == [
        (
            "Detect.MotionDetect.[0]",
            {"Enable": False, "Level": 3, "EventHandler": {"BeepEnable": True, "Vendor9": "0x00FF"}},
        )
    ]
    assert (written.code, written.restart_needed) == (100, False)


async def test_encode_settings_change_only_the_given_fields(settings, client):
    video = {"Compression": "H.265", "BitRate": 4096, "FPS": 25, "Strange": {"x": 1}}
    settings.tree["Simplify.Encode.[2]"] = {
        "MainFormat": {"AudioEnable": True, "Video": video},
        "ExtraFormat": {"y": 2},
    }
    await client.config.merge("Simplify.Encode.[2]", {"MainFormat": {"Video": {"BitRate": 2048}}})
    ((_, value),) = settings.written
    assert value == {
        "MainFormat": {"AudioEnable": True, "Video": {**video, "BitRate": 2048}},
        "ExtraFormat": {"y": 2},
    }


@pytest.mark.parametrize(("code", "restart"), [(100, False), (150, True), (602, True), (603, True)])
async def test_success_codes_of_a_write_tell_whether_a_restart_is_needed(settings, client, code, restart):
    settings.set_code = code
    written = await client.config.set("NetWork.NetCommon.HostName", "door")
    assert (written.code, written.restart_needed) == (code, restart)


async def test_a_refused_write_is_an_error(settings, client):
    settings.set_code = 604
    with pytest.raises(DeviceError) as caught:
        await client.config.set("NetWork.NetCommon.HostName", "door")
    assert caught.value.code == 604


async def test_reset_needs_a_confirmation(scripted, settings, client):
    with pytest.raises(Refused) as caught:
        await client.config.reset("NetWork.NetCommon")
    assert caught.value.reason == "confirm_required"
    assert scripted.messages(1044) == []
    await client.config.reset("NetWork.NetCommon", confirm=True)
    assert settings.written == [("NetWork.NetCommon", settings.tree["NetWork.NetCommon"])]


async def test_channel_titles_are_written_whole(scripted, client):
    titles = ["CAM01", "前门", "", "x"]
    scripted.on[1048] = lambda message: message.reply({"ChannelTitle": titles})
    assert await client.config.channel_titles() == titles
    await client.config.set_channel_titles([*titles[:3], "new"])
    assert (await scripted.hears(1046)).body["ChannelTitle"] == ["CAM01", "前门", "", "new"]


async def test_replies_in_150_byte_parts_are_read(scripted, settings, client):
    from cambus.dvrip.payload import encode_body
    from cambus.dvrip.wire import fragment

    value = {"HostName": "n" * 2000}

    def parts(message):
        body = encode_body({"Name": message.body["Name"], "NetWork.NetCommon": value, "Ret": 100})
        for part in fragment(1043, body, session_id=0x57, sequence=9, version=1, size=150):
            message.peer.send_raw(part)

    scripted.on[1042] = parts
    assert await client.config.get("NetWork.NetCommon") == value


# PTZ


async def test_a_movement_starts_with_65535_and_stops_with_minus_one(scripted, client):
    await client.ptz.start(1, Move.LEFT_UP, 3)
    await client.ptz.stop(1, Move.LEFT_UP, 3)
    start, stop = (message.body["OPPTZControl"] for message in scripted.messages(1400))
    assert start == {
        "Command": "DirectionLeftUp",
        "Parameter": {
            "AUX": {"Number": 0, "Status": "On"},
            "Channel": 1,
            "MenuOpts": "Enter",
            "POINT": {"bottom": 0, "left": 0, "right": 0, "top": 0},
            "Pattern": "SetBegin",
            "Preset": 65535,
            "Step": 3,
            "Tour": 0,
        },
    }
    assert stop["Command"] == "DirectionLeftUp"
    assert stop["Parameter"]["Preset"] == -1
    assert scripted.messages(1400)[0].body["Name"] == "OPPTZControl"


MOVEMENTS = {
    Move.UP: "DirectionUp",
    Move.DOWN: "DirectionDown",
    Move.LEFT: "DirectionLeft",
    Move.RIGHT: "DirectionRight",
    Move.LEFT_UP: "DirectionLeftUp",
    Move.LEFT_DOWN: "DirectionLeftDown",
    Move.RIGHT_UP: "DirectionRightUp",
    Move.RIGHT_DOWN: "DirectionRightDown",
    Move.ZOOM_IN: "ZoomTile",
    Move.ZOOM_OUT: "ZoomWide",
    Move.FOCUS_NEAR: "FocusNear",
    Move.FOCUS_FAR: "FocusFar",
    Move.IRIS_CLOSE: "IrisSmall",
    Move.IRIS_OPEN: "IrisLarge",
}


@pytest.mark.parametrize("move", list(Move))
async def test_every_movement_starts_and_stops_by_its_wire_name(scripted, client, move):
    await client.ptz.start(0, move)
    await client.ptz.stop(0, move)
    bodies = [message.body["OPPTZControl"] for message in scripted.messages(1400)]
    assert [(body["Command"], body["Parameter"]["Preset"]) for body in bodies] == [
        (MOVEMENTS[move], 65535),
        (MOVEMENTS[move], -1),
    ]


async def test_presets_and_tours_have_all_their_verbs(scripted, client):
    ptz = client.ptz
    await ptz.set_preset(0, 1)
    await ptz.goto_preset(0, 255)
    await ptz.clear_preset(0, 7)
    await ptz.add_tour_point(0, 2, 7, dwell_s=9)
    await ptz.delete_tour_point(0, 2, 7)
    await ptz.clear_tour(0, 2)
    await ptz.start_tour(0, 2)
    await ptz.stop_tour(0, 2)
    sent = [
        (body["Command"], body["Parameter"]["Preset"], body["Parameter"]["Tour"], body["Parameter"]["Step"])
        for body in (message.body["OPPTZControl"] for message in scripted.messages(1400))
    ]
    assert sent == [
        ("SetPreset", 1, 0, 5),
        ("GotoPreset", 255, 0, 5),
        ("ClearPreset", 7, 0, 5),
        ("AddTour", 7, 2, 9),
        ("DeleteTour", 7, 2, 5),
        ("ClearTour", 0, 2, 5),
        ("StartTour", 0, 2, 5),
        ("StopTour", 0, 2, 5),
    ]


async def test_patterns_limits_aux_menu_and_areas_are_encoded(scripted, client):
    ptz = client.ptz
    await ptz.pattern(0, PatternStep.END_RECORDING)
    await ptz.auto_pan(0, on=True)
    await ptz.set_limit(0, left=False)
    await ptz.aux(0, 3, on=False)
    await ptz.menu(0, "Up")
    await ptz.reset(0)
    await ptz.zoom_area(0, PtzPoint(1, 2, 3, 4))
    bodies = [message.body["OPPTZControl"] for message in scripted.messages(1400)]
    assert [body["Command"] for body in bodies[:6]] == [
        "SetPattern",
        "AutoPanOn",
        "SetRightLimit",
        "AUX",
        "Menu",
        "Reset",
    ]
    parameters = [body["Parameter"] for body in bodies]
    assert parameters[0]["Pattern"] == "SetEnd"
    assert parameters[3]["AUX"] == {"Number": 3, "Status": "Off"}
    assert parameters[4]["MenuOpts"] == "Up"
    assert parameters[6]["POINT"] == {"bottom": 4, "left": 1, "right": 3, "top": 2}


async def test_values_out_of_range_are_refused_before_anything_is_sent(scripted, client):
    for call in (
        client.ptz.set_preset(0, 0),
        client.ptz.goto_preset(0, 256),
        client.ptz.start(0, Move.UP, 9),
        client.ptz.start(0, Move.UP, 0),
    ):
        with pytest.raises(Refused) as caught:
            await call
        assert caught.value.reason == "out_of_range"
    assert scripted.messages(1400) == []


async def test_a_mirrored_mount_gets_mirrored_commands(scripted, make_client):
    client = make_client(Profile(ptz_flip_horizontal=True, ptz_flip_vertical=True))
    await client.connect()
    for move in (Move.UP, Move.LEFT, Move.LEFT_UP, Move.ZOOM_IN):
        await client.ptz.start(0, move)
    commands = [message.body["OPPTZControl"]["Command"] for message in scripted.messages(1400)]
    assert commands == ["DirectionDown", "DirectionRight", "DirectionRightDown", "ZoomTile"]


# searches


class Recordings:
    """A device with ``count`` recordings of ``step_s`` seconds; pages of 64, codes as told."""

    def __init__(
        self, scripted, count, *, step_s=60, per_begin=1, code=100, ceiling=None, key="OPFileQuery"
    ) -> None:
        from datetime import timedelta

        self.records = []
        for index in range(count):
            begin = BEGIN + timedelta(seconds=index // per_begin * step_s)
            end = begin + timedelta(seconds=step_s)
            self.records.append(
                {
                    "BeginTime": format_time(begin),
                    "EndTime": format_time(end),
                    "DiskNo": 0,
                    "SerialNo": index,
                    "FileLength": "0x0000B000",
                    "FileName": f"/idea0/2026-02-16/001/{begin:%H.%M.%S}-{end:%H.%M.%S}[M][@{index:x}][0].h264",
                }
            )
        self.code = code
        self.ceiling = ceiling
        self.key = key
        self.in_chain = 0
        scripted.on[1440] = self.search

    def search(self, message):
        begin = message.body["OPFileQuery"]["BeginTime"]
        page = [record for record in self.records if record["BeginTime"] >= begin][:64]
        if self.ceiling is not None:
            page = page[: self.ceiling - self.in_chain]
            self.in_chain = 0 if len(page) < 64 else self.in_chain + len(page)
        if page:
            message.reply({self.key: page, "Ret": self.code})
        else:
            message.reply({"Name": "", "Ret": 119})


def query(**changes):
    return FileQuery(0, BEGIN, END, **changes)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 128, 200])
@pytest.mark.parametrize("key", ["OPFileQuery", "FileList"])
async def test_pages_of_64_give_every_recording_once(scripted, client, count, key):
    device = Recordings(scripted, count, key=key)
    found = await client.files.find(query())
    assert [record.name for record in found] == [record["FileName"] for record in device.records]


async def test_a_record_that_is_twice_on_a_page_is_found_once(scripted, client):
    device = Recordings(scripted, 40)
    device.records = [record for record in device.records for _ in range(2)]
    found = [record.name for record in await client.files.find(query())]
    assert found == [record["FileName"] for record in device.records[::2]]


@pytest.mark.parametrize("per_begin", [2, 7, 64])
async def test_equal_begin_times_lose_and_double_nothing(scripted, client, per_begin):
    device = Recordings(scripted, 300, per_begin=per_begin)
    found = [record.name for record in await client.files.find(query())]
    assert len(found) == len(set(found))
    # 64 with one begin fill a page: the device can show no more of that second, but the search goes on behind
    # it.
    assert found == [record["FileName"] for record in device.records]


async def test_more_records_in_one_second_than_a_page_holds_do_not_end_the_search(scripted, client):
    device = Recordings(scripted, 300, per_begin=100)
    found = {record.name for record in await client.files.find(query())}
    assert len(found) == 3 * 64
    assert device.records[200]["FileName"] in found


@pytest.mark.parametrize(
    ("code", "count", "pages"),
    [(110, 30, 1), (111, 30, 2), (100, 30, 1), (110, 64, 1), (111, 64, 2), (100, 64, 2)],
)
async def test_found_all_and_found_part_end_or_continue_the_search(scripted, client, code, count, pages):
    Recordings(scripted, count, code=code)
    assert len(await client.files.find(query())) == count
    assert len(scripted.messages(1440)) == pages


@pytest.mark.parametrize("code", [109, 119])
async def test_nothing_more_found_ends_a_search_that_found_something(scripted, client, code):
    device = Recordings(scripted, 64)

    def once(message):
        if len(scripted.messages(1440)) == 1:
            message.reply({"OPFileQuery": device.records, "Ret": 100})
        else:
            message.reply({"Name": "", "Ret": code})

    scripted.on[1440] = once
    assert len(await client.files.find(query())) == 64
    assert len(scripted.messages(1440)) == 2


@pytest.mark.parametrize("code", [109, 119])
async def test_nothing_found_is_an_empty_list(scripted, client, code):
    scripted.on[1440] = lambda message: message.reply({"Name": "", "Ret": code})
    assert await client.files.find(query()) == []


async def test_the_ceiling_of_511_is_crossed(scripted, client):
    device = Recordings(scripted, 1200, step_s=30, ceiling=511)
    found = [record.name for record in await client.files.find(query())]
    assert found == [record["FileName"] for record in device.records]


async def test_a_page_that_repeats_for_ever_ends_the_search(scripted, client):
    device = Recordings(scripted, 64)
    scripted.on[1440] = lambda message: message.reply({"OPFileQuery": device.records, "Ret": 100})
    assert len(await client.files.find(query())) == 64
    assert len(scripted.messages(1440)) <= 3


async def test_a_limit_ends_the_search(scripted, client):
    Recordings(scripted, 300)
    assert len(await client.files.find(query(), limit=70)) == 70


async def test_an_end_before_the_begin_finds_nothing(scripted, client):
    assert await client.files.find(FileQuery(0, END, BEGIN)) == []
    assert scripted.messages(1440) == []


async def test_records_tell_channel_size_and_event(scripted, client):
    Recordings(scripted, 1)
    (record,) = await client.files.find(query())
    assert (record.length_kib, record.event, record.begin) == (0xB000, "motion", BEGIN)


async def test_the_query_is_what_devices_expect(scripted, client):
    Recordings(scripted, 0)
    await client.files.find(query(event="AM", kind="jpg", stream=1))
    assert (await scripted.hears(1440)).body["OPFileQuery"] == {
        "BeginTime": "2026-02-16 00:00:00",
        "EndTime": "2026-02-16 23:59:59",
        "Channel": 0,
        "DriverTypeMask": "0x0000FFFF",
        "Event": "AM",
        "StreamType": "0x00000001",
        "Type": "jpg",
    }


def bitmap():
    data = bytearray(720)
    data[0] = 0x31  # minute 0 regular, minute 1 motion
    data[719] = 0x50  # minute 1439 manual
    return bytes(data)


@pytest.mark.parametrize("form", ["json", "binary"])
async def test_recordings_by_minute_come_as_json_or_binary(scripted, client, form):
    import base64
    import struct

    def answer(message):
        if form == "binary":
            message.reply(struct.pack("<ii", 1, 0) + bitmap())
        else:
            info = [{"iChannel": 0, "cRecordBitMap": base64.b64encode(bitmap()).decode()}]
            message.reply({"OPFileQuery": [{"ByTimeInfo": info}]})

    scripted.on[1444] = answer
    minutes = await client.files.by_time(query())
    assert len(minutes) == 1440
    assert (minutes[0], minutes[1], minutes[2], minutes[1439]) == (1, 3, 0, 5)


@pytest.mark.parametrize("answer", [b"", b"\x01\x00", b'{"Ret":102}'])
async def test_without_a_search_by_minute_the_files_tell(scripted, client, answer):
    Recordings(scripted, 3)
    scripted.on[1444] = lambda message: message.reply(answer)
    minutes = await client.files.by_time(query())
    assert minutes[:5] == [3, 3, 3, 0, 0]


@pytest.mark.parametrize(("mask", "days"), [(0b101, [[1, 3]]), ([0] * 11 + [1 << 30], [[]] * 11 + [[31]])])
async def test_the_calendar_of_a_month_or_a_year(scripted, client, mask, days):
    scripted.on[1446] = lambda message: message.reply({"OPSCalendar": {"Mask": mask}})
    assert await client.files.calendar(2026, 0) == days


@pytest.mark.parametrize("key", ["OPLogQuery", "LogList"])
async def test_the_log_is_read_page_by_page_until_null(scripted, client, key):
    lines = [
        {
            "Data": "admin,DVRIP-Web:10.0.0.2" + "x" * 300,
            "Position": i,
            "Time": "2026-02-16 01:00:00",
            "Type": "LogIn",
            "User": "System",
        }
        for i in range(150)
    ]

    def answer(message):
        position = message.body["OPLogQuery"]["LogPosition"]
        message.reply({key: lines[position : position + 64] or None})

    scripted.on[1442] = answer
    entries = await client.files.log(BEGIN, END)
    assert [entry.position for entry in entries] == list(range(150))
    assert entries[0].type == "LogIn"


async def test_a_log_that_goes_in_circles_ends(scripted, client):
    scripted.on[1442] = lambda message: message.reply({"OPLogQuery": [{"Position": 0, "Type": "x"}]})
    assert len(await client.files.log(BEGIN, END)) == 1


# machine


async def test_the_clock_is_read_and_set(scripted, client):
    scripted.on[1452] = lambda message: message.reply({"OPTimeQuery": "2026-02-01 12:17:22"})
    assert await client.machine.time() == parse_time("2026-02-01 12:17:22")
    await client.machine.set_time(parse_time("2026-02-01 12:00:00"))
    assert (await scripted.hears(1450)).body["OPTimeSetting"] == "2026-02-01 12:00:00"
    scripted.on[1452] = lambda message: message.reply({"OPTimeQuery": "2026-02-31 12:17:22"})
    with pytest.raises(MalformedPayload):
        await client.machine.time()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_reboot_may_cut_the_connection(scripted, client, moment, deadline):
    def reboot(message):
        assert message.body["OPMachine"] == {"Action": "Reboot"}
        if moment == "after":
            message.reply()
            message.peer.close()
        else:
            message.peer.abort()

    scripted.on[1450] = reboot
    async with deadline():
        await client.machine.reboot()
        await client.wait_closed()


async def test_a_refused_reboot_is_an_error(scripted, client):
    scripted.on[1450] = lambda message: message.reply({"Ret": 107})
    with pytest.raises(DeviceError) as caught:
        await client.machine.reboot()
    assert caught.value.code == 107


async def test_destructive_operations_send_nothing_unless_confirmed(scripted, client):
    user, group = User("u", "g"), Group("g")
    calls = [
        client.machine.shutdown(),
        client.machine.clear_log(),
        client.machine.restore_defaults({"Encode"}),
        client.machine.clear_partition(0, 0),
        client.machine.partition(0, 1000, 10),
        client.transfers.import_config(b"PK\x03\x04"),
        client.upgrades.run(b"firmware"),
        client.users.add_user(user, "x"),
        client.users.modify_user("u", user),
        client.users.delete_user("u"),
        client.users.add_group(group),
        client.users.modify_group("g", group),
        client.users.delete_group("g"),
        client.users.change_password("u", "a", "b"),
    ]
    for call in calls:
        with pytest.raises(Refused) as caught:
            await call
        assert caught.value.reason == "confirm_required"
    assert scripted.ids() == [1000]


async def test_defaults_send_every_key_and_522_is_success(scripted, client):
    scripted.on[1450] = lambda message: message.reply({"Ret": 522})
    written = await client.machine.restore_defaults({"Encode"}, confirm=True)
    assert written.restart_needed
    sent = (await scripted.hears(1450)).body["OPDefaultConfig"]
    assert len(sent) == 9
    assert [key for key, value in sent.items() if value] == ["Encode"]


async def test_disk_operations_are_encoded(scripted, client):
    await client.machine.set_partition_type(0, 1, PartitionType.READ_ONLY)
    await client.machine.clear_partition(0, 1, confirm=True)
    await client.machine.partition(0, 1000, 50, confirm=True)
    await client.machine.recover_partition(0, 2)
    bodies = [message.body["OPStorageManager"] for message in scripted.messages(1460)]
    assert bodies == [
        {"Action": "SetType", "SerialNo": 0, "PartNo": 1, "Type": "ReadOnly"},
        {"Action": "Clear", "SerialNo": 0, "PartNo": 1, "Type": "Data"},
        {"Action": "Partition", "SerialNo": 0, "PartitionSize": [{"Record": 1000}, {"SnapShot": 50}]},
        {"Action": "Recover", "SerialNo": 0, "PartNo": 2},
    ]


# users


async def test_users_are_read_and_written_with_what_is_not_named(scripted, client):
    raw = {
        "AuthorityList": ["Monitor_01"],
        "Group": "user",
        "Memo": "m",
        "Name": "u",
        "Password": "6QNMIQGe",
        "Reserved": False,
        "Sharable": True,
        "NoMD5": "x",
    }
    scripted.on[1472] = lambda message: message.reply({"Users": [raw]})
    (user,) = await client.users.users()
    assert (user.name, user.authorities) == ("u", ("Monitor_01",))
    assert "6QNMIQGe" not in repr(user)
    await client.users.modify_user("u", user, confirm=True)
    sent = (await scripted.hears(1484)).body
    assert sent["UserName"] == "u"
    assert sent["User"] == {**raw, "Password": ""}  # empty keeps the one it has
    await client.users.change_password("u", "admin", "default", confirm=True)
    changed = (await scripted.hears(1488)).body
    assert (changed["PassWord"], changed["NewPassWord"]) == ("6QNMIQGe", "dvaOha50")


async def test_groups_and_authorities(scripted, client):
    scripted.on[1470] = lambda message: message.reply({"AuthorityList": ["ShutDown", "Talk_01"]})
    scripted.on[1474] = lambda message: message.reply(
        {"Groups": [{"AuthorityList": ["ShutDown"], "Memo": "", "Name": "admin"}]}
    )
    assert await client.users.authorities() == ["ShutDown", "Talk_01"]
    assert (await client.users.groups())[0].name == "admin"
    await client.users.delete_group("old", confirm=True)
    assert (await scripted.hears(1480)).body["Name"] == "old"


# snapshot

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4 + b"\xff\xd9"


def one_packet(message):
    message.reply(JPEG)


def one_packet_with_end_flag(message):
    message.reply(JPEG, end=True)


def several_packets(message):
    for start in range(0, len(JPEG), 100):
        message.reply(JPEG[start : start + 100], end=start + 100 >= len(JPEG))


def until_zero_length(message):
    message.reply(JPEG[:500])
    message.reply(JPEG[500:-1])
    message.reply(JPEG[-1:])
    message.reply(b"")


def picture_frame(message):
    from cambus.dvrip.frames import PictureFrame

    data = PictureFrame(JPEG, 704, 576).serialize()
    message.reply(data[:10])
    message.reply(data[10:])


@pytest.mark.parametrize(
    "form", [one_packet, one_packet_with_end_flag, several_packets, until_zero_length, picture_frame]
)
async def test_a_snapshot_comes_in_any_form_on_a_connection_of_its_own(scripted, client, form):
    scripted.on[1560] = form
    assert await client.snapshot(2) == JPEG
    request = await scripted.hears(1560)
    assert request.body["OPSNAP"] == {"Channel": 2}
    assert request.peer is not scripted.peers[0]
    assert client.snapshot_supported is True
    assert client.budget.used == 1


@pytest.mark.parametrize(
    "answer", [lambda m: m.reply(b'{"Name":"","Ret":102}'), lambda m: m.reply(b'{"Ret":103}'), lambda m: None]
)
async def test_a_device_without_snapshots_is_remembered(scripted, make_client, answer):
    scripted.on[1560] = answer
    client = make_client(snapshot=0.1)
    await client.connect()
    for _ in range(2):
        with pytest.raises(Unsupported):
            await client.snapshot(0)
    assert len(scripted.messages(1560)) == 1
    assert client.snapshot_supported is False
    assert client.is_online


async def test_a_video_frame_is_no_snapshot(scripted, client, frames):
    raw = bytearray(frames.key.serialize())
    raw[3] = 0xFE
    scripted.on[1560] = lambda message: message.reply(bytes(raw))
    with pytest.raises(MalformedPayload):
        await client.snapshot(0)


# alarms and events


async def test_alarms_are_heard_after_guard_and_acknowledged_by_the_listener(scripted, client, deadline):
    await client.alarms.guard()
    with client.events() as events:
        alarm = {"Channel": 3, "Event": "VideoMotion", "StartTime": "2026-02-01 12:17:22", "Status": "Start"}
        scripted.peers[0].send(1504, {"Name": "AlarmInfo", "AlarmInfo": alarm}, sequence=77)
        async with deadline():
            event = await anext(events)
        assert isinstance(event, AlarmRaised)
        report = event.report
        assert (report.event, report.native, report.channel) == ("motion", "VideoMotion", 3)
        assert (report.status, report.time) == (AlarmStatus.START, parse_time("2026-02-01 12:17:22"))
        assert scripted.messages(1505) == []
        assert event.acknowledge()
        answer = await scripted.hears(1505)
        assert (answer.body["Ret"], answer.header.sequence, answer.header.version) == (100, 77, 1)
    assert scripted.ids()[:2] == [1000, 1500]


async def test_an_acknowledgement_after_the_end_is_harmless(scripted, client, deadline):
    events = client.events()
    scripted.peers[0].send(1504, {"AlarmInfo": {"Event": "VideoLoss"}})
    async with deadline():
        event = await anext(events)
    await client.close()
    assert event.acknowledge() is False


async def test_a_slow_listener_loses_and_counts_but_stops_nobody(scripted, client, deadline):
    with client.events(max_events=100) as slow, client.events(max_events=5000) as quick:
        for number in range(1000):
            status = "Start" if number % 2 == 0 else "Stop"
            scripted.peers[0].send(
                1504, {"AlarmInfo": {"Channel": number, "Event": "VideoMotion", "Status": status}}
            )
        assert (await client.request(1020, {})).code == 100
        assert slow.counters["dropped"] == 900
        async with deadline():
            heard = [(await anext(quick)).report for _ in range(1000)]
            first = [(await anext(slow)).report.channel for _ in range(100)]
    assert [report.channel for report in heard] == list(range(1000))
    assert [report.status for report in heard[:4]] == ["Start", "Stop"] * 2
    assert first == list(range(100))


async def test_a_handler_that_raises_stops_nothing(scripted, client, deadline, caplog):
    def broken(header, payload):
        raise RuntimeError("handler")

    client.control.on_push = broken
    scripted.peers[0].send(1504, {"AlarmInfo": {}})
    assert (await client.request(1020, {})).code == 100
    assert client.control.counters["callback_errors"] == 1
    assert "a consumer of message 1504 raised" in caplog.text


async def test_malformed_pushes_are_counted(scripted, client):
    with client.events() as events:
        scripted.peers[0].send(1504, b"[[[[")
        scripted.peers[0].send(1618, b"later firmware")
        await client.request(1020, {})
        assert client.counters["malformed_pushes"] == 1
        assert await anext(events) == DevicePush(1618, b"later firmware")


async def test_events_end_with_the_session(scripted, client, deadline):
    events = client.events()
    scripted.peers[0].close()
    async with deadline():
        assert [event async for event in events] == []
        assert [event async for event in client.events()] == []  # asked for after the end


async def test_alarm_outputs_switch_in_the_devices_own_words(scripted, settings, client):
    settings.tree["Alarm.AlarmOut"] = [
        {"AlarmOutType": "AUTO", "AlarmOutStatus": "OPEN", "x": 1},
        {"AlarmOutType": "ConfigAlarm", "AlarmOutStatus": "OPEN"},
    ]
    await client.alarms.set_output(0, closed=True)
    await client.alarms.set_output(1, closed=True)
    assert settings.written[0][1][0] == {"AlarmOutType": "MANUAL", "AlarmOutStatus": "CLOSE", "x": 1}
    assert settings.written[1][1][1] == {"AlarmOutType": "ManualAlarm", "AlarmOutStatus": "CLOSE"}
    with pytest.raises(Refused):
        await client.alarms.set_output(5, closed=True)


async def test_network_alarm_inputs_and_unguard(scripted, client):
    await client.alarms.set_net_inputs(0b101)
    await client.alarms.unguard()
    assert (await scripted.hears(1506)).body["OPNetAlarm"] == {"Event": 0, "State": 5}
    assert scripted.messages(1502)


# abilities


async def test_missing_abilities_are_absent(scripted, client):
    codes = iter([102, 607, 103])
    scripted.on[1360] = lambda message: message.reply({"Ret": next(codes)})
    assert not (await client.system.functions()).has("NetServerFunction", "NetDAS")
    assert (await client.system.encode_capability()).streams == ()
    assert await client.system.talk_formats() == []


# exports


def archive_bytes(comment=b""):
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config", b"0123456789" * 2000)
        archive.comment = comment
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["single", "end_flag", "parts", "own_end"])
async def test_an_export_comes_in_any_form(scripted, client, form):
    data = archive_bytes()

    def answer(message):
        from cambus.dvrip.wire import fragment

        if form == "single":
            message.reply(data)
        elif form == "parts":
            for part in fragment(1543, data, session_id=0x57, version=1, size=4000):
                message.peer.send_raw(part)
        else:
            for start in range(0, len(data), 5000):
                message.reply(
                    data[start : start + 5000], end=form == "end_flag" and start + 5000 >= len(data)
                )

    scripted.on[1542] = answer
    assert await client.transfers.export_config() == data


@pytest.mark.parametrize("form", ["end_flag", "zero_length"])
async def test_an_end_mark_ends_an_export_whose_own_end_does_not_show(scripted, client, form):
    data = archive_bytes(comment=b"PK\x05\x06 by a strange packer")

    def answer(message):
        message.reply(data[:5000])
        message.reply(data[5000:], end=form == "end_flag")
        if form == "zero_length":
            message.reply(b"")

    scripted.on[1542] = answer
    assert await client.transfers.export_config() == data


async def test_an_export_that_is_json_is_an_error(scripted, client):
    scripted.on[1544] = lambda message: message.reply(b'{"Name":"","Ret":107}')
    with pytest.raises(DeviceError) as caught:
        await client.transfers.export_log()
    assert caught.value.code == 107


@pytest.mark.parametrize("size", [1000, 65536, 65537, 200_000])
async def test_an_import_goes_whole_or_in_pieces_with_an_end_flag(scripted, client, size):
    got = bytearray()

    def take(message):
        got.extend(message.payload)
        if len(got) == size:
            message.reply(b'{"Ret":603}')

    scripted.on[1540] = take
    data = bytes(index % 251 for index in range(size))
    written = await client.transfers.import_config(data, confirm=True)
    assert written.restart_needed
    assert bytes(got) == data
    flags = [message.header.current_or_end for message in scripted.messages(1540)]
    assert flags == ([0] if size <= 65536 else [0] * (len(flags) - 1) + [1])


async def test_silence_of_a_search_names_its_timeout(scripted, make_client):
    scripted.on[1440] = lambda message: None
    client = make_client(search=0.1)
    await client.connect()
    with pytest.raises(RequestTimeout) as caught:
        await client.files.find(query())
    assert caught.value.name == "search"
