"""Bodies over sockets: whose, how large, in which charset, how broken (GB-011, GB-020, GB-026, GB-061 to GB-074)."""

import asyncio

import pytest
from gb28181_by_hand import CHANNEL, DEVICE, OTHER, PASSWORD, Accounts, Platform, hand_device, response_body

from cambus.gb28181.errors import Refused, Unreachable
from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.manscdp.presence import DeviceInfo
from cambus.gb28181.platform import Told
from cambus.gb28181.subscriptions import Subscription, Topic, Wanted
from cambus.gb28181.times import Times
from cambus.gb28181.xml import Element
from cambus.sip.digest import Credentials

RARE = "\u8433"
NAME = [Element("DeviceName", "gate")]


def note(text, encoding="gb18030", declared="GB2312"):
    """A body nobody knows, with a name in it."""
    return (
        f'<?xml version="1.0" encoding="{declared}"?>\r\n<Notify>\r\n<CmdType>Odd</CmdType>\r\n<SN>1</SN>\r\n'
        f"<DeviceID>{DEVICE}</DeviceID>\r\n<Name>{text}</Name>\r\n</Notify>\r\n"
    ).encode(encoding)


# --- questions


@pytest.mark.parametrize("first", ["acknowledged", "answered"])
async def test_a_question_is_acknowledged_and_answered_in_either_order(first):
    async with Platform() as platform, hand_device(platform) as device:
        asking = asyncio.create_task(platform.gb.device(DEVICE).info())
        request = await device.request()
        asked = Envelope.parse(request.body)
        assert (asked.root, asked.command, asked.code) == (Root.QUERY, "DeviceInfo", DEVICE)
        if first == "acknowledged":
            device.answer(request)
            assert await device.tell(response_body(asked, NAME)) == 200
        else:
            assert await device.tell(response_body(asked, NAME)) == 200
            device.answer(request)
        assert (await asking).name == "gate"


async def test_a_message_is_addressed_to_the_device_and_names_the_channel_inside():
    async with Platform() as platform, hand_device(platform) as device:
        asking = asyncio.create_task(platform.gb.device(DEVICE).presets(CHANNEL))
        request = await device.request()
        device.answer(request, 404)
        with pytest.raises(Refused):
            await asking
        assert request.uri.startswith(f"sip:{DEVICE}@")
        assert f"sip:{DEVICE}@" in request.headers.get("To")
        assert Envelope.parse(request.body).code == CHANNEL
        assert request.headers.get("Content-Type") == "Application/MANSCDP+xml"
        assert request.headers.get("Max-Forwards") == "70"


async def test_no_two_bodies_to_a_device_have_one_number_nor_two_requests_one_call():
    async with Platform() as platform, hand_device(platform) as device:
        remote, seen = platform.gb.device(DEVICE), []
        for _ in range(12):
            asking = asyncio.create_task(remote.info())
            request = await device.request()
            device.answer(request)
            seen.append((Envelope.parse(request.body).sn, request.call_id, request.from_tag))
            await device.tell(response_body(Envelope.parse(request.body), NAME))
            await asking
        assert all(len({each[at] for each in seen}) == 12 for at in range(3))


@pytest.mark.parametrize("number", ["the same", "another"])
async def test_the_answer_of_another_device_is_not_taken(number):
    async with Platform() as platform, hand_device(platform) as device, hand_device(platform, OTHER) as other:
        asking = asyncio.create_task(platform.gb.device(DEVICE).info())
        asked = await device.asked()
        wrong = response_body(
            asked, [Element("DeviceName", "not mine")], sn=asked.sn if number == "the same" else 7
        )
        assert await other.tell(wrong) == 200
        assert await other.tell(wrong, code=DEVICE) == 403  # nor in the other's name
        assert not asking.done()
        await device.tell(response_body(asked, NAME))
        assert (await asking).name == "gate"
        assert platform.gb.counts["stray-answer"] == 1


