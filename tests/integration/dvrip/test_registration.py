"""Devices that dial us: logins, claims, operations, loss, and guests who never say what they want."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cambus.dvrip import session
from cambus.dvrip.admission import AdmissionLimits
from cambus.dvrip.errors import ConnectionLost, DeviceError, RequestTimeout
from cambus.dvrip.password import hash_password
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.profile import Profile
from cambus.dvrip.registration import RegistrationListener, RegistrationSettings, Verdict
from cambus.dvrip.timeouts import Timeouts
from cambus.dvrip.wire import Header, PacketReader, fragment, serialize

PASSWORD = "secret"
PATIENT_S = 10.0
LOGIN = {
    "UserName": "device",
    "PassWord": hash_password(PASSWORD),
    "EncryptType": "MD5",
    "DeviceType": "DVR",
    "DeviceID": 123456,
    "ChannelNum": 16,
}


class Dialler:
    """One connection of a device to the listener."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.packets = PacketReader()
        self.queue: list[Any] = []
        self.session_id = 0

    def send(self, message_id: int, body: Any = None, *, sid: int | None = None, sequence: int = 0) -> None:
        payload = body if isinstance(body, bytes) else encode_body(body or {})
        sid = self.session_id if sid is None else sid
        self.writer.write(serialize(message_id, payload, session_id=sid, sequence=sequence, version=1))

    def media(self, *frames: Any, message_id: int = 1412) -> None:
        for frame in frames:
            self.send(message_id, frame.serialize())

    async def receive(self, message_id: int | None = None) -> Any:
        """The next packet, or the next with this id."""
        async with asyncio.timeout(PATIENT_S):
            while True:
                while self.queue:
                    packet = self.queue.pop(0)
                    if message_id is None or packet.header.message_id == message_id:
                        return packet
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self.queue.extend(self.packets.receive_data(data))

    async def is_closed(self) -> bool:
        async with asyncio.timeout(PATIENT_S):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True

    async def log_in(self, message_id: int = 1000, **changes: Any) -> dict[str, Any]:
        self.send(message_id, {**LOGIN, **changes})
        packet = await self.receive(1009 if message_id == 1008 else 1001)
        self.session_id = packet.header.session_id
        return decode_body(packet.payload)

    async def answer(self, message_id: int, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Answer the next request with this id; return its body."""
        packet = await self.receive(message_id)
        request = decode_body(packet.payload)
        reply = {"Name": request.get("Name", ""), "Ret": 100, **(body or {})}
        self.send(message_id + 1, reply, sequence=packet.header.sequence)
        return request

    def close(self) -> None:
        self.writer.close()


class Platform:
    """A listener and what it reported."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.verdict = Verdict(100)
        self.is_strict = False
        self.devices: list[Any] = []
        self.flapping: list[str] = []
        self.arrived = asyncio.Event()
        self.listener: RegistrationListener | None = None
        self.dialled: list[Dialler] = []

    async def start(self, **settings: Any) -> "Platform":
        self.listener = RegistrationListener(
            RegistrationSettings(host="127.0.0.1", port=0, **settings),
            self.judge,
            self.online,
            self.flapping.append,
        )
        await self.listener.start()
        return self

    def judge(self, login: Any, address: str) -> Verdict:
        assert address == "127.0.0.1"
        code = login.check_password(PASSWORD, strict=self.is_strict)
        return self.verdict if code == 100 else Verdict(code)

    def online(self, device: Any) -> None:
        self.devices.append(device)
        self.arrived.set()

    async def dial(self, source: tuple[str, int] | None = None) -> Dialler:
        assert self.listener is not None
        address = ("127.0.0.1", self.listener.port)
        dialler = Dialler(*await asyncio.open_connection(*address, local_addr=source))
        self.dialled.append(dialler)
        return dialler

    async def device(self, **changes: Any) -> tuple[Dialler, Any]:
        """A device that has logged in, and our side of it."""
        dialler = await self.dial()
        reply = await dialler.log_in(**changes)
        assert reply["Ret"] == 100
        return dialler, self.devices[-1]


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    platform = Platform()
    yield platform
    for dialler in platform.dialled:
        dialler.close()
    if platform.listener is not None:
        await platform.listener.close()
    for dialler in platform.dialled:
        with contextlib.suppress(OSError):
            await dialler.writer.wait_closed()


@pytest.mark.parametrize("message_id", [1000, 999, 1008])
async def test_every_login_id_is_answered_with_a_fresh_session(platform, message_id):
    await platform.start()
    seen = set()
    for number in range(3):
        dialler = await platform.dial()
        reply = await dialler.log_in(message_id, DeviceID=number)
        assert (reply["Name"], reply["Ret"], reply["AliveInterval"]) == ("Login", 100, 20)
        assert 0 < dialler.session_id <= 0x7FFFFFFF
        assert int(reply["SessionID"], 16) == dialler.session_id
        seen.add(dialler.session_id)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("encrypt_type", "secret", "strict", "code"),
    [
        ("MD5", hash_password(PASSWORD), False, 100),
        ("MD5", PASSWORD, False, 203),
        ("NONE", PASSWORD, False, 100),
        ("NONE", hash_password(PASSWORD), False, 100),
        ("NONE", hash_password(PASSWORD), True, 203),
        ("NONE", PASSWORD, True, 100),
        ("MD5", "wrong", False, 203),
        ("MD5", "", False, 203),
        ("3DES", PASSWORD, False, 102),
    ],
)
async def test_credentials_in_all_their_forms(platform, encrypt_type, secret, strict, code):
    platform.is_strict = strict
    await platform.start()
    dialler = await platform.dial()
    reply = await dialler.log_in(EncryptType=encrypt_type, PassWord=secret)
    assert reply["Ret"] == code
    if code != 100:
        assert await dialler.is_closed()
        assert platform.devices == []


