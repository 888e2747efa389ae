"""The catalog against the list of what every connector and service answers, written out here by hand."""

import re
from collections.abc import Callable

import pytest

from cambus.schemas import subjects
from cambus.schemas.catalog import (
    DEVICE_COMMANDS,
    EVENTS,
    SERVICE_COMMANDS,
    CommandSpec,
    command,
    event,
)
from cambus.schemas.events.base import Event
from cambus.schemas.model import Confirmed

DEVICE = [
    "device.info",
    "device.status",
    "device.capabilities",
    "device.reboot",
    "device.shutdown",
    "device.time.get",
    "device.time.set",
    "device.logs.find",
    "device.config.get",
    "device.config.set",
    "device.config.reset",
    "device.config.export",
    "device.config.import",
    "device.storage.list",
    "device.storage.format",
    "device.users.list",
    "device.users.add",
    "device.users.modify",
    "device.users.delete",
    "device.users.password",
    "device.serial.open",
    "device.serial.write",
    "device.serial.close",
    "ptz.move",
    "ptz.stop",
    "ptz.position.get",
    "ptz.position.set",
    "ptz.home",
    "ptz.focus",
    "ptz.iris",
    "ptz.aux",
    "ptz.zoom_area",
    "ptz.preset.list",
    "ptz.preset.set",
    "ptz.preset.goto",
    "ptz.preset.clear",
    "ptz.tour.list",
    "ptz.tour.set",
    "ptz.tour.clear",
    "ptz.tour.start",
    "ptz.tour.stop",
    "ptz.tour.add",
    "ptz.tour.remove",
    "ptz.pattern.record",
    "ptz.pattern.finish",
    "ptz.pattern.start",
    "ptz.pattern.stop",
    "ptz.pattern.clear",
    "live.start",
    "live.touch",
    "live.stop",
    "live.keyframe",
    "snapshot.take",
    "snapshot.series",
    "video.get",
    "video.set",
    "recording.find",
    "recording.play",
    "recording.pause",
    "recording.resume",
    "recording.seek",
    "recording.speed",
    "recording.stop",
    "recording.download",
    "recording.lock",
    "recording.unlock",
    "talk.start",
    "talk.stop",
    "alarm.arm",
    "alarm.disarm",
    "alarm.output.set",
    "alarm.reset",
    "upgrade.info",
    "upgrade.start",
    "upgrade.cancel",
    "native.call",
]

SERVICE = [
    "media-relay.live.open",
    "connector-dvrip.discovery.run",
    "media-relay.streams.list",
    "recorder.recording.find",
    "recorder.recording.lock",
    "recorder.recording.unlock",
    "recorder.recording.search",
    "recorder.recording.start",
    "recorder.recording.stop",
    "recorder.streams.list",
    "recorder.recording.copies",
    "recorder.recording.export",
    "recorder.export.begin",
    "recorder.export.prepare",
    "recorder.export.lend",
    "recorder.export.status",
    "recorder.export.cancel",
    "recorder.playback.open",
    "recorder.playback.touch",
    "recorder.playback.pause",
    "recorder.playback.resume",
    "recorder.playback.seek",
    "recorder.playback.speed",
    "recorder.playback.step",
    "recorder.playback.stop",
    "recorder.playback.locate",
    "recorder.playback.take",
    "recorder.policy.set",
    "recorder.policy.list",
    "connector-gb28181.cascade.alarm",
    "alarm-router.rules.put",
    "alarm-router.rules.list",
    "alarm-router.rules.delete",
    "alarm-router.rules.test",
    "alarm-router.alarms.list",
    "upgrade-manager.upgrade.plan",
    "alarm-router.alarms.acknowledge",
    "alarm-router.alarms.history",
    "alarm-router.alarms.show",
    "alarm-router.sinks.list",
    "upgrade-manager.upgrade.start",
    "upgrade-manager.upgrade.status",
    "upgrade-manager.upgrade.pause",
    "upgrade-manager.upgrade.resume",
    "upgrade-manager.upgrade.cancel",
    "upgrade-manager.upgrade.resolve",
    "upgrade-manager.upgrade.history",
]

HAPPENED = [
    "device.online",
    "device.offline",
    "device.changed",
    "device.auth-failed",
    "channel.changed",
    "alarm.raised",
    "alarm.cleared",
    "alarm.acknowledged",
    "alarm.escalated",
    "alarm.suppressed",
    "alarm.acted",
    "live.started",
    "live.stopped",
    "recording.closed",
    "picture.stored",
    "upgrade.progressed",
    "upgrade.finished",
    "upgrade.campaign-changed",
    "position.reported",
    "exception.reported",
]

