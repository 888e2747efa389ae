"""Who has not registered is heard little, told little, and cannot crowd out those who have (GB-261, GB-272)."""

import pytest
from gb28181_by_hand import Platform, hand_device
from sip_peer import UdpDevice, request_text

from cambus.gb28181.accounts import Account
from cambus.gb28181.admission import AdmissionSettings
from cambus.sip.digest import Algorithm
from cambus.sip.framing import read_datagram
from cambus.sip.message import Response

SHORT = (
    "{method} sip:1 SIP/2.0\nv:SIP/2.0/UDP a;branch=z9hG4bK{number}\nf:<sip:34020000001320000001@a>\n"
    "t:<sip:34020000001320000001@a>\ni:{number}\nCSeq:1 {method}\n\n"
)
ALIVE = b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN></Notify>"
PART = b"<Notify><CmdType>Catalog</CmdType><SN>1</SN></Notify>"


class Choosy:
    """Accounts that are challenged with everything there is."""

    def account(self, code):
        return Account(code, "a password", algorithms=tuple(Algorithm))


class Listener(UdpDevice):
    """Keeps what it hears as bytes too."""

    def __init__(self, **options):
        super().__init__(**options)
        self.raw = []

    def datagram_received(self, data, addr):
        self.raw.append(data)
        super().datagram_received(data, addr)


async def answered(device, platform, *datagrams):
    """The answers that come before the one to a request that surely gets one."""
    for data in datagrams:
        device.say(data, platform.gb.port)
    device.say(request_text("OPTIONS", call_id="the last"), platform.gb.port)
    found = []
    while (read := await device.hears()).call_id != "the last":
        found.append(read)
    return found


@pytest.mark.parametrize(
    "method", ["REGISTER", "MESSAGE", "NOTIFY", "INVITE", "BYE", "INFO", "SUBSCRIBE", "OPTIONS", "NONSENSE"]
)
async def test_no_answer_to_a_stranger_is_more_than_twice_what_it_said(method):
    requests = [
        SHORT.format(method=method, number=1).encode(),
        request_text(method, call_id="2"),
        request_text(method, call_id="3", headers=["X-GB-Ver: 3.0", "Content-Type: image/jpeg"], body=b"x"),
        request_text(method, call_id="4", body=b"x", length="999"),
        request_text(method, call_id="5", cseq="1 ANOTHER"),
    ]
    sizes = {read_datagram(each).call_id: len(each) for each in requests[:3]}
    sizes |= {"4": len(requests[3]), "5": len(requests[4])}
    async with Platform(accounts=Choosy()) as platform, Listener() as device:
        heard = await answered(device, platform, *requests)
        assert heard, "nothing was measured"
        for each in device.raw[:-1]:
            read = read_datagram(each)
            assert isinstance(read, Response)
            assert len(each) <= 2 * sizes[read.call_id], each
        calls = [each.call_id for each in heard]
        assert len(calls) == len(set(calls)), "one request, one answer"


async def test_a_refused_invite_of_a_stranger_is_not_said_again_and_again():
    async with Platform() as platform, Listener() as device:
        (refused,) = await answered(device, platform, request_text("INVITE"))
        assert refused.status == 403
        assert platform.gb.endpoint.layer.next_timeout() is None or not [
            each for each in platform.gb.endpoint.layer._servers.values() if each.is_invite
        ]


async def test_a_stranger_that_floods_is_not_answered_and_a_device_is_as_always():
    async with (
        Platform(admission=AdmissionSettings(others_per_s=0.01)) as platform,
        hand_device(platform) as device,
        Listener(host="127.0.0.9") as stranger,
    ):
        for number in range(300):
            stranger.say(request_text(call_id=f"c{number}", body=ALIVE), platform.gb.port)
            if number % 10 == 0:
                assert await device.keepalive() == 200
        assert await device.keepalive() == 200
        assert len(stranger.raw) == 1
        assert platform.gb.counts["rate-limited"] >= 200  # a socket may lose some of a flood


async def test_registrations_of_one_address_beyond_the_limit_are_dropped_without_a_word():
    async with (
        Platform(admission=AdmissionSettings(registers_per_s=5)) as platform,
        Listener(host="127.0.0.9") as stranger,
        Listener() as other,
    ):
        for number in range(100):
            stranger.say(request_text("REGISTER", call_id=f"c{number}"), platform.gb.port)
        other.say(request_text("REGISTER"), platform.gb.port)
        assert (await other.hears()).status == 403  # From and To differ: it was looked at
        for _ in range(5):
            await stranger.hears()
        assert len(stranger.raw) < 100
        assert platform.gb.counts["rate-limited"] > 0


async def test_what_is_too_much_is_told_to_come_back_later():
    settings = AdmissionSettings(waiting=4, slice_s=0.0)
    async with Platform(admission=settings) as platform, Listener() as device:
        count = 60
        for number in range(count):
            code = f"3402000000132{number:07d}"
            register = request_text(
                "REGISTER", call_id=f"c{number}", from_=f"<sip:{code}@a>;tag=1", to=f"<sip:{code}@a>"
            )
            device.say(register, platform.gb.port)
        answers = [await device.hears() for _ in range(count)]
        busy = [each for each in answers if each.status == 503]
        assert {each.status for each in answers} == {401, 503}
        waits = {int(each.headers.get("Retry-After")) for each in busy}
        assert min(waits) >= 60
        assert max(waits) < 90
        assert len(waits) > 1, "they must not all come back at once"
        assert platform.gb.counts["overload"] == len(busy)


async def test_a_sign_of_life_overtakes_a_catalog():
    async with (
        Platform(admission=AdmissionSettings(slice_s=0.0)) as platform,
        hand_device(platform) as device,
    ):
        parts = 30
        for _ in range(parts):
            device.say("MESSAGE", body=PART)
        alive = device.say("MESSAGE", body=ALIVE)
        calls = []
        while len(calls) < parts + 1:
            response = await device.response()
            assert response.status == 200
            calls.append(response.call_id)
        assert calls.index(alive) < parts
        assert len(platform.told("Catalog")) == parts


async def test_a_request_that_is_cancelled_while_it_waits_is_left_alone(caplog):
    async with (
        Platform(admission=AdmissionSettings(slice_s=0.0)) as platform,
        hand_device(platform) as device,
    ):
        for _ in range(20):
            device.say("MESSAGE", body=PART)
        via = ["SIP/2.0/UDP a;branch=z9hG4bK-cancelled"]
        call = device.say("INVITE", via=via)
        device.say("CANCEL", via=via, call_id=call, cseq="20 CANCEL")
        heard = [await device.response() for _ in range(20 + 3)]
        statuses = [(each.cseq.method, each.status) for each in heard if each.call_id == call]
        assert set(statuses) == {("INVITE", 100), ("CANCEL", 200), ("INVITE", 487)}
        assert await device.keepalive() == 200
        assert not [each for each in caplog.records if each.levelname == "ERROR"]
