"""A strict client, byte for byte: it breaks at any field, key or order the profile `classic` does not promise."""

import hashlib
import io
import struct

import av
import pytest

WHOLE = {"StartTime": "2000-00-00 00:00:00", "EndTime": "9999-12-31 23:59:59"}


def monitor(action, channel=0, stream="Main"):
    parameter = {"Channel": channel, "CombinMode": "NONE", "StreamType": stream, "TransMode": "TCP"}
    return {"Name": "OPMonitor", "OPMonitor": {"Action": action, "Parameter": parameter}}


def playback(action, name, channel=0):
    parameter = {
        "PlayMode": "ByName",
        "FileName": name,
        "StreamType": 0,
        "Channel": channel,
        "Value": 0,
        "TransMode": "TCP",
    }
    return {"Name": "OPPlayBack", "OPPlayBack": {"Action": action, **WHOLE, "Parameter": parameter}}


async def strict(client, message_id, body, name, *, keys=None):
    """Ask and check everything a strict client checks; the body of the answer."""
    seq = client.seq
    client.send(message_id, body)
    packet = await client.read()
    assert (packet.flag, packet.version, packet.reserved) == (0xFF, 1, (0, 0))
    assert (packet.sid, packet.seq, packet.id) == (client.sid, seq, message_id + 1)
    assert (packet.b12, packet.b13) == (0, 0)
    assert packet.payload.endswith(b"}\n\x00")
    answer = packet.json
    assert answer["Ret"] == 100, answer
    assert answer["Name"] == name
    assert answer["SessionID"] == f"0x{client.sid:08X}"
    if keys is not None:
        assert set(answer) == {"Name", "Ret", "SessionID", *keys}
    return answer


async def test_login_bytes(sim, clients, login_body):
    client = await clients(sim.port)
    client.send(1000, login_body, sid=0, seq=0)
    packet = await client.read()
    sid = struct.pack("<I", packet.sid)
    length = struct.pack("<I", len(packet.payload))
    assert packet.sid
    header = b"\xff\x01\x00\x00" + sid + b"\x00\x00\x00\x00" + b"\x00\x00" + b"\xe9\x03" + length
    rebuilt = struct.pack(
        "<BBBBIIBBHI",
        0xFF,
        1,
        0,
        0,
        packet.sid,
        packet.seq,
        packet.b12,
        packet.b13,
        packet.id,
        len(packet.payload),
    )
    assert header == rebuilt
    expected = {
        "AliveInterval": 20,
        "ChannelNum": 2,
        "DeviceType ": "HVR",
        "ExtraChannel": 0,
        "Ret": 100,
        "SessionID": f"0x{packet.sid:08X}",
    }
    assert packet.json == expected
    assert b'"DeviceType ":"HVR"' in packet.payload


async def test_a_refused_login_has_the_full_form(sim, clients, login_body):
    client = await clients(sim.port)
    packet = await client.login({**login_body, "PassWord": "xxxxxxxx"})
    answer = packet.json
    assert answer["Ret"] == 203
    assert (answer["AliveInterval"], answer["ChannelNum"]) == (0, 0)
    assert "Name" not in answer


async def test_information_time_settings_and_users(sim, clients):
    client = await clients(sim.port, login=True)
    await strict(
        client, 1006, {"Name": "KeepAlive", "SessionID": f"0x{client.sid:08X}"}, "KeepAlive", keys=()
    )
    for name in ("SystemInfo", "StorageInfo", "WorkState"):
        await strict(client, 1020, {"Name": name}, name, keys=(name,))
    await strict(client, 1360, {"Name": "SystemFunction"}, "SystemFunction", keys=("SystemFunction",))
    await strict(client, 1452, {"Name": "OPTimeQuery"}, "OPTimeQuery", keys=("OPTimeQuery",))
    setting = {"Name": "OPTimeSetting", "OPTimeSetting": "2030-01-02 03:04:05"}
    await strict(client, 1450, setting, "OPTimeSetting", keys=())
    time = (await strict(client, 1452, {"Name": "OPTimeQuery"}, "OPTimeQuery"))["OPTimeQuery"]
    assert time.startswith("2030-01-02 03:04:")
    name = "NetWork.NetCommon"
    common = (await strict(client, 1042, {"Name": name}, name, keys=(name,)))[name]
    assert common["TCPPort"] == sim.port
    await strict(client, 1040, {"Name": name, name: {**common, "HostName": "gate"}}, name, keys=())
    assert (await strict(client, 1042, {"Name": name}, name))[name]["HostName"] == "gate"
    assert (await strict(client, 1048, {"Name": "ChannelTitle"}, "ChannelTitle"))["ChannelTitle"] == [
        "CAM01",
        "CAM02",
    ]
    await strict(client, 1470, {}, "", keys=("AuthorityList",))
    users = (await strict(client, 1472, {}, "", keys=("Users",)))["Users"]
    assert [user["Name"] for user in users] == ["admin"]
    await strict(client, 1474, {}, "", keys=("Groups",))
    await strict(client, 1002, {"Name": ""}, "", keys=())


