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
