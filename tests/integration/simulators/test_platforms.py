"""The device as the one that dials: registration with a platform, alarm centre, and search over UDP."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from cambus.simulators.dvrip import DvripSimulator, registration
from cambus.simulators.dvrip.discovery import DiscoveryResponder

TIMEOUT_S = 15.0


class Platform:
    """A listener made of struct and json that plays a registration platform by a script."""

    def __init__(self):
        self.sockets = asyncio.Queue()
        self.sid = 0x31
        self.server = None

    async def start(self):
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def _accept(self, reader, writer):
        self.sockets.put_nowait(Link(reader, writer))

    async def accept(self):
        async with asyncio.timeout(TIMEOUT_S):
            link = await self.sockets.get()
        self.links = [*getattr(self, "links", []), link]
        return link

    async def register(self, ret=100, reply_id=1001):
        """Take a login; the main link and the login's body."""
        main = await self.accept()
        head, body = await main.read()
        assert head[4] == 0
        main.send(reply_id, {"Name": "Login", "Ret": ret, "AliveInterval": 20}, self.sid)
        return main, head, body

    async def close(self):
        self.server.close()
        for link in getattr(self, "links", []):
            link.writer.close()
        await self.server.wait_closed()


class Link:
    def __init__(self, reader, writer):
        self.reader, self.writer, self.seq = reader, writer, 0

    async def read(self):
        async with asyncio.timeout(TIMEOUT_S):
            head = struct.unpack("<BBBBIIBBHI", await self.reader.readexactly(20))
            payload = await self.reader.readexactly(head[9])
        is_json = payload.startswith(b"{") and head[8] != 1412
        return head, json.loads(payload.rstrip(b"\x00\n")) if is_json else payload

    async def read_id(self, message_id):
        while True:
            head, body = await self.read()
            if head[8] == message_id:
                return head, body

    def send(self, message_id, body, sid):
        payload = json.dumps(body).encode() + b"\n\x00"
        self.writer.write(
            struct.pack("<BBBBIIBBHI", 255, 0, 0, 0, sid, self.seq, 0, 0, message_id, len(payload)) + payload
        )
        self.seq += 1

    async def ask(self, message_id, body, sid=0x31):
        self.send(message_id, body, sid)
        return (await self.read_id(message_id + 1))[1]


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    made = Platform()
    made.port = await made.start()
    yield made
    await made.close()


def monitor(action, channel=0):
    parameter = {"Channel": channel, "CombinMode": "NONE", "StreamType": "Main", "TransMode": "TCP"}
    return {"Name": "OPMonitor", "OPMonitor": {"Action": action, "Parameter": parameter}}


def register(sim, platform):
    sim.register_with("127.0.0.1", platform.port, user="plat", password="admin")


async def test_a_device_registers_and_serves_over_the_connection_it_dialled(sim, platform):
    register(sim, platform)
    main, head, body = await platform.register()
    assert head[8] == 1000
    assert body == {
        "ChannelNum": 2,
        "DeviceID": "123456",
        "DeviceType": "DVR",
        "EncryptType": "MD5",
        "PassWord": "6QNMIQGe",
        "SessionID": "0x00000000",
        "UserName": "plat",
    }
    await sim.wait_for(lambda: sim.device.registered)
    assert (await main.ask(1020, {"Name": "SystemInfo"}))["SystemInfo"]["SerialNo"] == "003344230000"
    assert (await main.ask(1006, {"Name": "KeepAlive"}))["Ret"] == 100
    assert (await main.ask(1500, {"Name": ""}))["Ret"] == 100
    sim.raise_alarm("motion", 0)
    assert (await main.read_id(1504))[1]["AlarmInfo"]["Status"] == "Start"


@pytest.mark.parametrize(
    ("changes", "login_id", "field"),
    [
        ({"das_login_id": "999"}, 999, ("EncryptType", "MD5")),
        ({"das_login_id": "1008", "das_id_form": "number"}, 1008, ("DeviceID", 123456)),
        ({"das_id_form": "devicid"}, 1000, ("DevicID", "123456")),
        ({"das_secret": "none_plain"}, 1000, ("PassWord", "admin")),
        ({"das_secret": "none_hash"}, 1000, ("PassWord", "6QNMIQGe")),
    ],
)
async def test_logins_come_in_every_shape(sim, platform, changes, login_id, field):
    sim.update_quirks(changes)
    register(sim, platform)
    _, head, body = await platform.register(reply_id=1009 if login_id == 1008 else 1001)
    assert head[8] == login_id
    assert body[field[0]] == field[1]
    await sim.wait_for(lambda: sim.device.registered)


