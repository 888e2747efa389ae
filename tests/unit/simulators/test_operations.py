"""Everything else a client can ask of the device."""

import io
import json
import zipfile
from datetime import timedelta

import av
import pytest


@pytest.fixture
def peer(world):
    return world.user()


def test_information_has_exactly_the_classic_keys(peer):
    reply = peer.ask(1020, {"Name": "SystemInfo"})
    assert sorted(reply.json["SystemInfo"]) == sorted(
        [
            "AlarmInChannel",
            "AlarmOutChannel",
            "AudioInChannel",
            "BuildTime",
            "CombineSwitch",
            "DeviceRunTime",
            "DigChannel",
            "EncryptVersion",
            "ExtraChannel",
            "HardWare",
            "HardWareVersion",
            "SerialNo",
            "SoftWareVersion",
            "TalkInChannel",
            "TalkOutChannel",
            "UpdataTime",
            "UpdataType",
            "VideoInChannel",
            "VideoOutChannel",
        ]
    )
    disk = peer.ask(1020, {"Name": "StorageInfo"}).json["StorageInfo"][0]
    assert sorted(disk) == ["PartNumber", "Partition", "PlysicalNo"]
    assert sorted(disk["Partition"][0]) == sorted(
        [
            "DirverType",
            "IsCurrent",
            "LogicSerialNo",
            "NewEndTime",
            "NewStartTime",
            "OldEndTime",
            "OldStartTime",
            "RemainSpace",
            "Status",
            "TotalSpace",
        ]
    )
    state = peer.ask(1020, {"Name": "WorkState"}).json["WorkState"]
    assert state["AlarmState"] == {
        "AlarmIn": 0,
        "AlarmOut": 0,
        "VideoBlind": 0,
        "VideoLoss": 0,
        "VideoMotion": 0,
    }
    assert len(state["ChannelState"]) == 2


def test_run_time_counts_minutes(world, peer):
    world.advance(50.0)
    peer.ask(1006, {})
    world.advance(50.0)
    run = peer.ask(1020, {"Name": "SystemInfo"}).json["SystemInfo"]["DeviceRunTime"]
    assert int(run, 16) == int((world.now - world.device.booted_at) / 60)


def test_unknown_names_and_ids_are_unsupported(world, peer):
    assert peer.ask(1020, {"Name": "Nonsense"}).ret == 102
    for message_id in (9998, 1010, 2088, 1436):
        reply = peer.ask(message_id, {})
        assert (reply.ret, reply.json["Name"]) == (102, "")
    assert world.role.counters["unknown_ids"] == 4


def test_abilities_are_answered_or_absent(world, peer):
    functions = peer.ask(1360, {"Name": "SystemFunction"}).json["SystemFunction"]
    assert functions["NetServerFunction"]["NetDAS"] is True
    assert peer.ask(1360, {"Name": "TalkAudioFormat"}).json["TalkAudioFormat"][0]["EncodeType"] == "G711_ALAW"
    assert peer.ask(1360, {"Name": "Nonsense"}).ret == 607
    world.quirks.update({"absent_abilities": "SystemFunction"})
    assert peer.ask(1360, {"Name": "SystemFunction"}).ret == 607
    assert peer.ask(1362, {"Name": "ChannelSystemFunction@Nonsense"}).ret == 102


def test_time_is_read_and_set(world, peer):
    assert peer.ask(1452, {"Name": "OPTimeQuery"}).json["OPTimeQuery"] == "2026-03-01 12:00:00"
    body = {"Name": "OPTimeSetting", "OPTimeSetting": "2030-05-06 07:08:09"}
    assert peer.ask(1450, body).json["Name"] == "OPTimeSetting"
    world.advance(3.0)
    assert peer.ask(1452, {"Name": "OPTimeQuery"}).json["OPTimeQuery"] == "2030-05-06 07:08:12"
    sync = {"Name": "OPTimeSettingNoRTC", "OPTimeSettingNoRTC": "2031-01-01 00:00:00"}
    assert peer.ask(1590, sync).ret == 100
    assert world.device.time_syncs == 1
    assert peer.ask(1450, {"Name": "OPTimeSetting", "OPTimeSetting": "yesterday"}).ret == 208


