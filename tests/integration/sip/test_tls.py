"""Devices on TLS (GB-029)."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sip_peer import TcpDevice, answer_text, request_text
from sip_platform import Platform, outgoing

from cambus.sip.errors import TransportError
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture
def contexts(tmp_path: Path) -> Contexts:
    """For the platform, with a certificate of its own for 127.0.0.1; and for a device that knows that one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "platform.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


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
