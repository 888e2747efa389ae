"""Calls over real sockets: INVITE, ACK, CANCEL, BYE (GB-017 to GB-019)."""

from __future__ import annotations

import asyncio

import pytest
from sip_peer import UdpDevice, answer_text, request_text
from sip_platform import Platform, outgoing

from cambus.sip.endpoint import Invitation
from cambus.sip.errors import TransactionTimeout
from cambus.sip.events import AckReceived, Cancelled, RequestReceived, TransactionFailed
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer
from cambus.sip.timers import Timers


def peer_of(device: UdpDevice) -> Peer:
    return Peer("udp", *device.address)


async def request_to(device: UdpDevice, method: str) -> Request:
    """The next request of a method; copies of others are passed over."""
    while True:
        message = await device.hears()
        assert isinstance(message, Request)
        if message.method == method:
            return message


def calling(platform: Platform, device: UdpDevice, timeout_s: float = 15.0) -> asyncio.Task[Invitation]:
    return asyncio.create_task(
        platform.endpoint.invite(outgoing("INVITE"), peer_of(device), timeout_s=timeout_s)
    )


async def test_a_call_from_invite_to_bye() -> None:
    async with Platform() as platform, UdpDevice() as device:
        call = calling(platform, device)
        invite = await request_to(device, "INVITE")
        device.say(answer_text(invite, 100, tag=""), platform.port)
        device.say(answer_text(invite, 101, tag="early"), platform.port)
        device.say(
            answer_text(invite, 200, tag="final", headers=["Contact: <sip:dev@192.0.2.7>"], body=b"v=0"),
            platform.port,
        )
        invitation = await call
        assert (invitation.response.status, invitation.response.body) == (200, b"v=0")
        assert invitation.dialog is not None

        platform.endpoint.acknowledge(invitation, headers=[("Contact", "<sip:me@192.0.2.1>")])
        ack = await request_to(device, "ACK")
        assert (str(ack.cseq), ack.to_tag, ack.uri) == ("20 ACK", "final", "sip:dev@192.0.2.7")
        assert ack.headers.get("Contact") == "<sip:me@192.0.2.1>"

        device.say(answer_text(invite, 200, tag="final"), platform.port)
        again = await request_to(device, "ACK")
        assert again == ack

        bye = asyncio.create_task(
            platform.endpoint.request(invitation.dialog.request("BYE"), invitation.dialog.peer)
        )
        heard = await request_to(device, "BYE")
        device.say(answer_text(heard, 200), platform.port)
        assert ((await bye).status, str(heard.cseq), heard.to_tag) == (200, "21 BYE", "final")


@pytest.mark.parametrize("status", [404, 486, 488, 500, 603])
async def test_a_refused_call_is_acknowledged_and_has_no_dialog(status: int) -> None:
    async with Platform() as platform, UdpDevice() as device:
        call = calling(platform, device)
        invite = await request_to(device, "INVITE")
        device.say(answer_text(invite, status), platform.port)

        invitation = await call

        assert (invitation.response.status, invitation.dialog) == (status, None)
        platform.endpoint.acknowledge(invitation)
        ack = await request_to(device, "ACK")
        assert ack.via.branch == invite.via.branch


async def test_a_call_that_rings_too_long_is_cancelled() -> None:
    async with Platform() as platform, UdpDevice() as device:
        call = calling(platform, device, timeout_s=0.2)
        invite = await request_to(device, "INVITE")
        device.say(answer_text(invite, 180), platform.port)

        with pytest.raises(TransactionTimeout):
            await call
        cancel = await request_to(device, "CANCEL")
        assert (cancel.via.text, str(cancel.cseq)) == (invite.via.text, "20 CANCEL")
        device.say(answer_text(cancel, 200), platform.port)
        device.say(answer_text(invite, 487), platform.port)
        assert (await request_to(device, "ACK")).via.branch == invite.via.branch