async def test_an_identity_is_one_as_number_string_or_misspelled(platform):
    await platform.start()
    for changes in ({"DeviceID": 7}, {"DeviceID": "7"}, {"DevicID": "7", "DeviceID": None}):
        body = {key: value for key, value in {**LOGIN, **changes}.items() if value is not None}
        dialler = await platform.dial()
        dialler.send(1000, body)
        await dialler.receive(1001)
    assert [device.device_id for device in platform.devices] == ["7", "7", "7"]
    assert list(platform.listener.devices) == ["7"]


@pytest.mark.parametrize("device_id", ["", None, [1], "x" * 129])
async def test_a_login_without_an_identity_is_refused(platform, device_id):
    await platform.start()
    dialler = await platform.dial()
    assert (await dialler.log_in(DeviceID=device_id))["Ret"] == 208


async def test_operations_work_on_the_connection_the_device_made(platform):
    await platform.start()
    dialler, device = await platform.device()
    info = asyncio.create_task(device.system.info())
    request = await dialler.answer(1020, {"SystemInfo": {"SerialNo": "s7"}})
    assert request["Name"] == "SystemInfo"
    assert (await info).serial == "s7"
    move = asyncio.create_task(device.ptz.goto_preset(1, 5))
    body = await dialler.answer(1400)
    assert body["OPPTZControl"]["Parameter"]["Preset"] == 5
    await move
    assert device.address == "127.0.0.1"
    assert device.login.channels == 16


async def test_alarms_arrive_from_registered_devices(platform):
    await platform.start()
    dialler, device = await platform.device()
    with device.events() as events:
        dialler.send(1504, {"AlarmInfo": {"Channel": 1, "Event": "VideoLoss", "Status": "Start"}}, sequence=9)
        async with asyncio.timeout(PATIENT_S):
            event = await anext(events)
        assert event.report.event == "video_loss"
        event.acknowledge()
    answer = await dialler.receive(1505)
    assert answer.header.sequence == 9


