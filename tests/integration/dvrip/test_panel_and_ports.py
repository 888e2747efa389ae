"""Keys, the screen, serial ports, tests of services and bitmaps, against scripted answers and a recorder."""

import asyncio

import pytest

from cambus.dvrip.errors import DeviceError, MalformedPayload, Refused
from cambus.dvrip.messages.bitmaps import Bitmap, parse_bitmaps
from cambus.dvrip.objects.network import NetCommon
from cambus.dvrip.objects.servers import NetEmail, Server
from cambus.dvrip.operations.panel import Key, PanelOperations
from cambus.dvrip.operations.serial import MAX_WAITING, Port
from cambus.dvrip.operations.services import CameraAddress, LoginEncryption
from cambus.dvrip.profile import Credentials
from cambus.simulators.dvrip import DvripSimulator

# keys


def keys_of(scripted):
    return [tuple(message.body["OPNetKeyboard"].values()) for message in scripted.messages(1550)]


async def test_a_key_goes_down_is_held_300_ms_and_comes_up(scripted, client):
    waited = []

    async def sleep(seconds):
        waited.append((seconds, keys_of(scripted)))

    panel = PanelOperations(client, sleep)
    await panel.press(Key.MENU)
    assert waited == [(0.3, [("KeyDown", "Menu")])]
    assert keys_of(scripted) == [("KeyDown", "Menu"), ("KeyUp", "Menu")]
    assert scripted.messages(1550)[0].body["Name"] == "OPNetKeyboard"


@pytest.mark.parametrize("key", [*Key, "0", "9"])
async def test_every_key_is_sent_by_its_wire_name(scripted, client, key):
    await client.panel.press(key, hold_s=0)
    assert keys_of(scripted) == [("KeyDown", key), ("KeyUp", key)]


@pytest.mark.parametrize("key", ["", "10", "menu", "Power", "٣"])
async def test_a_key_that_does_not_exist_is_not_sent(scripted, client, key):
    with pytest.raises(Refused):
        await client.panel.press(key)
    assert scripted.messages(1550) == []


async def test_a_caller_that_goes_away_lets_go_of_the_key(scripted, client):
    holding = asyncio.create_task(client.panel.press(Key.UP, hold_s=3600))
    await scripted.hears(1550)
    await client.request(1020, {})  # the answer to the key is in by now
    holding.cancel()
    await asyncio.wait([holding])
    assert (await scripted.hears(1550, 2)).body["OPNetKeyboard"] == {"Status": "KeyUp", "Value": "Up"}


# the screen

BMP = b"BM" + bytes(range(256)) * 8


@pytest.mark.parametrize("form", ["end flag", "packets", "zero length", "parts"])
async def test_the_screen_comes_in_any_form(scripted, client, form):
    def answer(message):
        from cambus.dvrip.wire import fragment

        if form == "end flag":
            message.reply(BMP, end=True)
        elif form == "parts":  # in Total/Cur parts it is whole at once, and what follows says so
            for part in fragment(1601, BMP, session_id=0x57, version=1, size=500):
                message.peer.send_raw(part)
            message.reply(b"", end=True)
        else:
            message.reply(BMP[:700])
            message.reply(BMP[700:], end=form == "packets")
            if form == "zero length":
                message.reply(b"")

    scripted.on[1600] = answer
    assert await client.panel.screenshot() == BMP


async def test_a_screen_that_is_refused_or_empty_is_an_error(scripted, client):
    scripted.on[1600] = lambda message: message.reply(b'{"Name":"","Ret":107}')
    with pytest.raises(DeviceError) as refused:
        await client.panel.screenshot()
    assert refused.value.code == 107
    scripted.on[1600] = lambda message: message.reply(b"")
    with pytest.raises(MalformedPayload):
        await client.panel.screenshot()


# serial ports