def test_utc_time_goes_through_the_zone(world, peer):
    world.device.clock.utc_offset = timedelta(hours=8)
    body = {"Name": "OPUTCTimeSetting", "OPUTCTimeSetting": "2030-01-01 00:00:00"}
    assert peer.ask(1450, body).ret == 100
    assert peer.ask(1452, {}).json["OPTimeQuery"] == "2030-01-01 08:00:00"


def test_the_log_is_paged_by_position_until_null(world, peer):
    def page(position, kind="LogAll"):
        query = {
            "BeginTime": "2000-01-01 00:00:00",
            "EndTime": "2037-01-01 00:00:00",
            "LogPosition": position,
            "Type": kind,
        }
        return peer.ask(1442, {"Name": "OPLogQuery", "OPLogQuery": query}).json["OPLogQuery"]

    positions, position = [], 0
    while (entries := page(position)) is not None:
        positions += [entry["Position"] for entry in entries]
        position = positions[-1] + 1
    assert positions == list(range(1, len(world.device.log) + 1))
    assert {entry["Type"] for entry in page(0, "LogAlarm")} == {"EventStart", "EventStop"}
    assert {entry["Type"] for entry in page(0, "Account")} == {"LogIn", "LogOut"}
    assert page(0)[0]["User"] == "System"
    peer.ask(1450, {"Name": "OPLogManager", "OPLogManager": {"Action": "RemoveAll"}})
    assert page(0) is None


def test_disks_are_typed_cleared_and_partitioned(world, peer):
    def manage(**fields):
        return peer.ask(1460, {"Name": "OPStorageManager", "OPStorageManager": fields})

    assert manage(Action="SetType", SerialNo=0, PartNo=0, Type="ReadOnly").json["Name"] == "OPStorageManager"
    part = peer.ask(1020, {"Name": "StorageInfo"}).json["StorageInfo"][0]["Partition"][0]
    assert part["DirverType"] == 1
    manage(Action="Clear", SerialNo=0, PartNo=0, Type="Data")
    part = peer.ask(1020, {"Name": "StorageInfo"}).json["StorageInfo"][0]["Partition"][0]
    assert part["RemainSpace"] == part["TotalSpace"]
    manage(Action="Partition", SerialNo=0, PartNo=0, PartitionSize=[{"Record": 4096}, {"SnapShot": 256}])
    parts = peer.ask(1020, {"Name": "StorageInfo"}).json["StorageInfo"][0]["Partition"]
    assert [int(each["TotalSpace"], 16) for each in parts] == [4096, 256]
    assert manage(Action="Clear", SerialNo=9, PartNo=0).ret == 210
    assert manage(Action="Burn", SerialNo=0, PartNo=0).ret == 208


def test_users_and_groups_follow_the_rules(world, peer):
    def user(name, group="user", rights=("Monitor_01",), **extra):
        return {
            "AuthorityList": list(rights),
            "Group": group,
            "Memo": "",
            "Name": name,
            "Password": "9kwf1kHJ",
            **extra,
        }

    def group(name, rights):
        return {"AuthorityList": list(rights), "Memo": "", "Name": name}

    def ask(message_id, **body):
        return peer.ask(message_id, body).ret

    assert "PTZControl" in peer.ask(1470, {}).json["AuthorityList"]
    assert ask(1482, Name="User", User=user("bob")) == 100
    assert ask(1482, Name="User", User=user("bob")) == 112
    assert ask(1482, Name="User", User=user("eve", rights=["ShutDown"])) == 213
    assert ask(1482, Name="User", User=user("eve", group="nobody")) == 115
    assert world.peer().login("bob", "9kwf1kHJ").ret == 100
    assert ask(1484, UserName="bob", User=user("bob", Password="")) == 100
    assert world.peer().login("bob", "9kwf1kHJ").ret == 100
    assert ask(1484, UserName="bob", User=user("rob", Password="6QNMIQGe")) == 100
    assert world.peer().login("rob", "6QNMIQGe").ret == 100
    assert ask(1484, UserName="bob", User=user("bob")) == 113
    assert ask(1486, Name="rob") == 212  # logged in
    for session in list(world.role.sessions):
        if session.user in {"bob", "rob"}:
            world.role.end_session(session)
    assert ask(1486, Name="rob") == 100
    assert ask(1486, Name="rob") == 113
    assert ask(1486, Name="admin") == 216
    assert ask(1476, Name="Group", Group=group("guards", ["Monitor_01"])) == 100
    assert ask(1476, Name="Group", Group=group("guards", ["Monitor_01"])) == 114
    assert ask(1476, Name="Group", Group=group("gods", ["Everything"])) == 213
    assert ask(1482, Name="User", User=user("gus", group="guards")) == 100
    assert ask(1480, Name="guards") == 212
    assert ask(1478, GroupName="guards", Group=group("watch", ["Monitor_01"])) == 100
    assert ask(1478, GroupName="guards", Group=group("watch", [])) == 115
    names = {each["Name"]: each for each in peer.ask(1472, {}).json["Users"]}
    assert names["gus"]["Group"] == "watch"
    assert ask(1486, Name="gus") == 100
    assert ask(1480, Name="watch") == 100
    assert {each["Name"] for each in peer.ask(1474, {}).json["Groups"]} == {"admin", "user"}
    assert peer.ask(1472, {}).json["Name"] == ""