async def start_live(platform, dialler, frames, *, channel=2, claim_first=False, **claim_changes):
    """Play the device's part of starting live video; return its data connection."""
    if not claim_first:
        request = await dialler.answer(1410)
        assert request["OPMonitor"]["Action"] == "Request"
    data = await platform.dial()
    data.session_id = dialler.session_id
    claim = {
        "Channel": channel,
        "CombinMode": "NONE",
        "StreamType": "Main",
        "TransMode": "TCP",
        **claim_changes,
    }
    data.send(1413, {"Name": "OPMonitor", "OPMonitor": {"Action": "Claim", "Parameter": claim}})
    reply = await data.receive(1414)
    assert decode_body(reply.payload)["Ret"] == 100
    if claim_first:
        await dialler.answer(1410)
    start = await dialler.answer(1410)
    assert start["OPMonitor"]["Action"] == "Start"
    data.media(frames.key, frames.delta)
    return data


@pytest.mark.parametrize("claim_first", [False, True])
async def test_live_video_by_request_claim_and_start(platform, frames, claim_first):
    await platform.start()
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2))
    if claim_first:
        while not platform.listener._expected:  # noqa: ASYNC110 - sending sets no event
            await asyncio.sleep(0)
    data = await start_live(platform, dialler, frames, claim_first=claim_first)
    async with asyncio.timeout(PATIENT_S):
        live = await opening
        assert [await anext(live), await anext(live)] == [frames.key, frames.delta]
    stopping = asyncio.create_task(live.stop())
    stop = await dialler.answer(1410)
    assert stop["OPMonitor"]["Action"] == "Stop"
    data.close()
    async with asyncio.timeout(PATIENT_S):
        await stopping
    assert device.is_online


async def test_after_stop_the_data_socket_is_closed_even_if_the_device_leaves_it_open(platform, frames):
    await platform.start(timeouts=Timeouts(release=0.1))
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2))
    data = await start_live(platform, dialler, frames)
    live = await opening
    stopping = asyncio.create_task(live.stop())
    await dialler.answer(1410)
    await stopping
    assert await data.is_closed()


async def test_playback_by_request_claim_and_start(platform, frames):
    await platform.start()
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_playback(1, "/a.h264", download=True))
    request = await dialler.answer(1420)
    assert request["OPPlayBack"]["Action"] == "Request"
    data = await platform.dial()
    data.send(1424, {"OPPlayBack": {"Action": "Claim", "Parameter": {"Channel": 1}}}, sid=dialler.session_id)
    assert decode_body((await data.receive(1425)).payload)["Ret"] == 100
    start = await dialler.answer(1420)
    assert start["OPPlayBack"]["Action"] == "DownloadStart"
    data.media(frames.key, message_id=1426)
    data.writer.write(serialize(1426, b"", session_id=dialler.session_id, version=1, end=True))
    async with asyncio.timeout(PATIENT_S):
        playback = await opening
        assert [frame async for frame in playback] == [frames.key]
    await playback.close()


async def test_a_profile_may_request_with_the_claim_id(platform):
    platform.verdict = Verdict(100, profile=Profile(request_by_claim_id=True))
    await platform.start()
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(0))
    packet = await dialler.receive(1413)
    assert decode_body(packet.payload)["OPMonitor"]["Action"] == "Request"
    dialler.send(1414, {"Ret": 121})
    with pytest.raises(DeviceError):
        await opening