@pytest.mark.parametrize(("port", "read", "write"), [(Port.RS232, 1570, 1572), (Port.RS485, 1574, 1576)])
async def test_a_port_is_read_and_written_as_raw_bytes(scripted, client, port, read, write):
    every = bytes(range(256)) * 5
    scripted.on[read] = lambda message: message.reply(every)
    assert await client.serial.read(port) == every
    await client.serial.write(port, every)
    pieces = [message.payload for message in scripted.messages(write)]
    assert (b"".join(pieces), [len(piece) for piece in pieces]) == (every, [1024, 256])


async def test_a_port_that_is_not_there_is_an_error_and_bytes_like_json_are_not(scripted, client):
    scripted.on[1570] = lambda message: message.reply(b'{"Ret":107}\n\x00')
    with pytest.raises(DeviceError):
        await client.serial.read(Port.RS232)
    scripted.on[1570] = lambda message: message.reply(b"{hello")
    assert await client.serial.read(Port.RS232) == b"{hello"
    scripted.on[1572] = lambda message: message.reply({"Ret": 107})
    with pytest.raises(DeviceError):
        await client.serial.write(Port.RS232, b"x")


@pytest.fixture
async def recorder():
    async with DvripSimulator(user="admin", password="admin", channels=1, seed=1) as made:
        yield made


@pytest.fixture
async def two_clients(recorder):
    from cambus.dvrip.client import DvripClient

    clients = [
        DvripClient("127.0.0.1", recorder.port, credentials=Credentials("admin", "admin")) for _ in range(2)
    ]
    for each in clients:
        await each.connect()
    yield clients
    for each in clients:
        await each.close()


@pytest.mark.parametrize("port", list(Port))
async def test_the_transparent_channel_carries_every_byte_both_ways(two_clients, recorder, port, deadline):
    every = bytes(range(256)) * 20
    async with await two_clients[0].serial.open(port) as channel:
        await channel.send(every)
        heard = bytearray()
        async with deadline():
            while len(heard) < len(every):
                heard += await anext(channel)
    assert bytes(heard) == every == bytes(recorder.device.serial_ports.written[port])
    assert recorder.device.serial_ports.owner == {}


async def test_a_port_has_one_owner_at_a_time(two_clients, recorder):
    first, second = two_clients
    channel = await first.serial.open(Port.RS485)
    with pytest.raises(Refused) as ours:
        await first.serial.open(Port.RS485)
    assert ours.value.reason == "busy"
    with pytest.raises(DeviceError) as theirs:
        await second.serial.open(Port.RS485)
    assert theirs.value.code == 212
    await channel.close()
    await (await second.serial.open(Port.RS485)).close()
    with pytest.raises(Refused):
        await channel.send(b"late")


async def test_a_channel_ends_with_its_session(scripted, client, deadline):
    channel = await client.serial.open(Port.RS232)
    assert (await scripted.hears(1578)).body["TransparentComm"] == {
        "Action": "Open",
        "Type": "RS232",
        "Attribute": [9600, "None", 8, 1],
    }
    scripted.peers[0].send(1582, b"last words")
    await client.request(1020, {})
    scripted.peers[0].close()
    async with deadline():
        assert [piece async for piece in channel] == [b"last words"]
    await channel.close()


