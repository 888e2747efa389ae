"""Looking at devices, and removing them."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta

import pytest

from cambus.client.kv import KeyValue
from cambus.schemas import keys
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord
from cambus.schemas.state.inbound import Knock, KnockOutcome
from cambus.schemas.state.presence import DeviceState, Presence, PresenceError


def then():
    """Three minutes ago."""
    return datetime.now(UTC) - timedelta(minutes=3)


def record(device, **fields):
    return DeviceRecord(id=device, protocol="dvrip", address="127.0.0.1:34567", **fields)


def online(device, **fields):
    channels = [ChannelInfo(channel=0, name="North \x1b[31mgate", streams=["main", "sub"], ptz=True)]
    facts = {
        "model": "NBD8016",
        "channels": channels,
        "channels_total": 1,
        "replica": "connector-0",
        **fields,
    }
    return Presence(
        device=device, protocol="dvrip", online=True, state=DeviceState.ONLINE, since=then(), **facts
    )


def refused(device):
    error = PresenceError(code=401, reason="wrong-password", text="the device refused user admin", at=then())
    return Presence(
        device=device,
        protocol="dvrip",
        online=False,
        state=DeviceState.CREDENTIALS_REJECTED,
        since=then(),
        last_error=error,
    )


@pytest.fixture
async def three(records, presences, unique):
    """One online, one refused, one that no connector looks after; gone at the end."""
    names = [f"{unique}-{name}" for name in ("a", "b", "c")]
    for name in names:
        await records.put(name, record(name, name="Gate"))
    await presences.put(names[0], online(names[0]))
    await presences.put(names[1], refused(names[1]))
    yield names
    for name in names:
        await records.delete(name)
        await presences.delete(name)


async def test_the_list_shows_state_and_reason(cambusctl, three):
    ran = await cambusctl("devices")
    lines = {line.split()[0]: line for line in ran.out.splitlines()}
    assert "online" in lines[three[0]]
    assert "3 min" in lines[three[0]]
    assert "credentials-rejected" in lines[three[1]]
    assert "the device refused user admin" in lines[three[1]]
    assert "no connector" in lines[three[2]]
    found = {each["device"]: each for each in (await cambusctl("devices", "--json")).document}
    assert [found[name]["state"] for name in three] == ["online", "credentials-rejected", "no connector"]
    assert found[three[0]]["presence"]["model"] == "NBD8016"


async def test_the_list_can_be_narrowed_to_what_is_not_online(cambusctl, three):
    found = (await cambusctl("devices", "--offline", "--json")).document
    assert [each["device"] for each in found] == three[1:]


async def test_devices_without_a_record_that_dialled_in_are_listed(cambusctl, bus, unique):
    identity = f"{unique}\x1b[2J"
    seen = Knock(
        protocol="dvrip",
        identity=identity,
        address="203.0.113.7",
        kind="DVR",
        channels=4,
        outcome=KnockOutcome.PENDING,
        replica="connector-0",
        first_at=then(),
        last_at=then(),
    )
    await KeyValue(bus, KV_LEASES, Knock).put(keys.knock("dvrip", identity), seen, ttl_s=60)
    ran = await cambusctl("devices", "--pending")
    (line,) = (line for line in ran.out.splitlines() if unique in line)
    assert "\x1b" not in line
    assert all(part in line for part in ("203.0.113.7", "DVR", "pending", "3 min"))
    listed = (await cambusctl("devices", "--pending", "--json")).document
    assert [each["address"] for each in listed if each["identity"] == identity] == ["203.0.113.7"]


async def test_the_list_of_strangers_goes_alone(cambusctl):
    assert (await cambusctl("devices", "--pending", "--offline")).code == 2


async def test_one_device_is_shown_with_its_channels_and_nothing_that_moves_the_cursor(cambusctl, three):
    ran = await cambusctl("device", "get", three[0])
    assert "NBD8016" in ran.out
    assert "North  [31mgate" in ran.out
    assert "\x1b" not in ran.out
    assert "main sub" in ran.out


async def test_a_device_that_does_not_exist_is_said_so(cambusctl):
    ran = await cambusctl("device", "get", "nobody")
    assert (ran.code, ran.err.splitlines()[0]) == (3, "Error: 404 no-such-device: there is no device nobody")
    assert (await cambusctl("device", "delete", "nobody", "--yes")).code == 3


async def test_a_device_is_removed_with_its_credentials_once_confirmed(cambusctl, three, records, key_file):
    name = three[0]
    await cambusctl("secret", "set", name, "--credentials-key", str(key_file), stdin="x")
    await records.put(name, record(name, credentials=CredentialsRef(name=name)))
    assert (await cambusctl("device", "delete", name)).code == 2
    assert await records.get(name) is not None
    assert (await cambusctl("device", "delete", name, "--yes")).out == f"removed {name}\n"
    assert await records.get(name) is None
    listed = (await cambusctl("secret", "list", "--json")).document
    assert name not in [each["name"] for each in listed]


async def test_watching_tells_of_every_change(nats_server, presences, unique):
    """Follows in a process of its own, for it ends by Ctrl-C only."""
    watcher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from cambus.cli.main import main; main()"),
        *("devices", "--watch", "--nats", nats_server.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

    async def line_about_us():
        while True:
            line = (await watcher.stdout.readline()).decode()
            assert line, (await watcher.stderr.read()).decode()
            if unique in line:
                return line

    async with asyncio.timeout(30):
        await presences.put(unique, refused(unique))
        first = await line_about_us()
        assert "credentials-rejected  the device refused user admin" in first
        await presences.put(unique, online(unique))
        assert f"{unique}  online" in await line_about_us()
        await presences.delete(unique)
        assert f"{unique}  no connector" in await line_about_us()
        watcher.send_signal(signal.SIGINT)
        _, errors = await watcher.communicate()
    assert (watcher.returncode, b"Traceback" in errors) == (130, False)
