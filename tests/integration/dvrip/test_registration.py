"""Devices that dial in: who is let in, who is refused, and what may not hurt the others."""

import asyncio
import contextlib

import pytest
from dialling_device import LOGIN, PASSWORD, PATIENT_S, start_live

from cambus.dvrip.admission import AdmissionLimits
from cambus.dvrip.password import hash_password
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.registration import Verdict
from cambus.dvrip.wire import Header, fragment, serialize


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


async def test_the_keepalive_of_the_device_is_answered(platform):
    await platform.start()
    dialler, _ = await platform.device()
    dialler.send(1006, {"Name": "KeepAlive"}, sequence=5)
    reply = await dialler.receive(1007)
    assert (decode_body(reply.payload)["Ret"], reply.header.sequence) == (100, 5)


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