async def test_live_is_dialled_back_on_request(sim, platform):
    register(sim, platform)
    main, _, _ = await platform.register()
    assert (await main.ask(1410, monitor("Request")))["Ret"] == 100
    data = await platform.accept()
    head, claim = await data.read()
    assert (head[8], head[4]) == (1413, platform.sid)
    assert claim["OPMonitor"]["Action"] == "Claim"
    assert claim["OPMonitor"]["Parameter"]["Channel"] == 0
    data.send(1414, {"Name": "OPMonitor", "Ret": 100}, platform.sid)
    assert (await main.ask(1410, monitor("Start")))["Ret"] == 100
    head, payload = await data.read()
    assert (head[8], payload[:4]) == (1412, b"\x00\x00\x01\xfc")
    assert (await main.ask(1410, monitor("Stop")))["Ret"] == 100
    with pytest.raises(asyncio.IncompleteReadError):
        await data.read_id(None)


async def test_playbacks_share_one_connection_dialled_back(sim, platform):
    register(sim, platform)
    main, _, _ = await platform.register()
    names = [sim.device.recordings(channel, 0, "h264")[0].file_name for channel in (0, 1)]

    def body(action, channel):
        parameter = {"PlayMode": "ByName", "FileName": names[channel], "Channel": channel, "TransMode": "TCP"}
        return {"Name": "OPPlayBack", "OPPlayBack": {"Action": action, "Parameter": parameter}}

    data = None
    for channel in (0, 1):
        assert (await main.ask(1420, body("Request", channel)))["Ret"] == 100
        data = data or await platform.accept()
        head, _ = await data.read_id(1424)
        data.send(1425, {"Name": "OPPlayBack", "Ret": 100}, platform.sid)
    await sim.wait_for(lambda: len(list(sim.role.media.claims())) == 2)
    for channel in (0, 1):
        assert (await main.ask(1420, body("DownloadStart", channel)))["Ret"] == 100
    sizes, ended = {0: 0, 1: 0}, set()
    while len(ended) < 2:
        head, payload = await data.read()
        assert head[8] == 1426
        sizes[head[6]] += len(payload)
        if head[7]:
            ended.add(head[6])
    assert platform.sockets.empty()
    expected = [sim.device.recording_size(sim.device.recordings(each, 0, "h264")[0]) for each in (0, 1)]
    assert [sizes[0], sizes[1]] == expected


async def test_a_claim_may_carry_the_wrong_session_or_channel_or_never_come(sim, platform):
    register(sim, platform)
    main, _, _ = await platform.register()
    sim.quirks.das_claim = "wrong_sid"
    await main.ask(1410, monitor("Request"))
    data = await platform.accept()
    head, _ = await data.read()
    assert head[4] != platform.sid
    data.send(1414, {"Ret": 103}, 0)
    sim.quirks.das_claim = "wrong_channel"
    await main.ask(1410, monitor("Request"))
    data = await platform.accept()
    _, claim = await data.read()
    assert claim["OPMonitor"]["Parameter"]["Channel"] == 1
    data.send(1414, {"Ret": 103}, 0)
    sim.quirks.das_claim = "never"
    assert (await main.ask(1410, monitor("Request")))["Ret"] == 100
    assert (await main.ask(1006, {}))["Ret"] == 100
    assert platform.sockets.empty()


async def test_a_claim_may_come_before_the_request_for_it_is_answered(sim, platform):
    register(sim, platform)
    main, _, _ = await platform.register()
    sim.quirks.das_claim = "early"
    main.send(1410, monitor("Request"), platform.sid)
    data = await platform.accept()
    assert (await data.read())[0][8] == 1413
    main.send(1006, {}, platform.sid)
    assert (await main.read())[0][8] == 1007  # the first that comes: the request is not answered yet
    data.send(1414, {"Ret": 100}, platform.sid)
    assert (await main.read())[0][8] == 1411
    assert (await main.ask(1410, monitor("Start")))["Ret"] == 100
    assert (await data.read())[0][8] == 1412


async def test_a_claim_may_come_when_nobody_waits_any_more(sim, platform, monkeypatch):
    monkeypatch.setattr(registration, "_LATE_S", 0.05)
    register(sim, platform)
    main, _, _ = await platform.register()
    sim.quirks.das_claim = "late"
    assert (await main.ask(1410, monitor("Request")))["Ret"] == 100
    data = await platform.accept()
    assert (await data.read())[0][8] == 1413


