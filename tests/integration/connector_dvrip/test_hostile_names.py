"""A device names things as it likes; no name of its becomes a subject, a key, a path, a label or a line of a log."""

import json
import logging
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cambus.bus.logging import JsonFormatter
from cambus.client.objects import ObjectStore
from cambus.schemas.assets import OBJECTS_FILES, OBJECTS_PICTURES
from cambus.schemas.commands import config, logs, recording, snapshot, users
from cambus.schemas.commands import device as device_commands
from cambus.simulators.dvrip.archive import Recording

MARK = "evil"
NAME = f"../../{MARK}/>.*.cambus.v1 <img src=x onerror={MARK}()>[red]\x1b[2J\r\n\u202e'\"; {MARK} $(x) %s {{0}}\x00"
TOKEN = re.compile(r"[A-Za-z0-9_$=-]+")
AGES = {"start": datetime(2000, 1, 2, tzinfo=UTC), "end": datetime.now(UTC) + timedelta(days=1)}


@pytest.fixture
async def hostile(simulator, monkeypatch):
    """The recorder, with a hostile name wherever it has one."""
    device = simulator.device
    device.identity = replace(device.identity, serial=NAME)
    device.set_titles([NAME, NAME])
    for kind in (f"LogIn{NAME}", "LogOut"):
        device.note(kind, NAME)
    file_name = Recording.file_name.fget
    monkeypatch.setattr(Recording, "file_name", property(lambda each: NAME + file_name(each)))
    device.accounts.users["admin"].memo = NAME
    return simulator


class Overheard:
    """Everything on the server: subjects and headers."""

    def __init__(self):
        self.subjects = set()
        self.headers = []

    def take(self, message):
        self.subjects.add(message.subject)
        self.headers += [*(message.headers or {}).items()]


@pytest.fixture
async def overheard(bench):
    heard = Overheard()
    subscription = await bench.bus.subscribe(">", heard.take)
    await bench.bus.flush()
    yield heard
    await subscription.close()


async def everything_asked(bench, device):
    """What the device's names are in, by the commands that show them."""
    asked = (
        (device_commands.INFO, {}),
        (device_commands.STATUS, {}),
        (recording.FIND, {"channel": 0, **AGES}),
        (logs.FIND, AGES),
        (users.LIST, {}),
        (snapshot.TAKE, {"channel": 0}),
        (config.EXPORT, {}),
    )
    return [
        await bench.client.call(spec, spec.request.model_validate(fields), device=device)
        for spec, fields in asked
    ]


async def test_no_name_of_a_device_leaves_its_place(bench, hostile, device, overheard, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    heard = await bench.heard(device)
    presence = await bench.online(device, hostile)
    shown = await everything_asked(bench, device)
    hostile.device.raise_alarm(f"VideoMotion{NAME}", 0, "Start", NAME)
    raised = await heard.until("alarm.raised")
    assert MARK in f"{shown}"
    assert MARK in presence.channels[0].name
    assert MARK in raised.native.code

    assert overheard.subjects
    for subject in overheard.subjects:
        assert MARK not in subject
        assert all(TOKEN.fullmatch(token) for token in subject.split("."))
    assert not [header for header in overheard.headers if MARK in f"{header}"]
    for bucket in (OBJECTS_FILES, OBJECTS_PICTURES):
        for stored in await ObjectStore(bench.bus, bucket).list():
            assert re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)+", stored.name)
            assert ".." not in stored.name
            assert MARK not in stored.name
    assert not [path for path in tmp_path.parent.rglob("*") if MARK in path.name]
    assert MARK not in bench.connectors["replica-1"].service.runtime.metrics.render().decode()
    for record in caplog.records:
        line = JsonFormatter("connector-dvrip").format(record)
        assert len(line.splitlines()) == 1
        assert isinstance(json.loads(line), dict)


async def test_what_people_read_moves_no_cursor(bench, hostile, device):
    presence = await bench.online(device, hostile)
    info, status, found, entries, accounts, *_ = await everything_asked(bench, device)
    texts = [
        presence.serial,
        *(channel.name for channel in presence.channels),
        info.serial,
        *(channel.name for channel in info.channels),
        *(entry.text for entry in entries.entries),
        *(entry.type for entry in entries.entries),
        *(user.memo for user in accounts.users),
    ]
    assert sum(MARK in text for text in texts) > 6
    assert all(text.isprintable() for text in texts)
    assert status.channels
    # an opaque name is handed back as it came, or the recording could not be asked for
    assert {each.id.startswith(NAME) for each in found.recordings} == {True}
