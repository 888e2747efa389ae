"""Devices that register over sockets, move, leave, fall silent and come back (GB-040 to GB-059)."""

import asyncio

import pytest
from gb28181_by_hand import CHANNEL, DEVICE, DOMAIN, OTHER, PASSWORD, SERVER, Accounts, Platform, hand_device
from sip_peer import UdpDevice, request_text
from tls_contexts import tls_contexts

from cambus.gb28181.accounts import Account
from cambus.gb28181.binding import Binding
from cambus.gb28181.errors import DeviceOffline
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.envelope import Root, compose
from cambus.gb28181.platform import Offline, Online
from cambus.gb28181.ptz import STOP
from cambus.gb28181.registrar import OfflineReason
from cambus.gb28181.xml import Element
from cambus.sip.digest import Challenge, answer

STOPPING = DeviceControl(ptz=STOP.hex())


async def commanded(platform, device):
    """Send a command and have the device take it; whether it came there."""
    sending = asyncio.create_task(platform.gb.device(device.code).control(STOPPING, CHANNEL))
    envelope = await device.asked()
    await sending
    return envelope.element.get("PTZCmd") == STOP.hex()


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_registration_is_answered_in_every_detail(tcp):
    async with Platform() as platform, hand_device(platform, tcp=tcp, register=False) as device:
        answered = await device.register(headers=["X-GB-Ver: 3.0"], expires=7200)
        assert answered.status == 200
        assert answered.headers.get("Expires") == "7200"
        assert answered.headers.get("Contact") == f"<sip:{DEVICE}@{device.address[0]}:{device.address[1]}>"
        assert answered.headers.get("X-GB-Ver") == "3.0"
        assert len(answered.headers.get("Date")) == len("2024-05-17T15:49:01.451")
        plain = await device.register()
        assert plain.headers.get("X-GB-Ver") is None
        assert len(platform.of(Online)) == 1


async def test_a_first_registration_is_news_once_and_so_is_a_return():
    async with Platform() as platform, hand_device(platform) as device:
        for _ in range(3):
            await device.register()
            assert await device.keepalive() == 200
        assert [each.first for each in platform.of(Online)] == [True]
        await device.register(expires=0)
        await device.register()
        assert [each.first for each in platform.of(Online)] == [True, True]
        assert [each.reason for each in platform.of(Offline)] == [OfflineReason.UNREGISTERED]


@pytest.mark.parametrize("elsewhere", ["port", "host"])
async def test_a_keepalive_from_elsewhere_is_refused_three_times_and_then_not_answered(elsewhere):
    host = "127.0.0.1" if elsewhere == "port" else "127.0.0.9"
    async with (
        Platform() as platform,
        hand_device(platform) as device,
        hand_device(platform, register=False, host=host) as alien,
    ):
        before = platform.gb.registrar.binding(DEVICE)
        assert [await alien.keepalive() for _ in range(3)] == [403] * 3
        for _ in range(3):
            alien.say("MESSAGE", body=compose(Root.NOTIFY, "Keepalive", 1, DEVICE))
        assert (await alien.ask("OPTIONS")).status == 200  # which comes behind those that are not answered
        assert platform.gb.counts["ignored"] == 3
        assert platform.gb.registrar.binding(DEVICE) == before
        assert await commanded(platform, device)
        await alien.register()
        assert await alien.keepalive() == 200
        assert await commanded(platform, alien)
        assert await device.keepalive() == 403


async def test_a_keepalive_of_nobody_creates_nothing():
    async with Platform() as platform, hand_device(platform, register=False) as device:
        assert await device.keepalive() == 403
        assert platform.events == []
        assert platform.gb.registrar.binding(DEVICE) is None


@pytest.mark.parametrize("status", ["OK", "ERROR"])
async def test_a_keepalive_tells_what_is_faulty_and_when_it_is_well_again(status):
    faults = Element("Info").add("DeviceID", CHANNEL).add("DeviceID", "34020000001310000002")
    async with Platform() as platform, hand_device(platform) as device:
        assert await device.keepalive() == 200
        sick = [Element("Status", status), *([faults] if status == "OK" else [])]
        for content in (sick, [Element("Status", "OK")], [Element("Status", "OK")]):
            assert await device.tell(compose(Root.NOTIFY, "Keepalive", 1, DEVICE, content)) == 200
        told = platform.told("Keepalive")
        assert [each.element.get("Status") for each in told] == [status, "OK"]
        if status == "OK":
            assert [each.text for each in told[0].element.find("Info").children] == [
                CHANNEL,
                "34020000001310000002",
            ]