@pytest.mark.parametrize(
    "case", ["unknown session", "no request", "wrong channel", "wrong stream", "wrong kind", "twice"]
)
async def test_a_claim_nobody_waits_for_is_refused_and_closed(platform, frames, case):
    await platform.start(claim_within_s=2.0)
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2)) if case != "no request" else None
    if opening is not None:
        await dialler.answer(1410)
    if case == "twice":
        good = await platform.dial()
        good.send(
            1413, {"OPMonitor": {"Parameter": {"Channel": 2, "StreamType": "Main"}}}, sid=dialler.session_id
        )
        await good.receive(1414)
    data = await platform.dial()
    parameter = {
        "Channel": 3 if case == "wrong channel" else 2,
        "StreamType": "Extra1" if case == "wrong stream" else "Main",
    }
    claim_id, section = (1424, "OPPlayBack") if case == "wrong kind" else (1413, "OPMonitor")
    sid = dialler.session_id ^ 1 if case == "unknown session" else dialler.session_id
    data.send(claim_id, {section: {"Action": "Claim", "Parameter": parameter}}, sid=sid)
    reply = await data.receive(claim_id + 1)
    assert decode_body(reply.payload)["Ret"] == 103
    assert await data.is_closed()
    assert platform.listener.counters["claims_refused"] == 1
    if opening is not None:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)


async def test_a_claim_that_comes_too_late_is_refused(platform):
    await platform.start(claim_within_s=0.05)
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2))
    await dialler.answer(1410)
    with pytest.raises(RequestTimeout):
        await opening
    data = await platform.dial()
    data.send(
        1413, {"OPMonitor": {"Parameter": {"Channel": 2, "StreamType": "Main"}}}, sid=dialler.session_id
    )
    assert decode_body((await data.receive(1414)).payload)["Ret"] == 103
    assert await data.is_closed()
    assert device.is_online


def test_nobody_is_waited_for_longer_than_10_s():
    settings = RegistrationSettings()
    assert (settings.first_message_within_s, settings.claim_within_s) == (10.0, 10.0)


async def test_a_claim_from_another_address_is_refused_unless_addresses_are_not_checked(platform, frames):
    await platform.start()
    dialler, device = await platform.device()
    device.address = "192.0.2.1"  # as if the main connection had come from there
    opening = asyncio.create_task(device.open_live(2))
    await dialler.answer(1410)
    data = await platform.dial()
    claim = {"OPMonitor": {"Parameter": {"Channel": 2, "StreamType": "Main"}}}
    data.send(1413, claim, sid=dialler.session_id)
    assert decode_body((await data.receive(1414)).payload)["Ret"] == 103
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    device._check_address = False
    opening = asyncio.create_task(device.open_live(2))
    await dialler.answer(1410)
    again = await platform.dial()
    again.send(1413, claim, sid=dialler.session_id)
    assert decode_body((await again.receive(1414)).payload)["Ret"] == 100
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)


@pytest.mark.parametrize(("listener", "own"), [(True, False), (False, True), (True, None), (False, None)])
async def test_whether_addresses_are_checked_is_said_of_all_devices_or_of_one(platform, listener, own):
    platform.verdict = Verdict(100, check_address=own)
    await platform.start(check_address=listener)
    dialler, device = await platform.device()
    device.address = "192.0.2.1"  # as if the main connection had come from there
    opening = asyncio.create_task(device.open_live(2))
    await dialler.answer(1410)
    data = await platform.dial()
    claim = {"OPMonitor": {"Parameter": {"Channel": 2, "StreamType": "Main"}}}
    data.send(1413, claim, sid=dialler.session_id)
    is_checked = listener if own is None else own
    assert decode_body((await data.receive(1414)).payload)["Ret"] == (103 if is_checked else 100)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)


async def test_the_keepalive_of_the_device_is_answered(platform):
    await platform.start()
    dialler, _ = await platform.device()
    dialler.send(1006, {"Name": "KeepAlive"}, sequence=5)
    reply = await dialler.receive(1007)
    assert (decode_body(reply.payload)["Ret"], reply.header.sequence) == (100, 5)


async def test_the_loss_of_the_main_connection_closes_its_data_connections(platform, frames):
    await platform.start()
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2))
    data = await start_live(platform, dialler, frames)
    live = await opening
    dialler.close()
    async with asyncio.timeout(PATIENT_S):
        assert isinstance(await device.wait_closed(), ConnectionLost)
    assert await data.is_closed()
    assert platform.listener.devices == {}
    with pytest.raises(ConnectionLost):
        async for _ in live:
            pass
    await live.stop()