async def test_an_answer_nobody_waits_for_is_acknowledged_counted_and_told():
    async with Platform() as platform, hand_device(platform) as device:
        late = compose(Root.RESPONSE, "DeviceInfo", 77, DEVICE, NAME)
        assert await device.tell(late) == 200
        assert platform.gb.counts["stray-answer"] == 1
        assert DeviceInfo.parse(platform.told("DeviceInfo")[0]).name == "gate"


@pytest.mark.parametrize(
    ("status", "names"),
    [(401, ("WWW-Authenticate", "Authorization")), (407, ("Proxy-Authenticate", "Proxy-Authorization"))],
)
async def test_a_device_that_wants_to_know_who_asks_is_told_once(status, names):
    async with Platform() as platform, hand_device(platform) as device:
        asking = asyncio.create_task(platform.gb.device(DEVICE).notify(note("x")))
        first = await device.request()
        challenge = f'{names[0]}: Digest realm="device", nonce="abc", algorithm=MD5, qop="auth"'
        device.answer(first, status, headers=[challenge])
        again = await device.request()
        given = Credentials.parse(again.headers.get(names[1]))
        assert (given.username, given.realm, again.cseq.number) == (DEVICE, "device", first.cseq.number + 1)
        assert (again.call_id, again.body) == (first.call_id, first.body)
        assert PASSWORD not in str(again.headers)
        device.answer(again, 200)
        await asking


async def test_a_device_that_is_not_content_with_the_proof_refuses():
    async with Platform() as platform, hand_device(platform) as device:
        asking = asyncio.create_task(platform.gb.device(DEVICE).notify(note("x")))
        for _ in range(2):
            device.answer(
                await device.request(), 401, headers=['WWW-Authenticate: Digest realm="d", nonce="n"']
            )
        with pytest.raises(Refused, match="401"):
            await asking


async def test_a_device_that_never_answers_is_unreachable():
    async with Platform(times=Times(request_s=0.2)) as platform, hand_device(platform) as device:
        with pytest.raises(Unreachable):
            await platform.gb.device(DEVICE).info()
        await device.request()


# --- methods


async def test_what_is_no_registration_and_no_message_is_answered_as_it_deserves():
    async with Platform() as platform, hand_device(platform) as device:
        assert (await device.ask("OPTIONS")).status == 200
        for method in ("BYE", "INFO"):
            assert (await device.ask(method)).status == 481
        for method in ("SUBSCRIBE", "INVITE"):
            assert (await device.ask(method)).status == 403
        unknown = await device.ask("PUBLISH")
        assert unknown.status == 405
        assert "MESSAGE" in unknown.headers.get("Allow")
        assert await device.keepalive(headers=["Route: <sip:34020000002000000001@127.0.0.1;lr>"]) == 200


async def test_a_repeated_message_has_one_effect():
    async with Platform() as platform, hand_device(platform) as device:
        answers = []
        for _ in range(3):
            via = ["SIP/2.0/UDP a;branch=z9hG4bKonce"]
            answers.append(await device.ask("MESSAGE", body=note("x"), call_id="once", via=via))
        assert len({each.serialize() for each in answers}) == 1
        assert len(platform.told("Odd")) == 1


# --- sizes


@pytest.mark.parametrize("registered", [True, False])
async def test_how_large_a_body_may_be_depends_on_whether_the_device_is_registered_there(registered):
    """64 KiB from somebody, 16 MiB from a device: refused by its announced length, before any of it is kept."""
    async with Platform() as platform:
        async with hand_device(platform, tcp=True, register=registered) as device:
            padded = note("x" * 60_000)
            assert await device.tell(padded) == (200 if registered else 403)
        async with hand_device(platform, tcp=True, register=registered) as device:
            large = note("x").replace(b"</Notify>", b"<A>x</A>" * 100_000 + b"</Notify>")
            if registered:
                assert await device.tell(large) == 200
            else:
                device.say("MESSAGE", length=str(len(large)))
                assert (await device._wire.is_closed()).startswith(b"SIP/2.0 413 ")
        async with hand_device(platform, tcp=True, register=registered) as device:
            device.say("MESSAGE", length=str(16 * 1024 * 1024 + 1))
            assert (await device._wire.is_closed()).startswith(b"SIP/2.0 413 ")