def test_a_password_is_changed_with_the_old_one(world, peer):
    def change(old, new, user="admin"):
        return peer.ask(
            1488, {"EncryptType": "MD5", "NewPassWord": new, "PassWord": old, "UserName": user}
        ).ret

    assert change("wrong", "9kwf1kHJ") == 203
    assert change("6QNMIQGe", "9kwf1kHJ", "nobody") == 113
    assert change("6QNMIQGe", "9kwf1kHJ") == 100
    assert world.peer().login().ret == 203
    assert world.peer().login(password_hash="9kwf1kHJ").ret == 100


def test_a_user_without_the_authority_may_not(world, peer):
    user = {
        "AuthorityList": ["Monitor_01"],
        "Group": "user",
        "Memo": "",
        "Name": "bob",
        "Password": "9kwf1kHJ",
    }
    peer.ask(1482, {"Name": "User", "User": user})
    bob = world.peer()
    bob.login("bob", "9kwf1kHJ")
    move = {"Command": "DirectionUp", "Parameter": {"Channel": 0, "Preset": 65535, "Step": 5}}
    assert bob.ask(1400, {"Name": "OPPTZControl", "OPPTZControl": move}).ret == 107
    start = {"Action": "Start", "Type": "System"}
    assert bob.ask(1520, {"Name": "OPSystemUpgrade", "OPSystemUpgrade": start}).ret == 107
    assert bob.ask(1450, {"Name": "OPMachine", "OPMachine": {"Action": "Reboot"}}).ret == 107
    assert bob.ask(1020, {"Name": "SystemInfo"}).ret == 100