async def test_a_device_keeps_its_registration_alive_unless_it_does_not(sim, platform, monkeypatch):
    monkeypatch.setattr(registration, "_KEEPALIVE_S", 0.05)
    register(sim, platform)
    main, _, _ = await platform.register()
    for _ in range(3):
        await main.read_id(1006)
        main.send(1007, {"Name": "KeepAlive", "Ret": 100}, platform.sid)
    sim.quirks.das_keepalive = False
    await main.ask(1020, {"Name": "SystemInfo"})  # what was on its way comes before the answer
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(main.read_id(1006), 0.3)
    assert sim.registration.logins == 1


async def test_losing_the_main_connection_ends_the_data_and_registers_again(sim, platform):
    register(sim, platform)
    main, _, _ = await platform.register()
    await main.ask(1410, monitor("Request"))
    data = await platform.accept()
    await data.read()
    data.send(1414, {"Ret": 100}, platform.sid)
    await main.ask(1410, monitor("Start"))
    await data.read()
    sim.registration.drop_main()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await data.read_id(None)
    platform.sid = 0x32
    await platform.register()
    await sim.wait_for(lambda: sim.registration.logins == 2)
    assert [session.session_id for session in sim.sessions if session.registered] == [0x32]


async def test_a_refused_registration_is_tried_again(sim, platform):
    register(sim, platform)
    await platform.register(ret=203)
    await platform.register()
    await sim.wait_for(lambda: sim.device.registered)
    assert sim.registration.logins == 1


async def test_writing_the_settings_through_a_session_makes_it_register(sim, platform, clients):
    client = await clients(sim.port, login=True)
    value = {
        "Enable": True,
        "ServerAddr": "127.0.0.1",
        "Port": platform.port,
        "UserName": "u",
        "Password": "p",
    }
    reply = await client.ask(1040, {"Name": "NetWork.DAS", "NetWork.DAS": value})
    assert reply.json["Ret"] == 100
    _, _, body = await platform.register()
    assert body["UserName"] == "u"


@pytest.mark.parametrize(
    ("address", "port"), [("127.0.0.1", 70000), ("a" * 300, 9400), ("..", -1), ("\u0000", 1)]
)
async def test_an_address_that_is_none_is_never_reached_and_harms_nothing(
    sim, clients, platform, address, port
):
    sim.register_with(address, port, user="u", password="p")
    client = await clients(sim.port, login=True)
    assert (await client.ask(1006, {})).json["Ret"] == 100
    register(sim, platform)
    await platform.register()
    await sim.wait_for(lambda: sim.device.registered)


class Centre:
    """Collects what arrives at an alarm centre, connection by connection."""

    def __init__(self):
        self.connections, self.arrived = [], asyncio.Event()

    async def accept(self, reader, writer):
        chunks = []
        self.connections.append(chunks)
        try:
            while data := await reader.read(65536):
                chunks.append(data)
                self.arrived.set()
        finally:
            writer.close()

    def messages(self):
        out = []
        for chunks in self.connections:
            data = b"".join(chunks)
            while len(data) >= 20:
                head = struct.unpack("<BBBBIIBBHI", data[:20])
                payload = data[20 : 20 + head[9]]
                if len(payload) < head[9]:
                    break
                out.append((head[8], head[4], json.loads(payload.rstrip(b"\x00\n\r"))))
                data = data[20 + head[9] :]
        return out


@pytest.fixture
async def centre():
    made = Centre()
    server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("style", ["oneshot", "persistent", "split", "joined"])
async def test_alarms_reach_the_centre_in_every_style(sim, centre, style):
    sim.quirks.centre_style = style
    sim.report_to("127.0.0.1", centre.port)
    for status in ("Start", "Stop", "Start", "Stop"):
        sim.raise_alarm("motion", 1, status)
    await sim.wait_for(lambda: len(centre.messages()) == 4)
    assert [(message_id, sid) for message_id, sid, _ in centre.messages()] == [(1508, 0)] * 4
    bodies = [body for _, _, body in centre.messages()]
    assert [body["Status"] for body in bodies] == ["Start", "Stop", "Start", "Stop"]
    assert set(bodies[0]) == {
        "Address",
        "Channel",
        "Descrip",
        "Event",
        "SerialID",
        "StartTime",
        "Status",
        "Type",
    }
    assert bodies[0]["Address"] == "0x0100007F"
    assert (bodies[0]["Event"], bodies[0]["SerialID"]) == ("MotionDetect", "003344230000")
    assert len(centre.connections) == {"oneshot": 4, "persistent": 1, "split": 4, "joined": 2}[style]


async def test_the_other_shape_of_the_message(sim, centre):
    sim.update_quirks({"centre_shape": "named", "tail": "crlf"})
    sim.report_to("127.0.0.1", centre.port)
    sim.raise_alarm("video_loss", 0)
    await sim.wait_for(lambda: len(centre.messages()) == 1)
    body = centre.messages()[0][2]
    assert (body["Name"], body["NetAlarmCenterMsg"]["Event"]) == ("NetAlarmCenter", "LossDetect")