async def test_ptz_moves_while_it_is_held(sim, clients):
    client = await clients(sim.port, login=True)

    def move(preset):
        parameter = {
            "AUX": {"Number": 0, "Status": "On"},
            "Channel": 0,
            "MenuOpts": "Enter",
            "POINT": {"bottom": 0, "left": 0, "right": 0, "top": 0},
            "Pattern": "SetBegin",
            "Preset": preset,
            "Step": 5,
            "Tour": 0,
        }
        section = {"Command": "DirectionLeft", "Parameter": parameter}
        return {"Name": "OPPTZControl", "OPPTZControl": section}

    await strict(client, 1400, move(65535), "", keys=())
    await sim.wait_for(lambda: sim.ptz(0).pan < -5)
    await strict(client, 1400, move(-1), "", keys=())
    where = sim.ptz(0).pan
    assert not sim.head(0).moving
    assert sim.ptz(0).pan == where


async def test_alarms(sim, clients):
    client = await clients(sim.port, login=True)
    await strict(client, 1500, {"Name": ""}, "", keys=())
    sim.raise_alarm("motion", 1, stop_after_s=0.1)
    for status in ("Start", "Stop"):
        packet = await client.read()
        assert (packet.id, packet.sid, packet.version) == (1504, client.sid, 1)
        assert set(packet.json["AlarmInfo"]) == {"Channel", "Event", "StartTime", "Status"}
        assert packet.json["AlarmInfo"]["Event"] == "VideoMotion"
        assert packet.json["AlarmInfo"]["Status"] == status
    client.send(1505, {"Name": "", "Ret": 100})
    await sim.wait_for(lambda: sim.role.counters["alarms_acknowledged"] == 1)
    await strict(client, 1502, {"Name": ""}, "", keys=())


@pytest.mark.parametrize(("channel", "codec", "media"), [(0, "h264", 2), (1, "hevc", 3)])
async def test_live_on_two_sockets(sim, clients, frames, channel, codec, media):
    control = await clients(sim.port, login=True)
    data = await clients(sim.port)
    data.sid = control.sid
    await strict(data, 1413, monitor("Claim", channel), "OPMonitor", keys=())
    await strict(control, 1410, monitor("Start", channel), "OPMonitor", keys=())
    stream, sequence = b"", 1
    while stream.count(b"\x00\x00\x01\xfd") < 30:
        packet = await data.read()
        assert (packet.id, packet.sid, packet.seq) == (1412, control.sid, sequence)
        assert (packet.version, packet.reserved, packet.b12, packet.b13) == (1, (0, 0), channel, 0)
        assert 0 < len(packet.payload) <= 8192
        stream += packet.payload
        sequence += 1
    cut = frames(stream)
    assert cut[0][0] == 0xFC
    assert cut[0][1][4] == media
    decoder = av.CodecContext.create(codec, "r")
    pictures = [
        picture
        for kind, _, unit in cut
        if kind in (0xFC, 0xFD)
        for picture in decoder.decode(av.Packet(unit))
    ]
    assert len(pictures) + len(decoder.decode(None)) >= 30
    assert (pictures[0].width, pictures[0].height) == (640, 480)
    await strict(control, 1410, monitor("Stop", channel), "OPMonitor", keys=())
    assert await data.closed()
    assert sim.streams == []