async def test_a_restart_forgets_nobody():
    """A kept registration answers keepalives and takes commands without registering again."""
    async with Platform() as first, hand_device(first) as device:
        kept = Binding.from_json(first.gb.registrar.binding(DEVICE).to_json())
        port = first.gb.port
        await first.gb.close()
        async with Platform(port=port, bindings=[kept]) as second:
            assert await device.keepalive() == 200
            assert [each.first for each in second.of(Online)] == [False]
            assert await commanded(second, device)
            assert (await device.ask("REGISTER", to_self=True)).status == 401


async def test_a_closed_connection_is_a_device_gone_and_a_new_one_brings_it_back():
    registrar = {"connection_grace_s": 0.0}
    async with Platform(registrar=registrar) as platform:
        async with hand_device(platform, tcp=True):
            pass
        await platform.until(lambda: platform.of(Offline))
        assert platform.of(Offline)[0].reason is OfflineReason.CONNECTION_CLOSED
        async with hand_device(platform, tcp=True) as device:
            assert platform.gb.registrar.online(DEVICE)
            assert await commanded(platform, device)


async def test_a_connection_that_is_silent_for_too_long_is_closed():
    async with Platform() as platform, hand_device(platform, tcp=True) as device:
        platform.gb.registrar.configure(DEVICE, 1, 1)  # brought up to 5 s
        now = asyncio.get_running_loop().time()
        platform.gb.registrar.tick(now + 6.0, 0.0)
        platform.gb._tell()
        assert [each.reason for each in platform.of(Offline)] == [OfflineReason.MISSED]
        assert await device._wire.is_closed() == b""
        async with hand_device(platform, tcp=True):
            assert platform.gb.registrar.online(DEVICE)


async def test_a_device_that_leaves_ends_what_waits_for_it():
    async with Platform() as platform, hand_device(platform) as device:
        remote = platform.gb.device(DEVICE)
        asking = asyncio.create_task(remote.info())
        await device.asked()
        await device.register(expires=0)
        with pytest.raises(DeviceOffline):
            await asking
        with pytest.raises(DeviceOffline):
            await remote.info()


async def test_a_stranger_that_is_challenged_proves_itself_and_moves_the_device():
    async with (
        Platform(accounts=Accounts(challenge_strangers=True)) as platform,
        hand_device(platform),
        hand_device(platform, register=False) as moved,
    ):
        body = compose(Root.NOTIFY, "Keepalive", 1, DEVICE)
        asked = await moved.ask("MESSAGE", body=body)
        challenge = Challenge.parse(asked.headers.get("WWW-Authenticate"))
        assert asked.status == 401
        wrong = answer(challenge, DEVICE, "wrong", "MESSAGE", "sip:x")
        assert (await moved.ask("MESSAGE", body=body, headers=[f"Authorization: {wrong}"])).status == 403
        assert platform.gb.registrar.binding(DEVICE).peer.port != moved.address[1]
        right = answer(challenge, DEVICE, PASSWORD, "MESSAGE", "sip:x")
        assert (await moved.ask("MESSAGE", body=body, headers=[f"Authorization: {right}"])).status == 200
        assert platform.gb.registrar.binding(DEVICE).peer.port == moved.address[1]
        assert await commanded(platform, moved)


async def test_without_the_setting_a_stranger_is_not_challenged_whatever_it_proves():
    async with Platform() as platform, hand_device(platform), hand_device(platform, register=False) as alien:
        asked = await alien.ask("REGISTER", to_self=True)
        challenge = Challenge.parse(asked.headers.get("WWW-Authenticate"))
        right = answer(challenge, DEVICE, PASSWORD, "MESSAGE", "sip:x")
        assert await alien.keepalive(headers=[f"Authorization: {right}"]) == 403


async def test_a_redirector_sends_devices_to_where_they_are_to_go():
    async with Platform() as target:
        where = f"sip:{SERVER}@127.0.0.1:{target.gb.port}"
        async with Platform(registrar={"redirect": where}) as redirector:
            async with hand_device(redirector, register=False) as device:
                sent = await device.register()
                assert (sent.status, sent.headers.get("Contact"), sent.headers.get("Expires")) == (
                    302,
                    f"<{where}>",
                    "3600",
                )
            async with hand_device(target) as device:
                assert await commanded(target, device)
            assert redirector.events == []