async def test_a_centre_that_is_not_there_costs_only_a_count(sim):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        sim.report_to("127.0.0.1", unused.getsockname()[1])
        sim.raise_alarm("motion", 0)
        await sim.wait_for(lambda: sim.centre.failed == 1)


class Searcher(asyncio.DatagramProtocol):
    def __init__(self):
        self.answers = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.answers.put_nowait(
            (struct.unpack("<BBBBIIBBHI", data[:20]), json.loads(data[20:].rstrip(b"\x00\n")))
        )

    async def next(self):
        async with asyncio.timeout(TIMEOUT_S):
            return await self.answers.get()


@pytest.fixture
async def search(sim):
    """A second device beside ``sim``, a responder for both and a way to talk to it."""
    async with DvripSimulator(user="admin", password="admin", channels=1, index=1) as second:
        responder = DiscoveryResponder([sim, second])
        await responder.start("127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        transport, searcher = await loop.create_datagram_endpoint(
            Searcher, remote_addr=("127.0.0.1", responder.port)
        )
        searcher.send = transport.sendto
        searcher.responder, searcher.devices = responder, [sim, second]
        yield searcher
        transport.close()
        responder.close()
        await asyncio.sleep(0)


PROBE = bytes.fromhex("ff000000" + "00" * 10 + "fa05" + "00000000")


async def test_a_search_finds_every_device(search):
    search.send(PROBE)
    answers = [await search.next() for _ in range(2)]
    assert {head[8] for head, _ in answers} == {1531}
    found = [body["NetWork.NetCommon"] for _, body in answers]
    assert [each["TCPPort"] for each in found] == [device.port for device in search.devices]
    assert len({each["MAC"] for each in found}) == 2
    assert {each["DeviceType"] for each in found} == {1}
    assert {"BuildDate", "Version"} & set(found[0]) == set()
    assert {"SN", "OtherFunction", "NetConnectState", "MaxBps"} <= set(found[0])


async def test_an_address_is_set_on_the_device_with_the_mac_only(search):
    first, second = search.devices
    body = {
        "DvrMac": second.device.identity.mac,
        "EncryptType": 1,
        "HostIP": "0x0A01A8C0",
        "Password": "6QNMIQGe",
        "Username": "admin",
    }

    def send(fields):
        payload = json.dumps(fields).encode() + b"\n\x00"
        search.send(
            b"\xff\x00\xfe\x00"
            + bytes(10)
            + (1532).to_bytes(2, "little")
            + len(payload).to_bytes(4, "little")
            + payload
        )

    send(body)
    head, answer = await search.next()
    assert (head[8], answer["Ret"]) == (1533, 100)
    assert second.device.config.get("NetWork.NetCommon.HostIP") == "0x0A01A8C0"
    assert first.device.config.get("NetWork.NetCommon.HostIP") == "0x0100007F"
    send({**body, "Password": "nonsense"})
    assert (await search.next())[1]["Ret"] == 203
    search.send(b"garbage")
    send({**body, "DvrMac": "ff:ff:ff:ff:ff:ff"})
    search.send(PROBE)
    assert (await search.next())[0][8] == 1531
    assert search.responder.ignored == 1


async def test_clients_platform_centre_and_search_at_the_same_time(sim, platform, centre, search, clients):
    register(sim, platform)
    sim.report_to("127.0.0.1", centre.port)
    main, _, _ = await platform.register()
    client = await clients(sim.port, login=True)
    data = await clients(sim.port)
    data.sid = client.sid
    await data.ask(1413, monitor("Claim"))
    await client.ask(1410, monitor("Start"))
    await client.ask(1500, {})
    await main.ask(1500, {})
    await main.ask(1410, monitor("Request", 1))
    dialled = await platform.accept()
    await dialled.read()
    dialled.send(1414, {"Ret": 100}, platform.sid)
    assert (await main.ask(1410, monitor("Start", 1)))["Ret"] == 100
    sim.raise_alarm("motion", 0)
    search.send(PROBE)
    assert (await data.read_id(1412)).payload
    assert (await dialled.read())[0][8] == 1412
    assert (await client.read_id(1504)).json["AlarmInfo"]["Event"] == "VideoMotion"
    assert (await main.read_id(1504))[1]["AlarmInfo"]["Event"] == "VideoMotion"
    assert (await search.next())[0][8] == 1531
    await sim.wait_for(lambda: len(centre.messages()) == 1)
    assert len(sim.streams) == 2