async def test_three_unanswered_keepalives_close_it_and_its_data_connections(platform, frames, monkeypatch):
    monkeypatch.setattr(session, "REGISTERED_KEEPALIVE_S", 0.7)
    await platform.start(timeouts=Timeouts(keepalive=0.4))
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2))
    data = await start_live(platform, dialler, frames)
    live = await opening
    async with asyncio.timeout(PATIENT_S):
        assert "keepalive" in str(await device.wait_closed())
    assert device.control.session.counters["keepalives"] >= 3
    assert device.control.session.counters["keepalives_missed"] == 3
    assert (await dialler.receive(1006)).header.session_id == dialler.session_id
    assert await data.is_closed()
    assert platform.listener.devices == {}
    await live.stop()


async def test_a_newer_connection_of_the_same_device_replaces_the_older(platform, frames):
    await platform.start()
    old_dialler, old = await platform.device()
    opening = asyncio.create_task(old.open_live(2))
    old_data = await start_live(platform, old_dialler, frames)
    live = await opening
    new_dialler, new = await platform.device()
    assert await old_dialler.is_closed()
    assert await old_data.is_closed()
    async with asyncio.timeout(PATIENT_S):
        await old.wait_closed()
    assert new.is_online
    assert platform.listener.devices == {"123456": new}
    assert new_dialler.session_id != old_dialler.session_id
    await live.stop()


async def test_a_consumer_of_alerts_that_raises_costs_no_device_its_login(platform, caplog):
    await platform.start()
    platform.listener._on_flapping = lambda device_id: 1 / 0
    for _ in range(8):
        _, device = await platform.device()
    assert device.is_online
    assert platform.listener.counters["callback_errors"] == 1
    assert "flapping" in caplog.text


async def test_flapping_raises_one_alert(platform):
    await platform.start()
    for _ in range(12):
        await platform.device()
    assert platform.flapping == ["123456"]
    assert platform.listener.counters["replaced"] == 11


async def test_a_device_pending_approval_is_online_and_marked(platform):
    platform.verdict = Verdict(100, is_pending=True)
    await platform.start()
    _, device = await platform.device()
    assert device.is_pending
    assert device.is_online


async def test_an_unknown_device_is_refused_with_205(platform):
    platform.verdict = Verdict(205)
    await platform.start()
    dialler = await platform.dial()
    assert (await dialler.log_in())["Ret"] == 205
    assert await dialler.is_closed()


async def test_a_guest_that_says_nothing_is_closed(platform):
    await platform.start(first_message_within_s=0.05)
    silent = await platform.dial()
    assert await silent.is_closed()
    assert platform.listener.counters["silent"] == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x00",
        serialize(1020, b"{}"),
        serialize(1000, b"[" * 10_000),
        serialize(1000, b"not json"),
        serialize(1413, b"\xff\xff"),
        b"\xff\x00\x00\x00" + bytes(8) + b"\x00\x00\xe8\x03" + (64 * 1024 + 1).to_bytes(4, "little"),
    ],
)
async def test_garbage_is_closed_at_once(platform, garbage):
    await platform.start()
    guest = await platform.dial()
    guest.writer.write(garbage)
    assert await guest.is_closed()
    assert platform.listener.counters["garbage"] == 1


async def test_a_login_may_come_in_parts_but_not_without_end(platform):
    await platform.start()
    dialler = await platform.dial()
    for part in fragment(1000, encode_body(LOGIN), sequence=4, version=1, size=50):
        dialler.writer.write(part)
    reply = await dialler.receive(1001)
    assert decode_body(reply.payload)["Ret"] == 100
    flood = await platform.dial()
    for current in range(100):
        header = Header(0xFF, 1, 0, 0, 0, 0, 200, current, 1000, 4000)
        flood.writer.write(header.serialize() + bytes(4000))
    assert await flood.is_closed()
    assert platform.listener.counters["garbage"] == 1


