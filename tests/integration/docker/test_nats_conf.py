"""`docker/nats/nats.conf` on a real nats-server, with the users of the first start: safe, and every service gets in."""

import datetime as dt
import os
import subprocess
from pathlib import Path

import aiohttp
import first_start
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nats_configuration import SHIPPED, handed_out, on_ports_of_its_own, with_tls

from cambus.bus.assets import MIB, configurations, ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer, find_nats_server
from cambus.cli import connection
from cambus.cli.doctor.finding import Level
from cambus.cli.doctor.nats import check_sync, read_streams
from cambus.cli.doctor.safety import judge
from cambus.cli.failures import CliError
from cambus.cli.stack.options import SERVICES
from cambus.client.nkeys import new_seed

DOCKER = Path(first_start.__file__).resolve().parent


def write_certificate(folder):
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nats")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    for file in ("tls.crt", "ca.crt"):
        (folder / file).write_bytes(certificate.public_bytes(pem))
    (folder / "tls.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """What the first start hands out."""
    return handed_out(tmp_path_factory.mktemp("volumes"), lambda path, uid: None)


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory, volumes):
    """A folder as /etc/nats is in the container."""
    folder = tmp_path_factory.mktemp("etc")
    (folder / "users").symlink_to(volumes / "secrets-nats")
    write_certificate(folder / "tls")
    return folder


@pytest.fixture(scope="module")
def server(laid_out, tmp_path_factory):
    configuration = laid_out / "ours.conf"
    configuration.write_text(on_ports_of_its_own(SHIPPED, tmp_path_factory.mktemp("store")))
    with NatsServer(include=configuration) as running:
        yield running


@pytest.mark.parametrize("tls", [False, True], ids=["as-it-comes", "with-tls"])
def test_the_server_accepts_the_file(laid_out, tls):
    file = laid_out / f"tls-{tls}.conf"
    file.write_text(with_tls(SHIPPED, laid_out / "tls") if tls else SHIPPED)
    ran = subprocess.run(
        [str(find_nats_server()), "-t", "-c", str(file)], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, "is valid" in ran.stdout + ran.stderr) == (0, True), ran


def nkey_of(service, volumes, environment):
    mounted, name = os.path.split(environment["CAMBUS_NATS_NKEY_FILE"])
    assert mounted == "/run/cambus"
    return volumes / f"secrets-{service}" / name


async def test_it_is_as_reliability_and_safety_want_it(server, volumes):
    admin = volumes / "secrets-people" / "admin.nk"
    settings = BusSettings(nats_url=server.url, nats_nkey_file=admin)
    async with aiohttp.ClientSession() as session, session.get(f"{server.monitor_url}/varz") as answer:
        told = await answer.json(content_type=None)
    assert told["max_payload"] == MIB
    assert told["max_connections"] == 4096
    assert (told["ping_interval"], told["ping_max"]) == (5_000_000_000, 2)
    needed = sum(config["max_bytes"] for config in configurations(1))
    assert needed <= 0.7 * told["jetstream"]["config"]["max_storage"]
    async with await Bus.connect(settings, name="cambusctl") as bus:
        await ensure_assets(bus)
        streams = await read_streams(bus)
        found = judge("nats://nats:4222", bus.nc._server_info, streams)
        assert [each for each in found if each.level is Level.PROBLEM] == []
        assert [each.text for each in found] == ["what is said to it can be read on the way"]
        (synced,) = await check_sync(server.monitor_url, [])
        assert synced.level is Level.OK


async def test_with_tls_doctor_has_nothing_to_say(laid_out, volumes, tmp_path):
    configuration = laid_out / "ours-with-tls.conf"
    configuration.write_text(on_ports_of_its_own(with_tls(SHIPPED, laid_out / "tls"), tmp_path / "store"))
    async with NatsServer(include=configuration) as server:
        settings = BusSettings(
            nats_url=server.url.replace("nats://127.0.0.1", "tls://localhost"),
            nats_ca_file=laid_out / "tls" / "ca.crt",
            nats_nkey_file=volumes / "secrets-people" / "admin.nk",
        )
        async with await Bus.connect(settings, name="cambusctl") as bus:
            found = judge("tls://nats:4222", bus.nc._server_info, {})
        assert [each.level for each in found] == [Level.OK]


async def test_every_service_logs_in_with_what_it_was_handed_and_nobody_without(server, volumes, tmp_path):
    containers = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    for service in SERVICES:
        file = nkey_of(service, volumes, containers[service]["environment"])
        async with await Bus.connect(
            BusSettings(nats_url=server.url, nats_nkey_file=file), name=service
        ) as bus:
            assert bus.connected
    stranger = tmp_path / "stranger.nk"
    stranger.write_text(new_seed())
    for credentials in ({}, {"nats_nkey_file": stranger}):
        refused = Bus(BusSettings(nats_url=server.url, **credentials), name="cambusctl")
        with pytest.raises(CliError, match="does not let us in"):
            await connection._open(refused, 30.0)