async def test_where_a_device_was_registered_before_it_is_a_stranger():
    async with Platform() as platform, hand_device(platform, tcp=True) as old:
        assert await old.keepalive() == 200
        async with hand_device(platform):
            old.say("MESSAGE", length="70000")
            assert (await old._wire.is_closed()).startswith(b"SIP/2.0 413 ")


# --- charsets


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", "GB2312"), ("gb18030", "UTF-8"), ("gb18030", "GB2312"), ("utf-8-sig", "GB2312")],
)
async def test_texts_are_read_whatever_is_declared(encoding, declared):
    async with Platform() as platform, hand_device(platform) as device:
        assert await device.tell(note(f"大门{RARE}", encoding, declared)) == 200
        assert platform.told("Odd")[0].element.get("Name") == f"大门{RARE}"


async def test_what_a_device_has_shown_decides_about_bytes_that_could_be_either():
    """The two bytes of one character are a letter in UTF-8; a device that has written GB goes on to mean that."""
    both = "枚".encode("gb18030")
    assert both.decode("utf-8")
    body = note("x").replace(b"<Name>x", b"<Name>" + both)
    async with Platform() as platform, hand_device(platform) as device:
        await device.tell(note("大门"))
        await device.tell(body)
        await device.register(expires=0)
        await device.register()  # what it has shown is forgotten: its firmware may be another
        await device.tell(body)
        texts = [each.element.get("Name") for each in platform.told("Odd")]
        assert texts == ["大门", "枚", both.decode("utf-8")]


@pytest.mark.parametrize(
    ("version", "setting", "declared"),
    [
        ("2.0", None, "GB2312"),
        (None, None, "GB2312"),
        ("3.0", None, "GB18030"),
        ("3.0", "UTF-8", "UTF-8"),
        ("2.0", "GB18030", "GB18030"),
    ],
)
async def test_what_is_written_to_a_device_is_declared_by_its_edition_or_its_setting(
    version, setting, declared
):
    headers = [f"X-GB-Ver: {version}"] if version else []
    async with (
        Platform(accounts=Accounts(charset=setting)) as platform,
        hand_device(platform, headers=headers) as device,
    ):
        await device.tell(note("大门", "utf-8"))  # what it writes itself changes nothing
        query = Element("Query").add("Name", RARE)
        remote = platform.gb.device(DEVICE)
        asking = asyncio.create_task(
            remote.notify(
                compose(Root.NOTIFY, "Odd", 1, DEVICE, [query], charset=platform.gb.charset_of(DEVICE))
            )
        )
        request = await device.request()
        device.answer(request)
        await asking
        assert request.body.startswith(f'<?xml version="1.0" encoding="{declared}"?>'.encode())
        assert RARE.encode("utf-8" if declared == "UTF-8" else "gb18030") in request.body


# --- broken, hostile, unknown


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no xml", 400),
        (b"<Notify><CmdType></CmdType></Notify>", 400),
        (b"<Other><CmdType>X</CmdType></Other>", 400),
        (
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Notify><CmdType>&e;</CmdType></Notify>',
            400,
        ),
        (b"<!ENTITY x 'y'><Notify><CmdType>X</CmdType></Notify>", 400),
        (b"<a>" * 500, 400),
        (b"", 200),
    ],
)
async def test_what_cannot_be_read_is_refused_and_told_to_nobody(body, status):
    async with Platform() as platform, hand_device(platform) as device:
        assert await device.tell(body) == status
        assert platform.of(Told) == []
        assert await device.keepalive() == 200


