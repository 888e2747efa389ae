"""An endpoint and devices on real UDP sockets (GB-013, GB-015, GB-016, GB-027)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from sip_peer import UdpDevice, answer_text, request_text
from sip_platform import Platform, outgoing

from cambus.sip.endpoint import SipEndpoint
from cambus.sip.errors import TransactionTimeout, TransportError
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer
from cambus.sip.timers import Timers

FAST = Timers(t1=0.02, t2=0.08, t4=0.1)
LOSSY = Timers(t1=0.1, t2=0.2)


def peer_of(device: UdpDevice) -> Peer:
    return Peer("udp", *device.address)


async def response_to(device: UdpDevice) -> Response:
    message = await device.hears()
    assert isinstance(message, Response)
    return message


async def request_to(device: UdpDevice) -> Request:
    message = await device.hears()
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("rport", ["", ";rport"])
async def test_the_answer_comes_from_the_socket_to_the_source(rport: str) -> None:
    async with Platform() as platform, UdpDevice() as device:
        via = [f"SIP/2.0/UDP 10.0.0.2:5060{rport};branch=z9hG4bK1"]

        device.say(request_text("REGISTER", via=via), platform.port)

        response = await response_to(device)
        assert response.status == 200
        assert response.via.parameters["received"] == "127.0.0.1"
        if rport:
            assert response.via.parameters["rport"] == str(device.address[1])


async def test_a_repeated_request_is_answered_again_and_told_once() -> None:
    async with Platform() as platform, UdpDevice() as device:
        for _ in range(3):
            device.say(request_text("MESSAGE"), platform.port)
        device.say(
            request_text("MESSAGE", call_id="call-2", via=["SIP/2.0/UDP a;branch=z9hG4bK2"]), platform.port
        )

        answers = [await response_to(device) for _ in range(4)]

        assert answers[0] == answers[1] == answers[2]
        assert [(await platform.hears_request()).request.call_id for _ in range(2)] == ["call-1", "call-2"]
        assert platform.told.empty()


async def test_a_request_gets_through_a_network_that_loses_most() -> None:
    lost = iter([True, True, True, False])
    async with Platform(timers=LOSSY) as platform, UdpDevice(lambda _: next(lost, False)) as device:
        asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE"), peer_of(device)))

        heard = await request_to(device)
        device.say(answer_text(heard, 200, body=b"done"), platform.port)

        response = await asking
        assert (response.status, response.body) == (200, b"done")
        assert device.lost == 3


async def test_an_answer_that_is_lost_is_given_again() -> None:
    lost = iter([True, True, False])
    async with Platform() as platform, UdpDevice(lambda _: next(lost, False)) as device:
        for _ in range(3):
            device.say(request_text("BYE"), platform.port)

        assert (await response_to(device)).status == 200
        assert platform.told.qsize() == 1


async def test_silence_ends_in_a_time_out_and_nothing_is_sent_after_it() -> None:
    async with Platform(timers=FAST) as platform, UdpDevice() as device:
        with pytest.raises(TransactionTimeout):
            await platform.endpoint.request(outgoing("MESSAGE"), peer_of(device), timeout_s=0.1)
        with pytest.raises(TransactionTimeout):
            await platform.endpoint.request(outgoing("INFO"), peer_of(device))

        heard = [await request_to(device) for _ in range(device.heard.qsize())]
        methods = [each.method for each in heard]
        assert methods == sorted(methods, reverse=True)  # every MESSAGE before the first INFO
        assert set(methods) == {"MESSAGE", "INFO"}


async def test_a_provisional_answer_is_not_the_answer() -> None:
    async with Platform() as platform, UdpDevice() as device:
        asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE"), peer_of(device)))
        heard = await request_to(device)
        device.say(answer_text(heard, 100), platform.port)
        device.say(answer_text(heard, 404), platform.port)

        assert (await asking).status == 404


async def test_noise_is_counted_and_never_answered() -> None:
    async with Platform() as platform, UdpDevice() as device:
        for noise in (
            b"",
            b"\r\n\r\n",
            b"\x00\x00",
            b"jaK",
            b"<Item/></Response>",
            answer_text(outgoing("BYE"), 200),
        ):
            device.say(noise, platform.port)
        device.say(request_text(), platform.port)

        assert (await response_to(device)).status == 200
        assert device.heard.empty()
        assert platform.endpoint.counts == {"keepalive": 2, "garbage": 2}
        assert platform.endpoint.layer.counts["malformed"] == 1  # a response without a Via


async def test_what_is_broken_is_refused() -> None:
    async with Platform() as platform, UdpDevice() as device:
        device.say(request_text(length="99"), platform.port)
        device.say(request_text("PUBLISH"), platform.port)

        assert (await response_to(device)).status == 400
        refused = await response_to(device)
        assert (refused.status, "REGISTER" in (refused.headers.get("Allow") or "")) == (405, True)


async def test_a_handler_that_fails_is_an_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    def fail(event: object) -> None:
        raise RuntimeError("handler")

    async with SipEndpoint(fail) as endpoint, UdpDevice() as device:
        device.say(request_text(), endpoint.port)

        assert (await response_to(device)).status == 500
    assert "a SIP handler failed" in caplog.text


async def test_a_wire_sees_everything_and_may_change_it() -> None:
    class Careless:
        """Says everything twice, and hears no BYE."""

        def sent(self, peer: Peer, data: bytes) -> tuple[bytes, bytes]:
            return data, data

        def received(self, message: Request | Response, peer: Peer) -> bool:
            return not (isinstance(message, Request) and message.method == "BYE")

    async with Platform(wire=Careless()) as platform, UdpDevice() as device:
        device.say(request_text("BYE"), platform.port)
        device.say(request_text("INFO"), platform.port)

        first, second = await response_to(device), await response_to(device)
        assert first == second
        assert (await platform.hears_request()).request.method == "INFO"
        platform.endpoint.write(peer_of(device), request_text("NOTIFY"))
        assert (await request_to(device)).method == "NOTIFY"


async def test_a_large_message_goes_in_one_datagram() -> None:
    async with Platform() as platform, UdpDevice() as device:
        asking = asyncio.create_task(
            platform.endpoint.request(outgoing("MESSAGE", body=b"x" * 20_000), peer_of(device))
        )
        heard = await request_to(device)
        device.say(answer_text(heard, 200), platform.port)

        assert len(heard.body) == 20_000
        await asking


async def test_a_closed_port_is_silence_and_not_an_error() -> None:
    async with Platform(timers=FAST) as platform:
        async with UdpDevice() as device:
            gone = peer_of(device)

        with pytest.raises(TransactionTimeout):
            await platform.endpoint.request(outgoing("MESSAGE"), gone)


@pytest.mark.parametrize(
    "peer",
    [Peer("udp", "device.example", 5060), Peer("udp", "127.0.0.1", 0), Peer("udp", "127.0.0.1", 70000)],
)
async def test_what_is_no_address_is_refused_and_hurts_nobody(peer: Peer) -> None:
    async with Platform() as platform, UdpDevice() as device:
        with pytest.raises(TransportError):
            await platform.endpoint.request(outgoing("MESSAGE"), peer)

        device.say(request_text(), platform.port)
        assert (await response_to(device)).status == 200


async def test_requests_under_way_fail_when_the_endpoint_is_closed() -> None:
    async with UdpDevice() as device:
        async with Platform() as platform:
            asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE"), peer_of(device)))
            await device.hears()
        with pytest.raises(TransportError):
            await asking
        with pytest.raises(TransportError):
            await platform.endpoint.request(outgoing("MESSAGE"), peer_of(device))


async def test_udp_and_tcp_have_one_port_and_a_taken_one_is_an_error() -> None:
    async with Platform() as platform:
        assert platform.port
        with pytest.raises(TransportError, match=str(platform.port)):
            await SipEndpoint(lambda _: None, port=platform.port).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(TransportError):
            await SipEndpoint(lambda _: None, port=taken.getsockname()[1]).start()


@contextlib.asynccontextmanager
async def pair(six: str, four: str) -> AsyncIterator[Platform]:
    """Two endpoints on one port; the one on IPv6. A port somebody else has on IPv4 is let go again."""
    for attempt in range(10):
        async with Platform(host=six) as platform:
            beside = Platform(host=four, port=platform.port)
            try:
                await beside.endpoint.start()
            except TransportError:
                assert attempt < 9
                continue
            async with contextlib.AsyncExitStack() as stack:
                stack.push_async_callback(beside.endpoint.close)
                yield platform
            return


@pytest.mark.parametrize("hosts", [("::1", "127.0.0.1"), ("::", "0.0.0.0")])
async def test_ipv6_works_like_ipv4_and_beside_it_on_one_port(hosts: tuple[str, str]) -> None:
    async with (
        pair(*hosts) as platform,
        UdpDevice(host="::1") as six,
        UdpDevice() as four,
    ):
        six.say(request_text(via=["SIP/2.0/UDP [::1]:5060;rport;branch=z9hG4bK1"]), platform.port)
        four.say(request_text(), platform.port)
        answered = await response_to(six)
        assert answered.status == (await response_to(four)).status == 200
        assert "received" not in answered.via.parameters

        asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE"), peer_of(six)))
        heard = await request_to(six)
        six.say(answer_text(heard, 200), platform.port)
        assert (await asking).status == 200
        assert heard.via.text.startswith(f"SIP/2.0/UDP [::1]:{platform.port};rport;branch=")


@pytest.mark.parametrize(("host", "local"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])
async def test_who_listens_on_all_addresses_says_the_one_that_leads_to_the_peer(
    host: str, local: str
) -> None:
    async with Platform(host=host) as platform, UdpDevice(host=local) as device:
        asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE"), peer_of(device)))
        heard = await request_to(device)
        device.say(answer_text(heard, 200), platform.port)
        await asking

        assert heard.via.host.strip("[]") == local


async def test_the_advertised_address_is_said_where_there_is_one() -> None:
    async with Platform(advertised=lambda _: "203.0.113.9:15060") as platform, UdpDevice() as device:
        asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE"), peer_of(device)))
        heard = await request_to(device)
        device.say(answer_text(heard, 200), platform.port)
        await asking

        assert (heard.via.host, heard.via.port) == ("203.0.113.9", 15060)
