"""Devices on TLS (GB-029)."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from sip_peer import TcpDevice, answer_text, request_text
from sip_platform import Platform, outgoing
from tls_contexts import tls_contexts

from cambus.sip.errors import TransportError
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture
def contexts(tmp_path: Path) -> Contexts:
    """For the platform, with a certificate of its own for 127.0.0.1; and for a device that knows that one."""
    return tls_contexts(tmp_path)


async def test_a_device_registers_and_is_asked_over_tls(contexts: Contexts) -> None:
    server, client = contexts
    async with Platform(tls=server) as platform, await TcpDevice.open(platform.port, ssl=client) as device:
        device.say(request_text("REGISTER"))
        response = await device.hears()
        assert isinstance(response, Response)
        peer = (await platform.hears_request()).peer
        assert (response.status, peer.transport, peer.reliable) == (200, "tls", True)

        asking = asyncio.create_task(platform.endpoint.request(outgoing("MESSAGE"), peer))
        heard = await device.hears()
        assert isinstance(heard, Request)
        assert heard.via.transport == "TLS"
        device.say(answer_text(heard, 200))
        assert (await asking).status == 200


async def test_the_platform_connects_with_tls_to_whom_it_can_trust(contexts: Contexts) -> None:
    server, client = contexts
    async with Platform(tls=server) as upper, Platform() as lower:
        peer = await lower.endpoint.connect("127.0.0.1", upper.port, tls=client)

        assert peer.transport == "tls"
        assert (await lower.endpoint.request(outgoing("REGISTER"), peer)).status == 200
        with pytest.raises(TransportError):
            await lower.endpoint.connect("127.0.0.1", upper.port, tls=ssl.create_default_context())


async def test_a_tls_port_speaks_neither_udp_nor_plain_tcp(contexts: Contexts) -> None:
    server, _ = contexts
    async with Platform(tls=server) as platform, await TcpDevice.open(platform.port) as device:
        device.say(request_text("REGISTER"))
        assert b"SIP/2.0" not in await device.is_closed()
        with pytest.raises(TransportError):
            await platform.endpoint.request(outgoing("MESSAGE"), Peer("udp", "127.0.0.1", 5060))
        assert platform.told.empty()