DESTRUCTIVE = [
    "device.reboot",
    "device.shutdown",
    "device.config.reset",
    "device.config.import",
    "device.storage.format",
    "device.users.add",
    "device.users.modify",
    "device.users.delete",
    "device.users.password",
    "upgrade.start",
]

BROADCAST = [
    "alarm-router.sinks.list",
    "connector-gb28181.cascade.alarm",
    "connector-dvrip.discovery.address.set",
    "connector-dvrip.discovery.run",
    "media-relay.streams.list",
    "recorder.recording.find",
    "recorder.recording.lock",
    "recorder.recording.unlock",
    "recorder.streams.list",
    "recorder.recording.copies",
    "recorder.recording.export",
    "recorder.playback.touch",
    "recorder.playback.pause",
    "recorder.playback.resume",
    "recorder.playback.seek",
    "recorder.playback.speed",
    "recorder.playback.step",
    "recorder.playback.stop",
    "recorder.playback.locate",
    "recorder.playback.take",
    "recorder.export.prepare",
    "recorder.export.lend",
    "recorder.export.status",
    "recorder.export.cancel",
]

COMMANDS = {**DEVICE_COMMANDS, **SERVICE_COMMANDS}


def every_command(check: Callable[[CommandSpec], None]) -> Callable[[], None]:
    """A test that holds for every command; a failure says for which it does not."""

    def test() -> None:
        for name, spec in COMMANDS.items():
            try:
                check(spec)
            except BaseException as failure:
                failure.add_note(f"the command is {name}")
                raise

    return test


@pytest.mark.parametrize("name", DEVICE)
def test_the_device_command_exists(name: str) -> None:
    spec = DEVICE_COMMANDS[name]
    assert spec.name == name
    assert spec.service is None
    assert command(name) is spec


@pytest.mark.parametrize("name", SERVICE)
def test_the_service_command_exists(name: str) -> None:
    spec = SERVICE_COMMANDS[name]
    assert spec.key == name
    assert command(name) is spec


@pytest.mark.parametrize("name", HAPPENED)
def test_the_event_exists(name: str) -> None:
    spec = EVENTS[name]
    assert spec.name == name
    assert issubclass(spec.model, Event)
    assert event(name) is spec


def test_there_is_no_event_beyond_the_list() -> None:
    assert set(EVENTS) == set(HAPPENED)


def test_an_unknown_name_is_no_command_and_no_event() -> None:
    for find in (command, event):
        with pytest.raises(KeyError):
            find("ptz.fly")


@every_command
def test_the_subject_of_a_command_parses_back(spec: CommandSpec) -> None:
    if spec.service is None:
        parsed = subjects.parse_command(spec.subject("gate-1"))
        assert (parsed.device, parsed.noun, parsed.verb) == ("gate-1", spec.noun, spec.verb)
    else:
        back = subjects.parse_service(spec.subject())
        assert (back.service, back.noun, back.verb) == (spec.service, spec.noun, spec.verb)


@pytest.mark.parametrize("name", EVENTS)
def test_the_subject_of_an_event_parses_back(name: str) -> None:
    spec = EVENTS[name]
    parsed = subjects.parse_event(spec.subject("gate-1"))
    assert (parsed.device, parsed.noun, parsed.past) == ("gate-1", spec.noun, spec.past)


def test_no_two_commands_share_a_subject() -> None:
    assert len({spec.subject(None if spec.service else "gate-1") for spec in COMMANDS.values()}) == len(
        COMMANDS
    )


@pytest.mark.parametrize("name", DESTRUCTIVE)
def test_a_destructive_command_wants_confirmation(name: str) -> None:
    assert DEVICE_COMMANDS[name].confirm


@every_command
def test_confirmation_is_declared_exactly_where_the_request_demands_it(spec: CommandSpec) -> None:
    field = spec.request.model_fields.get("confirm")
    demanded = field is not None and field.is_required() and field.annotation == Confirmed.__origin__
    assert demanded is spec.confirm


@every_command
def test_a_command_is_described_and_bounded_in_time(spec: CommandSpec) -> None:
    assert re.match(r"[A-Z].*\.$", spec.summary)
    assert 0 < spec.timeout_s <= 120


def test_every_replica_answers_where_each_holds_only_its_share() -> None:
    assert sorted(name for name, spec in COMMANDS.items() if spec.broadcast) == sorted(BROADCAST)


def test_the_catalog_cannot_be_changed() -> None:
    for mapping in (DEVICE_COMMANDS, SERVICE_COMMANDS, EVENTS):
        with pytest.raises(TypeError):
            mapping["x.y"] = None  # type: ignore[index]  # what the test is about
