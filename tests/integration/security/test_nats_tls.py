"""TLS to NATS: the server is who it says it is, clients may have to be as well, and nothing goes in clear."""

import asyncio
import datetime as dt
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder, name):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(
            self.name, self.key.public_key(), x509.BasicConstraints(ca=True, path_length=0)
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, name, key, constraints, *, host="127.0.0.1", expired=False):
        now = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2 if expired else 0)
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        builder = x509.CertificateBuilder(self.name, name, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(
            now + dt.timedelta(hours=1)
        )
        builder = builder.add_extension(constraints, critical=True).add_extension(address, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, **how):
        """A certificate and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = self._sign(
            subject, key.public_key(), x509.BasicConstraints(ca=False, path_length=None), **how
        )
        certificate, secret = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, secret


@pytest.fixture
def authority(tmp_path):
    """Who signs."""
    return Authority(tmp_path, "authority")


@pytest.fixture
async def server(authority):
    """One that speaks TLS only, to clients that show a certificate."""
    certificate, key = authority.issue("server")
    tls = {
        "cert_file": str(certificate),
        "key_file": str(key),
        "ca_file": str(authority.file),
        "verify": True,
    }
    async with NatsServer(config={"tls": tls}) as running:
        yield running


def settings_for(server, authority, names=("client",), scheme="tls", trusted=None):
    files = {}
    for name in names:
        files["nats_cert_file"], files["nats_key_file"] = authority.issue(name)
    url = server.url.replace("nats://", f"{scheme}://")
    return BusSettings(nats_url=url, nats_ca_file=trusted or authority.file, **files)


@pytest.mark.parametrize("scheme", ["tls", "nats"])
async def test_both_show_who_they_are(server, authority, scheme):
    async with await Bus.connect(settings_for(server, authority, scheme=scheme)) as bus:
        assert bus.nc._transport._io_writer.get_extra_info("cipher")
        inbox = await bus.inbox("x")
        await bus.publish("x", b"hello")
        assert (await anext(inbox)).data == b"hello"


async def never_connects(settings, eventually, why):
    bus = Bus(settings)
    opening = asyncio.ensure_future(bus.open())
    try:
        await eventually(lambda: why in str(bus.health.report()).lower())
        assert not opening.done()
    finally:
        opening.cancel()
        await asyncio.wait({opening})
        await bus.close()


async def test_a_server_that_somebody_else_vouches_for_is_not_talked_to(
    server, authority, tmp_path, eventually
):
    stranger = Authority(tmp_path, "stranger")
    await never_connects(settings_for(server, authority, trusted=stranger.file), eventually, "certificate")


async def test_a_client_without_a_certificate_does_not_get_in(server, authority, eventually):
    await never_connects(settings_for(server, authority, names=()), eventually, "not connected:")


@pytest.mark.parametrize(
    ("how", "why"),
    [({"expired": True}, "expired"), ({"host": "192.0.2.1"}, "mismatch")],
    ids=["expired", "other"],
)
async def test_a_certificate_that_is_not_good_any_more_or_another_s_is_named(authority, eventually, how, why):
    certificate, key = authority.issue("server", **how)
    async with NatsServer(config={"tls": {"cert_file": str(certificate), "key_file": str(key)}}) as server:
        await never_connects(settings_for(server, authority, names=()), eventually, why)