@pytest.mark.parametrize("style", ["one", "many", "frame"])
def test_snapshots_are_pictures_in_every_shape(world, peer, style):
    world.quirks.snapshot = style
    packets = peer.send(1560, {"Name": "OPSNAP", "OPSNAP": {"Channel": 1}})
    assert {packet.id for packet in packets} == {1561}
    assert [packet.b13 for packet in packets] == [0] * (len(packets) - 1) + [1]
    assert (len(packets) > 1) == (style == "many")
    data = b"".join(packet.payload for packet in packets)
    if style == "frame":
        assert data[:8] == bytes.fromhex("000001fe0000") + bytes([640 // 8, 480 // 8])
        data = data[16:]
    assert data[:4] in {bytes.fromhex("ffd8ffe0"), bytes.fromhex("ffd8ffdb")}
    with av.open(io.BytesIO(data), format="mjpeg") as file:
        picture = next(file.decode(video=0))
    assert (picture.width, picture.height) == (640, 480)


def test_a_snapshot_may_fail_or_not_come(world, peer):
    body = {"Name": "OPSNAP", "OPSNAP": {"Channel": 0}}
    world.quirks.snapshot = "json_error"
    assert peer.ask(1560, body).ret == 103
    world.quirks.snapshot = "silence"
    assert peer.send(1560, body) == []


@pytest.mark.parametrize("style", ["packet", "end_flag", "fragments"])
def test_exports_are_zips_in_every_shape(world, peer, style):
    world.quirks.export = style
    world.device.config.set("General.PwdSafety.Padding", [str(hash((n, "x"))) for n in range(4000)])
    packets = peer.send(1542, {"Name": ""})
    data = b"".join(packet.payload for packet in packets)
    content = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("Config.json"))
    assert content["config"]["NetWork"]["NetCommon"]["TCPMaxConn"] == 10
    if style == "fragments":
        assert {packet.b12 for packet in packets} == {len(packets)}
    else:
        assert [packet.b13 for packet in packets] == [0] * (len(packets) - 1) + [1]
    assert (len(packets) > 1) == (style != "packet")
    log = b"".join(packet.payload for packet in peer.send(1544, {"Name": ""}))
    assert zipfile.ZipFile(io.BytesIO(log)).read("log.txt").count(b"\n") > 100


def test_an_export_may_fail(world, peer):
    world.quirks.export = "json_error"
    assert peer.ask(1542, {"Name": ""}).ret == 101


@pytest.mark.parametrize("style", ["packet", "end_flag", "fragments"])
def test_imports_are_taken_in_every_shape(world, peer, style):
    data = b"".join(packet.payload for packet in peer.send(1542, {"Name": ""}))
    world.device.config.set("General.General.MachineName", "changed")
    if style == "packet":
        answers = peer.send(1540, data)
    else:
        pieces = [data[at : at + 700] for at in range(0, len(data), 700)]
        answers = []
        for index, piece in enumerate(pieces):
            if style == "fragments":
                answers += peer.send(1540, piece, seq=9, b12=len(pieces), b13=index)
            else:
                answers += peer.send(1540, piece, b13=int(index == len(pieces) - 1))
    assert [answer.ret for answer in answers] == [100]
    assert world.device.config.get("General.General.MachineName") == "HVR"


def test_imports_that_cannot_be_read_are_refused(world, peer):
    assert peer.ask(1540, b"").ret == 601
    assert peer.ask(1540, b"PK\x03\x04 no zip", b13=1).ret == 601
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("Config.json", '{"config": {"Nonsense": 1}}')
    assert peer.ask(1540, buffer.getvalue()).ret == 608
    world.quirks.import_code = 603
    good = b"".join(packet.payload for packet in peer.send(1542, {"Name": ""}))
    assert peer.ask(1540, good).ret == 603


def test_keys_of_the_keyboard_are_noted(world, peer):
    for status in ("KeyDown", "KeyUp"):
        key = {"Status": status, "Value": "Menu"}
        assert peer.ask(1550, {"Name": "OPNetKeyboard", "OPNetKeyboard": key}).ret == 100
    assert list(world.device.keys) == [("KeyDown", "Menu"), ("KeyUp", "Menu")]


def test_the_transparent_channel_carries_every_byte_and_has_one_owner(world, peer):
    def channel(who, action):
        section = {"Action": action, "Type": "RS485", "Attribute": [9600, "None", 8, 1]}
        return who.ask(1578, {"Name": "TransparentComm", "TransparentComm": section}).ret

    other = world.user()
    assert channel(peer, "Open") == 100
    assert channel(other, "Open") == 212
    (echo,) = peer.send(1580, bytes(range(256)))
    assert (echo.id, echo.payload, echo.sid) == (1580, bytes(range(256)), peer.sid)
    assert other.ask(1580, b"x").ret == 103
    peer.vanish()
    assert channel(other, "Open") == 100
    assert other.ask(1572, b"hello").ret == 100
    assert other.send(1570, b"")[0].payload == b"hello"


def test_writing_network_das_wakes_the_dialler(world, peer):
    woken = []
    world.device.on_das_settings = lambda: woken.append(True)
    peer.ask(1040, {"Name": "NetWork.DAS", "NetWork.DAS": {"Enable": True}})
    peer.ask(1040, {"Name": "NetWork.NetNTP", "NetWork.NetNTP": {"Enable": True}})
    assert woken == [True]
