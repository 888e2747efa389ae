"""Every patience the client has can be set, and says its name when it ends."""

import asyncio
import socket
from contextlib import closing as closed_at_end

import pytest
from dvrip_operations import QUERY

from cambus.dvrip.client import DvripClient
from cambus.dvrip.errors import RequestTimeout, Unsupported
from cambus.dvrip.operations.upgrade import UpgradeError
from cambus.dvrip.profile import Credentials, Profile, Topology
from cambus.dvrip.timeouts import Timeouts

SHORT_S = 0.05
DEFAULTS = {
    "connect": 5,
    "login": 10,
    "request": 10,
    "config_root": 30,
    "search": 30,
    "config_import": 60,
    "format": 120,
    "upgrade_ack": 30,
    "upgrade_progress": 120,
    "first_media": 10,
    "media_silence": 15,
    "snapshot": 5,
    "keepalive": 10,
    "fragment": 10,
    "release": 2,
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults_are_those_of_the_protocol(name):
    assert Timeouts().of(name) == DEFAULTS[name]


async def test_a_connection_that_does_not_come_about():
    with closed_at_end(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        host, port = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]  # nobody accepts them: the queue of the host is full
        for each in waiting:
            each.setblocking(False)
            each.connect_ex((host, port))
        client = DvripClient(
            host, port, credentials=Credentials("admin", "admin"), timeouts=Timeouts(connect=SHORT_S)
        )
        with pytest.raises(RequestTimeout) as caught:
            await client.connect()
        for each in waiting:
            each.close()
    assert (caught.value.name, caught.value.seconds) == ("connect", SHORT_S)


async def test_a_login_that_is_not_answered(recorder, dial):
    recorder.quirks.login_reply = "never"
    with pytest.raises(RequestTimeout) as caught:
        await dial(recorder, login=SHORT_S)
    assert (caught.value.name, caught.value.seconds) == ("login", SHORT_S)


ASKED = [
    ("request", 1020, lambda d: d.system.info()),
    ("request", 1042, lambda d: d.config.get("NetWork.NetCommon")),
    ("config_root", 1042, lambda d: d.config.get("Detect")),
    ("search", 1440, lambda d: d.files.find(QUERY)),
    ("search", 1442, lambda d: d.files.log(QUERY.begin, QUERY.end)),
    ("search", 1444, lambda d: d.files.by_time(QUERY)),
    ("search", 1446, lambda d: d.files.calendar(2026, 0)),
    ("config_import", 1540, lambda d: d.transfers.import_config(b"PK\x03\x04", confirm=True)),
    ("config_import", 1450, lambda d: d.machine.restore_defaults({"Alarm"}, confirm=True)),
    ("config_import", 1460, lambda d: d.machine.partition(0, 1, 1, confirm=True)),
    ("format", 1460, lambda d: d.machine.clear_partition(0, 0, confirm=True)),
]


@pytest.mark.parametrize(("name", "message_id", "ask"), ASKED)
async def test_a_request_that_is_not_answered(recorder, dial, name, message_id, ask):
    client = await dial(recorder, **{name: SHORT_S})
    recorder.quirks.silent_ids = {message_id}
    with pytest.raises(RequestTimeout) as caught:
        await ask(client)
    assert (caught.value.name, caught.value.seconds) == (name, SHORT_S)
    assert name in str(caught.value)


async def test_a_picture_that_does_not_come(recorder, dial):
    recorder.quirks.snapshot = "silence"
    client = await dial(recorder, snapshot=SHORT_S)
    with pytest.raises(Unsupported) as caught:
        await client.snapshot(0)
    assert isinstance(caught.value.__cause__, RequestTimeout)
    assert caught.value.__cause__.name == "snapshot"


class NeverReady:
    """A camera that is being waited for."""

    ready = False
    stream = 0


async def test_video_that_does_not_begin(recorder, dial, monkeypatch):
    monkeypatch.setattr(recorder.device, "open_live", lambda channel, stream, now: NeverReady())
    client = await dial(
        recorder, Profile(topology=Topology.TWO_SOCKETS), first_media=SHORT_S, release=SHORT_S
    )
    with pytest.raises(RequestTimeout) as caught:
        await client.open_live(0)
    assert (caught.value.name, caught.value.seconds) == ("first_media", SHORT_S)


async def test_video_that_falls_silent(recorder, dial):
    recorder.quirks.update({"break_at_s": 0.1, "break_how": "silent"})
    client = await dial(recorder, media_silence=SHORT_S)
    live = await client.open_live(0)
    with pytest.raises(RequestTimeout) as caught:
        await to_the_end(live)
    assert (caught.value.name, caught.value.seconds) == ("media_silence", SHORT_S)


async def to_the_end(live):
    async with asyncio.timeout(30):
        async for _ in live:
            pass


@pytest.mark.parametrize(
    ("name", "quirks"),
    [("upgrade_ack", {"upgrade_silent_packet": 2}), ("upgrade_progress", {"upgrade_stall_at": 20})],
)
async def test_an_upgrade_that_stalls(recorder, dial, name, quirks):
    recorder.quirks.update(quirks)
    client = await dial(recorder, **{name: 0.5})
    with pytest.raises(UpgradeError) as caught:
        await client.upgrades.run(bytes(100_000), confirm=True)
    assert f"{name} timeout: nothing within 0.5 s" in str(caught.value)
