"""Whatever a client sends, the device answers, ignores or hangs up; it never breaks."""

import json
import struct
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thoroughness import examples

from cambus.simulators.dvrip.centre import configured_centre

REQUESTS = [
    *(
        1000,
        999,
        1002,
        1004,
        1005,
        1006,
        1020,
        1040,
        1042,
        1044,
        1046,
        1048,
        1050,
        1054,
        1360,
        1362,
        1400,
        1410,
        1413,
    ),
    *(
        1420,
        1424,
        1430,
        1432,
        1434,
        1440,
        1442,
        1444,
        1446,
        1450,
        1452,
        1460,
        1470,
        1472,
        1474,
        1476,
        1478,
        1480,
        1482,
    ),
    *(
        1484,
        1486,
        1488,
        1500,
        1502,
        1505,
        1506,
        1520,
        1522,
        1525,
        1540,
        1542,
        1544,
        1550,
        1560,
        1562,
        1570,
        1572,
        1574,
    ),
    *(1576, 1578, 1580, 1582, 1590, 1600, 1636, 2008, 4, 65535),
]
SECTIONS = [
    *(
        "OPMonitor",
        "OPPlayBack",
        "OPTalk",
        "OPPTZControl",
        "OPFileQuery",
        "OPLogQuery",
        "OPSCalendar",
        "OPMachine",
    ),
    *(
        "OPTimeSetting",
        "OPLogManager",
        "OPDefaultConfig",
        "OPStorageManager",
        "OPSystemUpgrade",
        "OPNetKeyboard",
    ),
    *(
        "OPSNAP",
        "OPNetAlarm",
        "TransparentComm",
        "User",
        "Group",
        "UserName",
        "GroupName",
        "ChannelTitle",
        "Name",
    ),
    *("NetWork.DAS", "NetWork.AlarmServer", "Simplify.Encode", "AVEnc.VideoWidget", "SessionID", "PassWord"),
]
FIELDS = [
    *(
        "Action",
        "Action1",
        "Parameter",
        "Channel",
        "StreamType",
        "FileName",
        "PlayMode",
        "Value",
        "StartTime",
    ),
    *(
        "EndTime",
        "BeginTime",
        "Command",
        "Preset",
        "Step",
        "Tour",
        "POINT",
        "AUX",
        "Pattern",
        "LowChannel",
        "Month",
    ),
    *(
        "Year",
        "LogPosition",
        "Type",
        "SerialNo",
        "PartNo",
        "PartitionSize",
        "State",
        "AuthorityList",
        "Password",
    ),
]
WORDS = [
    *(
        "Claim",
        "Start",
        "Stop",
        "DownloadStart",
        "Locate",
        "Pause",
        "Fast",
        "Request",
        "Main",
        "ByTime",
        "AddTour",
    ),
    *(
        "StartTour",
        "DirectionUp",
        "SetPreset",
        "FastPosition",
        "2026-03-01 11:55:00",
        "0x7FFFFFFFFFFF",
        "-1",
        "Abort",
    ),
    *(
        "Partition",
        "Open",
        "RS485",
        "SystemInfo",
        "Detect",
        "NetWork",
        "admin",
        "",
        "/idea0/2026-03-01/001/x",
    ),
]

_leaf = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.sampled_from(WORDS) | st.text(max_size=4)
)
_value = st.recursive(
    _leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=12,
)
_body = st.dictionaries(st.sampled_from(SECTIONS), _value, max_size=3).map(
    lambda body: json.dumps(body).encode()
)
_payload = _body | st.binary(max_size=40)


@settings(max_examples=examples(50, 150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(REQUESTS), _payload, st.integers(0, 3), st.integers(0, 3)), max_size=12
    )
)
def test_any_requests_of_a_user(world_factory, requests):
    world = world_factory()
    peer = world.user()
    data = world.data_peer(peer)
    for index, (message_id, payload, b12, b13) in enumerate(requests):
        who = data if index % 3 == 2 else peer
        who.send(message_id, payload, b12=b12, b13=b13)
        world.advance(0.05)
        for each in (peer, data):
            each.read()
    world.advance(1.0)
    fresh = world.peer()
    fresh.login()
    assert fresh.ask(1020, {"Name": "WorkState"}).ret in {100, 105}


@settings(max_examples=examples(50, 150), deadline=None)
@given(st.lists(st.binary(max_size=64), max_size=10))
def test_any_bytes_of_a_stranger(world_factory, chunks):
    world = world_factory()
    stranger, member = world.peer(), world.user()
    for chunk in chunks:
        stranger.feed(chunk)
    assert member.ask(1006, {}).ret == 100


@settings(max_examples=examples(50, 100), deadline=None)
@given(st.data())
def test_any_cutting_of_the_same_bytes_gives_the_same_answers(world_factory, data):
    def request(message_id, body, sid):
        payload = json.dumps(body).encode()
        return struct.pack("<BBBBIIBBHI", 255, 0, 0, 0, sid, 1, 0, 0, message_id, len(payload)) + payload

    def run(cuts):
        world = world_factory()
        peer = world.user()
        whole = b"".join(request(1020, {"Name": name}, peer.sid) for name in ("SystemInfo", "X", "WorkState"))
        borders = sorted({0, len(whole), *(cut % len(whole) for cut in cuts)})
        out = []
        for start, stop in pairwise(borders):
            out += peer.feed(whole[start:stop])
        return [(packet.id, packet.ret) for packet in out]

    assert run(data.draw(st.lists(st.integers(0, 10_000), max_size=20))) == run([])


@pytest.mark.parametrize("address", ["", "a" * 300, "..", "\u0000", "256.256.256.256"])
@pytest.mark.parametrize("port", [-1, 70000, "x"])
def test_odd_addresses_in_the_settings_reach_no_socket(world, address, port):
    value = {"Enable": True, "Server": {"Address": address, "Name": "", "Port": port}}
    world.device.config.set("NetWork.AlarmServer.[0]", value)
    configured_centre(world.device.config)
    world.device.raise_alarm("motion", 0, "Start")
