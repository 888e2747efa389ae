"""An INVITE of ours: what it says, and what an answer means (§8.3, GB-140, GB-152)."""

from __future__ import annotations

from typing import Final

from cambus.gb28181 import sdp
from cambus.gb28181.errors import DeviceOffline, ProtocolError, Unreachable
from cambus.gb28181.media_order import SessionOrder
from cambus.gb28181.outcomes import failure_of
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.remote_device import FIRST_CSEQ
from cambus.gb28181.sdp import Description
from cambus.gb28181.subject import Subject
from cambus.gb28181.versions import HEADER as VERSION_HEADER
from cambus.gb28181.versions import Version
from cambus.sip.dialog import Dialog
from cambus.sip.endpoint import Invitation
from cambus.sip.errors import SipError, TransactionTimeout
from cambus.sip.events import RequestReceived
from cambus.sip.message import Request
from cambus.sip.peer import Peer

ROUTE_HEADER: Final = "X-RoutePath"
"""In answers to INVITE: the systems on the way, from whoever answers us on (2022, §12)."""
NO_ANSWER = Description("", "", 0, formats=(), purpose=None)
"""An answer that says nothing: what is received will tell."""


def peer_of(platform: Gb28181Platform, device: str) -> Peer:
    """Where a device is. Raises DeviceOffline."""
    binding = platform.registrar.binding(device)
    if binding is None or not platform.registrar.online(device):
        raise DeviceOffline("the device is not registered")
    return binding.peer


def compose(
    platform: Gb28181Platform, order: SessionOrder, peer: Peer, offer: Description, subject: Subject
) -> Request:
    """The request: it is addressed to the channel, and sent to where the device is."""
    request = platform.compose("INVITE", order.channel, peer, sequence=FIRST_CSEQ)
    request.headers.add("Subject", str(subject))
    request.headers.add("Content-Type", sdp.CONTENT_TYPE)
    request.body = offer.serialize()
    return request


async def invite(
    platform: Gb28181Platform, device: str, request: Request, peer: Peer
) -> tuple[Invitation, Description]:
    """Invite, and acknowledge; no more than so many at a time (GB-025).

    Returns:
        What was set up, and the device's description; one that cannot be read says nothing (GB-146).

    Raises:
        Busy, Refused, Unsupported, DeviceOffline: the device does not want to, by its status.
        Unreachable: it does not answer; a late answer is ended with BYE.
    """
    remote = platform.device(device)
    if remote.version.is_2022:
        request.headers.add(VERSION_HEADER, Version.GB2022.value)
    platform.settings.adorn(request, device)
    platform.proofs.sign(request, peer, device)
    endpoint = platform.endpoint
    try:
        async with remote.inviting():
            invitation = await endpoint.invite(request, peer, timeout_s=platform.settings.times.invite_s)
    except TransactionTimeout:
        raise Unreachable("the device does not answer the INVITE") from None
    except SipError as error:
        raise Unreachable(str(error)) from None
    failure = failure_of(invitation.response)
    if failure is not None:
        raise failure
    endpoint.acknowledge(invitation)
    try:
        return invitation, Description.parse(invitation.response.body)
    except ProtocolError:
        return invitation, NO_ANSWER


def agree_again(platform: Gb28181Platform, event: RequestReceived, ours: bytes) -> None:
    """Answer an INVITE within a session: what was agreed still holds (§2.4, GB-028).

    Args:
        platform: who answers.
        event: the INVITE, of whoever refreshes the session.
        ours: the description we have given once.
    """
    headers = [("Contact", platform.contact(event.peer)), ("Content-Type", sdp.CONTENT_TYPE)]
    platform.endpoint.respond(event.transaction, 200, headers=headers, body=ours)


def follow(platform: Gb28181Platform, device: str, dialog: Dialog) -> None:
    """Requests in a dialog go to where the device is now: it may have registered from elsewhere meanwhile."""
    binding = platform.registrar.binding(device)
    if binding is not None:
        dialog.peer = binding.peer