async def test_a_slow_consumer_of_a_port_loses_and_counts(scripted, client):
    channel = await client.serial.open(Port.RS485)
    for _ in range(MAX_WAITING // 1024 + 3):
        scripted.peers[0].send(1580, bytes(1024))
    scripted.peers[0].send(1582, b"the other port")
    await client.request(1020, {})
    assert channel.counters == {"received": MAX_WAITING, "dropped": 3 * 1024}


# what the device does towards others


async def test_mail_and_ftp_are_tried_with_the_devices_settings_or_others(scripted, client):
    mail = {"Enable": True, "MailServer": {"Port": 25}, "Recievers": ["a@b"]}
    ftp = [{"Directory": "x", "Server": {"Port": 21}}]
    scripted.on[1042] = lambda message: message.reply(
        {message.body["Name"]: mail if message.body["Name"] == "NetWork.NetEmail" else ftp}
    )
    await client.services.test_mail()
    await client.services.test_ftp()
    await client.services.test_mail(NetEmail(server=Server(address="mail.example", port=587)))
    sent = [message.body["OPMailTest"] for message in scripted.messages(1636)]
    assert sent == [mail, {"MailServer": {"Address": "mail.example", "Port": 587}}]
    assert (await scripted.hears(2008)).body["OPFTPTest"] == ftp[0]
    scripted.on[1636] = lambda message: message.reply({"Ret": 101})
    with pytest.raises(DeviceError):
        await client.services.test_mail({})


async def test_a_camera_behind_a_recorder_gets_an_address(scripted, client):
    network = NetCommon(host="10.0.0.9", netmask="255.255.255.0", host_name="cam", tcp_port=34567)
    address = CameraAddress("admin", "admin", network)
    with pytest.raises(Refused):
        await client.services.set_camera_address(address)
    assert scripted.messages(1652) == []
    await client.services.set_camera_address(address, confirm=True)
    assert (await scripted.hears(1652)).body["OPDIGSetIP"] == {
        "devtype": "IPC",
        "LoginCfg": {"EncryptType": 1, "UserName": "admin", "Password": "6QNMIQGe"},
        "Netcfg": {
            "DefaultInterface": "eth0",
            "eth0": {"HostIP": "10.0.0.9", "Submask": "255.255.255.0", "HostName": "cam", "TCPPort": 34567},
        },
    }
    assert "6QNMIQGe" not in repr(address)
    plain = CameraAddress("admin", "secret", network, encryption=LoginEncryption.PLAIN)
    assert plain.wire()["LoginCfg"]["Password"] == "secret"
    assert "secret" not in repr(plain)


async def test_a_random_user_comes_without_code_or_session(scripted, client):
    scripted.on[1660] = lambda message: message.reply(b'{"RandomUser":{"Name":"u"}}\n\x00')
    assert await client.services.random_user() == {"RandomUser": {"Name": "u"}}


# titles as bitmaps


async def test_a_bitmap_is_a_header_of_16_bytes_and_a_bit_for_each_pixel(
    scripted, client, two_clients, recorder
):
    bitmap = Bitmap(24, 16, bytes(range(48)))
    await client.config.set_title_bitmap(bitmap)
    sent = (await scripted.hears(1050)).payload
    assert sent.hex(" ", 4) == (bytes([24, 0, 16, 0]) + bytes(12) + bytes(range(48))).hex(" ", 4)
    assert parse_bitmaps(sent) == [bitmap]
    await client.config.set_osd_bitmaps([bitmap, Bitmap(8, 1, b"\xaa")])
    assert parse_bitmaps((await scripted.hears(1054)).payload) == [bitmap, Bitmap(8, 1, b"\xaa")]
    await two_clients[0].config.set_title_bitmap(bitmap)
    assert recorder.device.bitmaps == 1


@pytest.mark.parametrize(
    "bitmap",
    [
        Bitmap(24, 16, bytes(47)),
        Bitmap(24, 16, bytes(49)),
        Bitmap(0, 16, b""),
        Bitmap(3, 3, b"x"),
        Bitmap(65536, 8, b""),
    ],
)
async def test_a_bitmap_that_is_not_right_is_not_sent(scripted, client, bitmap):
    with pytest.raises(Refused):
        await client.config.set_title_bitmap(bitmap)
    with pytest.raises(Refused):
        await client.config.set_osd_bitmaps([bitmap])
    with pytest.raises(Refused):
        await client.config.set_osd_bitmaps([])
    assert scripted.ids() == [1000]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08\x00\x08\x00",
        Bitmap(24, 16, bytes(48)).serialize()[:-1],
        Bitmap(24, 16, bytes(48)).serialize() + b"x",
        bytes(16),
        b"\x03\x00\x03\x00" + bytes(14),
    ],
)
@pytest.mark.parametrize("message_id", [1050, 1054])
async def test_the_device_answers_117_to_a_bitmap_that_is_not_right(two_clients, recorder, data, message_id):
    assert (await two_clients[0].request(message_id, data)).code == 117
    assert recorder.device.bitmaps == 0