async def test_cancel_waits_until_the_device_has_said_something() -> None:
    async with Platform() as platform, UdpDevice() as device:
        call = calling(platform, device, timeout_s=0.1)
        with pytest.raises(TransactionTimeout):
            await call
        invite = await request_to(device, "INVITE")
        heard = [await device.hears() for _ in range(device.heard.qsize())]
        assert {each.method for each in heard if isinstance(each, Request)} <= {"INVITE"}

        device.say(answer_text(invite, 100), platform.port)

        assert await request_to(device, "CANCEL")


@pytest.mark.parametrize("rings", [True, False])
async def test_a_session_that_comes_too_late_is_acknowledged_and_ended(rings: bool) -> None:
    async with Platform() as platform, UdpDevice() as device:
        call = calling(platform, device, timeout_s=0.2)
        invite = await request_to(device, "INVITE")
        if rings:
            device.say(answer_text(invite, 180), platform.port)
        with pytest.raises(TransactionTimeout):
            await call

        device.say(
            answer_text(invite, 200, tag="late", headers=["Contact: <sip:dev@192.0.2.7>"]), platform.port
        )

        ack = await request_to(device, "ACK")
        bye = await request_to(device, "BYE")
        assert (ack.to_tag, str(ack.cseq)) == ("late", "20 ACK")
        assert (bye.to_tag, str(bye.cseq), bye.uri) == ("late", "21 BYE", "sip:dev@192.0.2.7")


async def test_a_session_that_comes_as_the_caller_goes_is_ended() -> None:
    async with Platform() as platform, UdpDevice() as device:
        call = calling(platform, device)
        invite = await request_to(device, "INVITE")
        give_up = platform.endpoint._response

        def answered_and_cancelled(event: object) -> None:
            give_up(event)  # type: ignore[arg-type]  # as it was called
            call.cancel()

        platform.endpoint._response = answered_and_cancelled  # type: ignore[method-assign,assignment]
        device.say(answer_text(invite, 200), platform.port)

        with pytest.raises(asyncio.CancelledError):
            await call
        assert await request_to(device, "ACK")
        assert await request_to(device, "BYE")


async def test_a_call_of_a_device_is_set_up_and_ended_by_it() -> None:
    async with Platform() as platform, UdpDevice() as device:
        device.say(request_text("INVITE"), platform.port)
        trying, accepted = await device.hears(), await device.hears()
        assert isinstance(trying, Response)
        assert isinstance(accepted, Response)
        assert (trying.status, accepted.status) == (100, 200)
        to = f"{accepted.headers.get('To')}"
        via = ["SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK-ack"]

        device.say(request_text("ACK", to=to, via=via, cseq="20 ACK"), platform.port)
        device.say(request_text("BYE", to=to, cseq="21 BYE"), platform.port)

        kinds = [type(await platform.hears()) for _ in range(3)]
        assert kinds == [RequestReceived, AckReceived, RequestReceived]


async def test_a_2xx_that_is_lost_is_sent_again_and_one_never_acknowledged_is_told() -> None:
    async with Platform(timers=Timers(t1=0.01, t2=0.04)) as platform, UdpDevice() as device:
        device.say(request_text("INVITE"), platform.port)

        for expected in (100, 200, 200, 200):
            answered = await device.hears()
            assert isinstance(answered, Response)
            assert answered.status == expected
        assert isinstance(await platform.hears(), RequestReceived)
        assert isinstance(await platform.hears(), TransactionFailed)


async def test_a_device_may_cancel_its_call() -> None:
    async with Platform({"INVITE": None}) as platform, UdpDevice() as device:
        device.say(request_text("INVITE"), platform.port)
        invited = await platform.hears_request()
        device.say(request_text("CANCEL"), platform.port)

        statuses = [
            each.status for each in [await device.hears() for _ in range(3)] if isinstance(each, Response)
        ]
        assert statuses == [100, 200, 487]
        assert await platform.hears() == Cancelled(invited.transaction)