async def test_caps_hold_under_many_connects(platform):
    await platform.start(limits=AdmissionLimits(total=20, per_address=20))
    guests = [await platform.dial() for _ in range(200)]
    guests[0].send(1000, LOGIN)
    reply = await guests[0].receive(1001)
    assert decode_body(reply.payload)["Ret"] == 100
    assert len(platform.listener._guests) <= 20
    for guest in guests[1:]:
        guest.close()
    async with asyncio.timeout(PATIENT_S):
        while platform.listener._guests:  # noqa: ASYNC110 - leaving sets no event
            await asyncio.sleep(0.01)
    dialler = await platform.dial()
    assert (await dialler.log_in(DeviceID=8))["Ret"] == 100


async def test_caps_hold_under_two_thousand_silent_connects(platform, eventually):
    """Half of them from one address; the limits are the usual ones. Who has logged in is not among them."""
    limits = AdmissionLimits()
    await platform.start(limits=limits, first_message_within_s=60.0)
    known, device = await platform.device()
    sources = ["127.0.0.2"] * 1000 + [f"127.0.1.{1 + number % 40}" for number in range(1000)]
    for source in sources:
        await platform.dial((source, 0))
        assert len(platform.listener._guests) <= limits.total
    counters = platform.listener.admission.counters
    await eventually(lambda: counters.total() == 2000 - limits.total)
    assert counters["refused_address"] == 1000 - limits.per_address
    assert len(platform.listener._guests) == limits.total
    known.send(1006, {"Name": "KeepAlive"})
    await known.receive(1007)
    assert device.is_online
    for guest in platform.dialled[1:]:
        guest.close()
    await eventually(lambda: not platform.listener._guests)
    dialler = await platform.dial()
    assert (await dialler.log_in(DeviceID=9))["Ret"] == 100


async def test_failing_logins_are_held_off_by_address(platform):
    await platform.start()
    for _ in range(5):
        dialler = await platform.dial()
        assert (await dialler.log_in(PassWord="wrong"))["Ret"] == 203
    refused = await platform.dial()
    assert await refused.is_closed()
    assert platform.listener.admission.counters["held_off"] == 1


async def test_messages_right_behind_the_login_are_not_lost(platform):
    await platform.start()
    dialler = await platform.dial()
    login = serialize(1000, encode_body(LOGIN))
    keepalive = serialize(1006, encode_body({"Name": "KeepAlive"}), sequence=3, version=1)
    dialler.writer.write(login + keepalive + keepalive[:10])
    await dialler.receive(1001)
    assert (await dialler.receive(1007)).header.sequence == 3
    dialler.writer.write(keepalive[10:])
    assert (await dialler.receive(1007)).header.sequence == 3


async def test_a_judge_that_fails_refuses_and_the_listener_lives(platform, caplog):
    await platform.start()
    platform.listener._judge = lambda login, address: 1 / 0
    dialler = await platform.dial()
    assert (await dialler.log_in())["Ret"] == 101
    platform.listener._judge = platform.judge
    await platform.device()
    assert "judging the login" in caplog.text
    assert PASSWORD not in caplog.text


async def test_who_is_online_stays_when_nobody_new_is_taken(platform):
    await platform.start()
    known, device = await platform.device()
    guest = await platform.dial()
    late = asyncio.open_connection("127.0.0.1", platform.listener.port)
    platform.listener.stop_listening()
    assert await guest.is_closed()
    with contextlib.suppress(ConnectionError):
        reader, writer = await late
        assert await reader.read() == b""
        writer.close()
    known.send(1006, {"Name": "KeepAlive"})
    await known.receive(1007)
    assert device.is_online


async def test_close_stops_streams_and_says_goodbye(platform, frames):
    await platform.start()
    dialler, _ = await platform.device()
    closing = asyncio.create_task(platform.listener.close())
    await dialler.answer(1002)
    async with asyncio.timeout(PATIENT_S):
        await closing
    assert await dialler.is_closed()
    platform.listener = None
