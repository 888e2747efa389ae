"""A careless client: missing names, empty bodies, odd tails, one socket for everything. The device takes it all."""

import json

import pytest


async def test_a_login_without_name_type_or_encryption(sim, clients):
    client = await clients(sim.port)
    packet = await client.login({"UserName": "admin", "PassWord": "6QNMIQGe"})
    assert packet.json["Ret"] == 100


@pytest.mark.parametrize("tail", [b"", b"\n", b"\x00", b"\r\n", b"\n\x00", b" \x00\x00"])
async def test_any_tail_and_any_bytes_around_the_json(sim, clients, tail):
    client = await clients(sim.port, login=True)
    packet = await client.ask(1020, json.dumps({"Name": "SystemInfo"}).encode() + tail)
    assert packet.json["Ret"] == 100


@pytest.mark.parametrize("body", [b"", b"\n\x00", b"{}", b"{ }\n"])
async def test_empty_bodies(sim, clients, body):
    client = await clients(sim.port, login=True)
    for message_id in (1006, 1472, 1500, 1452, 1502):
        assert (await client.ask(message_id, body)).json["Ret"] == 100
    for message_id in (1020, 1042, 1400, 1410, 1440, 1450, 1460, 1482, 1488, 1578):
        assert "Ret" in (await client.ask(message_id, body)).json


async def test_one_byte_at_a_time_and_many_messages_at_once(sim, clients):
    client = await clients(sim.port, login=True)
    client.send(1006, {})
    request = (b"\xff" + bytes(3) + client.sid.to_bytes(4, "little") + bytes(6)) + b"\xee\x03" + bytes(4)
    for byte in request:
        client.writer.write(bytes([byte]))
        await client.writer.drain()
    client.writer.write(request * 20)
    for _ in range(22):
        assert (await client.read()).json["Ret"] == 100


async def test_everything_on_the_socket_of_the_login(sim, clients):
    client = await clients(sim.port, login=True)
    parameter = {"Channel": 0, "StreamType": "Main", "TransMode": "TCP"}
    await client.ask(1413, {"OPMonitor": {"Action": "Claim", "Parameter": parameter}})
    client.send(1410, {"OPMonitor": {"Action": "Start", "Parameter": parameter}})
    assert (await client.read()).id == 1412
    for _ in range(3):
        assert (await client.ask(1006, {"Name": "KeepAlive"})).json["Ret"] == 100
        assert (await client.read_id(1412)).payload
    assert (await client.ask(1410, {"OPMonitor": {"Action": "Stop", "Parameter": parameter}})).json[
        "Ret"
    ] == 100
    assert (await client.ask(1006, {})).json["Ret"] == 100


async def test_a_download_on_one_socket_with_only_a_file_name(sim, clients):
    client = await clients(sim.port, login=True)
    record = sim.device.recordings(1, 0, "h264")[2]
    section = {"Parameter": {"FileName": record.file_name, "TransMode": "TCP"}}
    await client.ask(1424, {"OPPlayBack": {"Action": "DownloadStart", **section}})
    client.send(1420, {"OPPlayBack": {"Action": "DownloadStart", **section}})
    size = 0
    while not (packet := await client.read()).b13:
        assert packet.id == 1426
        size += len(packet.payload)
    assert size == sim.device.recording_size(record)


async def test_the_session_may_be_told_in_the_body_alone(sim, clients):
    owner = await clients(sim.port, login=True)
    other = await clients(sim.port)
    body = {"Name": "SystemInfo", "SessionID": f"{owner.sid:x}"}
    assert (await other.ask(1020, body, sid=0)).json["Ret"] == 100


async def test_unknown_ids_are_answered_and_harm_nobody(sim, clients):
    client = await clients(sim.port, login=True)
    for message_id in (4, 2088, 3500, 9000, 65530):
        packet = await client.ask(message_id, b"\x00\x01\x02")
        assert (packet.json["Ret"], packet.json["Name"]) == (102, "")
    assert (await client.ask(1006, {})).json["Ret"] == 100


async def test_every_operation_with_as_little_as_it_needs(sim, clients):
    client = await clients(sim.port, login=True)
    data = await clients(sim.port)

    async def ok(message_id, body):
        answer = (await client.ask(message_id, body)).json
        assert answer["Ret"] == 100, answer
        return answer

    assert (await ok(1020, {"Name": "SystemInfo"}))["SystemInfo"]
    assert (await ok(1452, {}))["OPTimeQuery"]
    await ok(1450, {"OPTimeSetting": "2030-01-02 03:04:05"})
    name = "General.General.MachineName"
    await ok(1040, {"Name": name, name: "gate"})
    assert (await ok(1042, {"Name": name}))[name] == "gate"
    assert (await ok(1472, {}))["Users"]
    await ok(1482, {"User": {"Name": "bob", "Group": "user", "Password": "9kwf1kHJ"}})
    await ok(1486, {"Name": "bob"})
    query = {"BeginTime": "2000-00-00 00:00:00", "EndTime": "9999-12-31 23:59:59", "Channel": 0}
    record = (await ok(1440, {"OPFileQuery": query}))["OPFileQuery"][0]
    move = {"Command": "DirectionRight", "Parameter": {"Channel": 0}}
    await ok(1400, {"PTZControl": move})
    await sim.wait_for(lambda: sim.ptz(0).pan > 1)
    await ok(1400, {"PTZControl": {"Command": "DirectionRight", "Parameter": {"Preset": -1}}})
    await ok(1500, {})
    sim.raise_alarm("motion", 0)
    assert (await client.read_id(1504)).json["AlarmInfo"]["Event"] == "VideoMotion"
    data.send(1413, {"OPMonitor": {"Action1": "Start"}}, sid=client.sid)
    assert (await data.read_id(1412)).payload[:4] == b"\x00\x00\x01\xfc"
    await ok(1410, {"OPMonitor": {"Action": "Stop"}})
    download = {"OPPlayBack": {"Parameter": {"FileName": record["FileName"]}, "Action": "DownloadStart"}}
    await ok(1424, download)
    client.send(1420, download)
    while not (await client.read_id(1426)).b13:
        pass
    client.send(1560, {})
    assert (await client.read_id(1561)).payload[:2] == b"\xff\xd8"
    await ok(1520, {"OPSystemUpgrade": {"Action": "Start"}})
    for number, piece in enumerate((bytes(32768), bytes(100))):
        client.send(1522, piece, seq=number, b13=number)
        assert (await client.read_id(1523)).json["Ret"] == 100
    while (await client.read_id(1524)).json["Ret"] != 515:
        pass
    assert sim.images[0].size_bytes == 32868