@pytest.mark.parametrize(
    ("type_", "status"),
    [
        *(
            ("Application/MANSCDP+xml", 200),
            ("APPLICATION/manscdp+XML", 200),
            ("text/xml; charset=utf-8", 200),
        ),
        *(("application/xml", 200), ("text/plain", 415), ("application/sdp", 415)),
    ],
)
async def test_a_body_is_taken_under_any_of_its_names_and_no_other(type_, status):
    async with Platform() as platform, hand_device(platform) as device:
        assert await device.tell(note("x"), headers=[f"Content-Type: {type_}"]) == status
        assert len(platform.told("Odd")) == (1 if status == 200 else 0)


async def test_what_nobody_knows_is_acknowledged_told_and_counted():
    async with Platform() as platform, hand_device(platform) as device:
        for command in ("Odd", "ParkingQuery"):
            body = compose(Root.NOTIFY, command, 7, CHANNEL, [Element("More", "1")])
            assert await device.tell(body) == 200
        assert [each.envelope.command for each in platform.of(Told)] == ["Odd", "ParkingQuery"]
        assert platform.of(Told)[0].device == DEVICE


async def test_a_large_hostile_body_holds_up_nobody():
    """While the largest bodies are read, keepalives of another device are answered: many before the first is done."""
    async with (
        Platform() as platform,
        hand_device(platform, tcp=True) as hostile,
        hand_device(platform, OTHER) as good,
    ):
        element = b"<Item><DeviceID>1</DeviceID></Item>"
        body = b"<Notify><CmdType>Odd</CmdType><SN>1</SN>" + element * 400_000 + b"</Notify>"
        assert len(body) < 16 * 1024 * 1024
        reading = asyncio.create_task(hostile.tell(body))
        await platform.until(lambda: platform.gb._large)
        beats = 0
        while not reading.done():
            assert await good.keepalive() == 200
            beats += 1
        assert await reading == 200
        assert beats > 3


@pytest.mark.parametrize("method", ["SUBSCRIBE", "INVITE"])
async def test_calls_and_subscriptions_are_proven_as_well(method):
    async with Platform() as platform, hand_device(platform) as device:
        peer, endpoint = platform.gb.registrar.binding(DEVICE).peer, platform.gb.endpoint
        asked = platform.gb.compose(method, CHANNEL, peer, sequence=20)
        asking = asyncio.create_task(
            endpoint.invite(asked, peer) if method == "INVITE" else endpoint.request(asked, peer)
        )
        device.answer(await device.request(), 401, headers=['WWW-Authenticate: Digest realm="d", nonce="n"'])
        again = await device.request()
        if again.method == "ACK":
            again = await device.request()
        assert (again.method, again.cseq.number) == (method, 21)
        assert Credentials.parse(again.headers.get("Authorization")).username == DEVICE
        device.answer(again, 200, headers=["Contact: <sip:x@127.0.0.1>"])
        done = await asking
        if method == "INVITE":
            assert done.dialog.request("BYE").cseq.number == 22
            endpoint.acknowledge(done)
            assert (await device.request()).cseq.number == 21


async def test_subscriptions_have_numbers_of_their_own_too():
    async with Platform() as platform, hand_device(platform) as device:
        seen = []
        for topic in (Topic.ALARMS, Topic.CATALOG, Topic.POSITIONS):
            task = asyncio.create_task(Subscription(platform.gb, DEVICE, Wanted(topic), lambda _: None).run())
            request = await device.request()
            device.answer(request, 489)
            seen.append(Envelope.parse(request.body).sn)
            asking = asyncio.create_task(platform.gb.device(DEVICE).info())
            asked = await device.asked()
            seen.append(asked.sn)
            await device.tell(response_body(asked, NAME))
            await asking
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert len(set(seen)) == 6