async def test_files_are_found_and_downloaded_to_the_last_byte(sim, clients, frames):
    control = await clients(sim.port, login=True)
    data = await clients(sim.port)
    data.sid = control.sid
    query = {
        "BeginTime": "2000-01-01 00:00:00",
        "EndTime": "2037-01-01 00:00:00",
        "Channel": 0,
        "DriverTypeMask": "0x0000FFFF",
        "Event": "*",
        "StreamType": "0x00000000",
        "Type": "h264",
    }
    body = {"Name": "OPFileQuery", "OPFileQuery": query}
    records = (await strict(control, 1440, body, "OPFileQuery", keys=("OPFileQuery",)))["OPFileQuery"]
    assert len(records) == 64
    record = records[5]
    name = record["FileName"]
    await strict(data, 1424, playback("Claim", name), "OPPlayBack", keys=())
    await strict(control, 1420, playback("DownloadStart", name), "OPPlayBack", keys=())
    content, sequence = b"", 1
    while True:
        packet = await data.read()
        assert (packet.id, packet.seq, packet.version, packet.b12) == (1426, sequence, 1, 0)
        sequence += 1
        content += packet.payload
        if packet.b13:
            assert packet.payload == b""
            break
    assert -(-len(content) // 1024) == int(record["FileLength"], 16)
    cut = frames(content)
    assert sum(len(head) + len(payload) for _, head, payload in cut) == len(content)
    assert sum(kind in (0xFC, 0xFD) for kind, _, _ in cut) == 10 * 25
    stamps = [struct.unpack_from("<I", head, 8)[0] & 0x3F for kind, head, _ in cut if kind == 0xFC]
    begin = int(record["BeginTime"][-2:])
    assert stamps == [(begin + second) % 60 for second in range(0, 10, 2)]
    again = b""
    await strict(control, 1420, playback("DownloadStop", name), "OPPlayBack", keys=())
    await strict(control, 1420, playback("DownloadStart", name), "OPPlayBack", keys=())
    while not (packet := await data.read()).b13:
        again += packet.payload
    assert again == content


async def test_a_snapshot_is_one_packet_of_jpeg(sim, clients):
    client = await clients(sim.port, login=True)
    client.send(1560, {"Name": "OPSNAP", "OPSNAP": {"Channel": 0}})
    packet = await client.read()
    assert (packet.id, packet.b13, packet.payload[:2], packet.payload[-2:]) == (
        1561,
        1,
        b"\xff\xd8",
        b"\xff\xd9",
    )
    with av.open(io.BytesIO(packet.payload), format="mjpeg") as file:
        assert next(file.decode(video=0)).width == 640


async def test_an_upgrade_to_the_reboot_and_back(sim, clients):
    client = await clients(sim.port, login=True)
    before = sim.firmware
    image = hashlib.sha256(b"seed").digest() * 3000
    await strict(client, 1525, {"Name": "OPSystemUpgrade"}, "OPSystemUpgrade", keys=("OPSystemUpgrade",))
    start = {"Name": "OPSystemUpgrade", "OPSystemUpgrade": {"Action": "Start", "Type": "System"}}
    await strict(client, 1520, start, "", keys=())
    pieces = [image[at : at + 16384] for at in range(0, len(image), 16384)]
    for number, piece in enumerate([*pieces, b""], 1):
        client.send(1522, piece, seq=number, b13=int(not piece))
        packet = await client.read()
        assert (packet.id, packet.seq, packet.json["Ret"], packet.json["Name"]) == (1523, number, 100, "")
    progress = []
    while not progress or progress[-1] <= 100:
        packet = await client.read()
        assert packet.id == 1524
        progress.append(packet.json["Ret"])
    assert progress[-1] == 515
    assert progress[:-1] == sorted(progress[:-1])
    assert await client.closed()
    assert sim.images[0].sha256 == hashlib.sha256(image).hexdigest()
    with pytest.raises(ConnectionRefusedError):
        await clients(sim.port)
    await sim.wait_for(lambda: sim.device.boots == 2 and not sim.state()["down"])
    back = await clients(sim.port, login=True)
    info = await strict(back, 1020, {"Name": "SystemInfo"}, "SystemInfo")
    assert info["SystemInfo"]["SoftWareVersion"] == sim.firmware != before