class Some:
    """Only one device is known."""

    def account(self, code):
        return Account(code, PASSWORD) if code == DEVICE else None


async def test_unknown_and_wrong_are_answered_byte_for_byte_alike():
    """But for what is random, and the code itself."""
    answers = []
    async with Platform(accounts=Some()) as platform:
        for code, password in ((DEVICE, "wrong"), (OTHER, PASSWORD)):
            async with hand_device(platform, code, register=False) as device:
                refused = await device.register(password=password)
                fields = {
                    name: value
                    for name, value in refused.headers
                    if name not in {"Via", "To", "From", "Call-ID"}
                }
                answers.append((refused.status, refused.reason, fields, refused.body))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403


async def test_a_device_behind_a_wildcard_platform_is_told_an_address_it_can_reach():
    async with Platform(host="0.0.0.0") as platform, hand_device(platform) as device:
        assert (
            platform.gb.contact(platform.gb.registrar.binding(DEVICE).peer)
            == f"<sip:{SERVER}@127.0.0.1:{platform.gb.port}>"
        )
        invite = platform.gb.compose(
            "INVITE", CHANNEL, platform.gb.registrar.binding(DEVICE).peer, sequence=20
        )
        asking = asyncio.create_task(platform.gb.device(DEVICE).notify(b"<Notify/>"))
        request = await device.request()
        device.answer(request)
        await asking
        for message in (invite, request):
            assert "0.0.0.0" not in "".join(f"{name}: {value}" for name, value in message.headers)
        assert f"127.0.0.1:{platform.gb.port}" in invite.headers.get("Contact")
        assert request.via.host == "127.0.0.1"
        assert not platform.gb.address.startswith("0.0.0.0")


async def test_the_advertised_address_is_used_where_there_is_one():
    async with Platform(advertised="198.51.100.7:5060") as platform, hand_device(platform) as device:
        peer = platform.gb.registrar.binding(DEVICE).peer
        assert platform.gb.contact(peer) == f"<sip:{SERVER}@198.51.100.7:5060>"
        asking = asyncio.create_task(platform.gb.device(DEVICE).notify(b"<Notify/>"))
        request = await device.request()
        device.answer(request)
        await asking
        assert (request.via.host, request.via.port) == ("198.51.100.7", 5060)


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_device_registers_and_is_commanded_over_ipv6(tcp):
    async with (
        Platform(host="::1") as platform,
        hand_device(platform, tcp=tcp, host="::1", register=False) as device,
    ):
        device.code = DEVICE
        contact = f"<sip:{DEVICE}@[::1]:{device.address[1]}>"
        assert (await device.register(contact=contact)).status == 200
        assert await device.keepalive() == 200
        asking = asyncio.create_task(platform.gb.device(DEVICE).control(STOPPING, CHANNEL))
        request = await device.request()
        device.answer(request)
        await asking
        assert request.uri == f"sip:{DEVICE}@[::1]:{device.address[1]}"
        assert f"[::1]:{platform.gb.port}" in request.headers.get("Via")


@pytest.mark.parametrize("host", ["", "127.0.0.1", DOMAIN, f"{DOMAIN}.spvmn.cn", "localhost:5060"])
async def test_a_device_may_write_its_addresses_as_it_likes(host):
    async with Platform() as platform, UdpDevice() as wire:
        address = f"<sip:{DEVICE}@{host or ':5060'}>"
        wire.say(request_text("REGISTER", from_=f"{address};tag=1;tag=2", to=address), platform.gb.port)
        first = await wire.hears()
        challenge = Challenge.parse(first.headers.get("WWW-Authenticate"))
        given = answer(challenge, DEVICE, PASSWORD, "REGISTER", "sip:x")
        via = ["SIP/2.0/UDP a;branch=z9hG4bKtwo"]
        wire.say(
            request_text(
                "REGISTER",
                from_=f"{address};tag=1;tag=2",
                to=address,
                via=via,
                headers=[f"Authorization: {given}"],
            ),
            platform.gb.port,
        )
        assert (await wire.hears()).status == 200
        assert platform.gb.registrar.online(DEVICE)


async def test_a_device_registers_and_is_commanded_over_tls(tmp_path):
    server, client = tls_contexts(tmp_path)
    async with Platform(tls=server) as platform, hand_device(platform, tls=client) as device:
        assert platform.gb.registrar.binding(DEVICE).peer.transport == "tls"
        assert await device.keepalive() == 200
        assert await commanded(platform, device)
