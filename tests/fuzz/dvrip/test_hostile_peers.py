"""Hundreds of thousands of broken packets on every way in: nothing is raised, nothing piles up."""

import random

import pytest

from cambus.dvrip.alarm_centre import AlarmCentreListener, AlarmCentreSettings
from cambus.dvrip.discovery import DiscoveredDevice
from cambus.dvrip.errors import DvripError, MalformedPayload
from cambus.dvrip.frames import AudioFrame, VideoFrame
from cambus.dvrip.media import StreamSplitter
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.dvrip.messages.registration import RegistrationLogin, claim_key
from cambus.dvrip.messages.search import parse_by_time, parse_calendar, parse_file_records, parse_log
from cambus.dvrip.messages.system import SystemInfo, WorkState, parse_storage
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.profile import Credentials, Profile
from cambus.dvrip.reassembly import MAX_OPEN
from cambus.dvrip.session import ClientSession
from cambus.dvrip.session_state import State
from cambus.dvrip.wire import Packet, serialize
from cambus.media.frame import Codec

pytestmark = pytest.mark.slow

BODIES = [
    {"AliveInterval": 20, "ChannelNum": 8, "DeviceType ": "HVR", "Ret": 100, "SessionID": "0x00000057"},
    {"Name": "KeepAlive", "Ret": 100},
    {"Name": "SystemInfo", "SystemInfo": {"SerialNo": "x", "BuildTime": "2015-11-27 10:04:14"}, "Ret": 100},
    {
        "Name": "OPFileQuery",
        "OPFileQuery": [{"FileName": "/a", "FileLength": "0x10", "BeginTime": "x"}],
        "Ret": 100,
    },
    {"Name": "AlarmInfo", "AlarmInfo": {"Channel": 0, "Event": "VideoMotion", "Status": "Start"}},
    {"Name": "", "Ret": 203},
    {"UserName": "u", "PassWord": "p", "EncryptType": "MD5", "DeviceID": 5, "ChannelNum": 1},
    {"NetWork.NetCommon": {"MAC": "00:01", "HostIP": "0x0A01A8C0", "TCPPort": 34567}},
]
IDS = [
    1000,
    1001,
    1003,
    1004,
    1006,
    1007,
    1021,
    1043,
    1412,
    1413,
    1426,
    1441,
    1504,
    1508,
    1523,
    1524,
    1531,
    1543,
    1561,
    7,
]
FRAMES = [
    VideoFrame(Codec.H264, True, b"\x00\x00\x00\x01\x67" + bytes(range(60)), 640, 480, 25),
    VideoFrame(Codec.H264, False, b"\x00\x00\x00\x01\x41" + bytes(range(40))),
    AudioFrame(14, 2, b"\xd5" * 20),
]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """``data`` with a few bytes changed, lost, doubled or cut."""
    damaged = bytearray(data)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        place = rng.randrange(len(damaged) + 1)
        match rng.randrange(4):
            case 0 if place < len(damaged):
                damaged[place] = rng.randrange(256)
            case 1:
                del damaged[place : place + rng.randrange(4)]
            case 2:
                damaged[place:place] = damaged[place : place + rng.randrange(20)]
            case _:
                damaged = damaged[:place] or bytearray(b"\xff")
    return bytes(damaged)


def packets(rng: random.Random):
    """Endless packets, most of them nearly right."""
    while True:
        message_id = rng.choice(IDS)
        if message_id in (1412, 1426, 1561):
            payload = rng.choice(FRAMES).serialize()
        else:
            payload = encode_body(rng.choice(BODIES))
        if rng.random() < 0.5:
            payload = mutated(payload, rng)
        packet = serialize(
            message_id,
            payload,
            session_id=rng.choice((0, 0x57, 9)),
            sequence=rng.randrange(4),
            version=1,
            channel=rng.choice((0, 0, 0, 1, 2, 5)),
            end=rng.random() < 0.1,
        )
        yield mutated(packet, rng) if rng.random() < 0.2 else packet


