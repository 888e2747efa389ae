"""Every event as one line."""

import json
from datetime import UTC, datetime

import pytest

from cambus.cli.event_text import describe, event_line
from cambus.cli.failures import UsageError
from cambus.cli.wanted_events import wanted_subjects
from cambus.client.received import ReceivedEvent
from cambus.schemas.catalog import EVENTS
from cambus.schemas.events.base import Event

EXPECTED = {
    "alarm.raised": "motion, info: Motion at North gate",
    "alarm.cleared": "motion: lasted 18 s",
    "device.online": "XM NBD8016RA-UL V4.03.R11.C6380237.12201.140000.0000000: 16 channels",
    "device.offline": "keepalive-lost: no answer to two keepalives",
    "device.auth-failed": "wrong-password: the device refused user admin",
    "device.changed": "software_version: V4.03.R11 -> V4.03.R12",
    "channel.changed": "offline: Tunnel 7",
    "exception.reported": "clock-drift: the device's clock is 93 s behind",
    "live.started": "main: h265 2560x1440",
    "live.stopped": "main: unclaimed",
    "recording.closed": "main: 5 min, 146 MiB on recorder-0",
    "picture.stored": "command: gate-1/0/20260201T121722Z.jpg",
    "upgrade.progressed": "transferring 40 %",
    "upgrade.campaign-changed": (
        "campaign 01KGE5C8QXG1Z5X0N3V7M4T2RB stopped: 3 of 8 devices failed: more than 25 %"
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_told_in_a_few_words(name):
    model = EVENTS[name].model
    event = model.model_validate_json(json.dumps(model.model_json_schema()["examples"][0]))
    text = describe(event)
    assert text
    assert text == EXPECTED.get(name, text)
    received = ReceivedEvent(name, event, "s", {}, b"", 1, 1, datetime.now(UTC))
    line = event_line(received).plain
    assert name in line
    assert "\n" not in line


def test_an_event_of_a_newer_suite_is_shown_too():
    event = Event(id="01KGE5C8QXG1Z5X0N3V7M4T2RB", device="gate", at=datetime.now(UTC))
    assert describe(event) == ""


def test_subjects_follow_from_devices_and_types():
    assert wanted_subjects([], []) == ["cambus.v1.evt.*.*.>"]
    assert wanted_subjects(["gate"], ["alarm.*"]) == ["cambus.v1.evt.gate.alarm.>"]
    assert wanted_subjects(["a", "b", "a"], ["device.online"]) == [
        "cambus.v1.evt.a.device.online",
        "cambus.v1.evt.b.device.online",
    ]
    # filters of one consumer must not overlap
    assert wanted_subjects([], ["alarm.raised", "alarm"]) == ["cambus.v1.evt.*.alarm.>"]
    with pytest.raises(UsageError):
        wanted_subjects(["gate.*"], [])