def test_a_client_survives_400_000_packets():
    rng = random.Random(1)
    stream = packets(rng)
    session = ClientSession()
    splitter = StreamSplitter(wait_for_key=False)
    now = 0.0
    sessions = 0
    for number in range(400_000):
        if session.is_closed or session.state is State.NEW:
            session = ClientSession(Profile(parallel_requests=rng.random() < 0.5))
            sessions += 1
            session.login(Credentials("a", "b"), now)
            session.receive_data(serialize(1001, encode_body(BODIES[0]), session_id=0x57), now)
        if number % 5 == 0 and session.state is State.ONLINE and session.is_idle:
            session.request(rng.choice((1020, 1042, 1440, 1560, 1522)), {}, now, soft=rng.random() < 0.5)
        now += rng.random() * 0.2
        data = next(stream)
        cut = rng.randrange(len(data) + 1)
        session.receive_data(data[:cut], now)
        session.receive_data(data[cut:], now)
        if (due := session.next_timeout()) is not None and due <= now:
            session.handle_timeout(now)
        session.data_to_send()
        for event in session.events_received():
            if isinstance(event, Packet):
                splitter.receive_data(event.payload)
        assert len(session._reassembler._open) <= MAX_OPEN
        if splitter.pending_bytes > 100_000:
            splitter = StreamSplitter(wait_for_key=False)
    assert sessions > 100


def test_a_splitter_survives_300_000_pieces_and_keeps_finding_frames():
    rng = random.Random(2)
    splitter = StreamSplitter(max_frame_bytes=5000)
    found = 0
    for _ in range(300_000):
        data = rng.choice(FRAMES).serialize()
        if rng.random() < 0.05:
            data = mutated(data, rng)
        found += len(splitter.receive_data(data))
        assert splitter.pending_bytes < 6000
    assert found > 100_000
    assert splitter.counters["resyncs"] > 1000


def test_readers_of_bodies_survive_300_000_bodies():
    rng = random.Random(3)
    readers = [
        SystemInfo.parse,
        WorkState.parse,
        parse_storage,
        parse_file_records,
        parse_log,
        parse_calendar,
        AlarmReport.parse,
        RegistrationLogin.parse,
        lambda body: claim_key(1413, body),
        lambda body: claim_key(1424, body),
    ]
    junk = [None, 0, -1, 1e300, "", "0x", "x" * 50, [], {}, [[]], [{}], {"a": {}}, True, ["x", 5, None]]
    names = [
        "SystemInfo",
        "AlarmInfo",
        "Channel",
        "Event",
        "Status",
        "StartTime",
        "OPFileQuery",
        "OPLogQuery",
        "OPSCalendar",
    ]
    names += [
        "Mask",
        "AlarmState",
        "ChannelState",
        "Partition",
        "DeviceID",
        "OPMonitor",
        "Parameter",
        "SerialNo",
        "Position",
    ]
    for _ in range(300_000):
        body = {rng.choice(names): rng.choice(junk) for _ in range(rng.randrange(6))}
        if rng.random() < 0.3:
            body = {rng.choice(names): body}
        rng.choice(readers)(body)


def test_datagrams_and_bytes_survive():
    rng = random.Random(4)
    base = serialize(1531, encode_body(BODIES[7]))
    listener = AlarmCentreListener(AlarmCentreSettings(), lambda report, address: None, lambda *args: None)
    for number in range(100_000):
        data = mutated(base, rng)
        DiscoveredDevice.parse(data, "x")
        listener.take(data[20:], f"10.0.{number % 300}.1", number * 0.01)
        for reader in (decode_body, parse_by_time):
            try:
                reader(data[20:])
            except MalformedPayload:
                continue
            except DvripError as error:
                raise AssertionError("another error than malformed") from error
    assert len(listener._rates._buckets) <= 300
