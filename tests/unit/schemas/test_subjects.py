"""Subjects: written, read back, and closed to anything that is no token."""

import pytest

from cambus.schemas import subjects
from cambus.schemas.subjects import CommandSubject, EventSubject, MediaSubject, ServiceSubject

BAD_TOKENS = ["", "a.b", "*", ">", "a b", "x" * 65, "ä", "a\n"]


def test_a_command_subject() -> None:
    subject = subjects.command_subject("gate-1", "ptz", "preset.goto")
    assert subject == "cambus.v1.cmd.gate-1.ptz.preset.goto"
    assert subjects.parse_command(subject) == CommandSubject("gate-1", "ptz", "preset.goto")


def test_a_service_subject() -> None:
    subject = subjects.service_subject("media-relay", "live", "open")
    assert subject == "cambus.v1.svc.media-relay.live.open"
    assert subjects.parse_service(subject) == ServiceSubject("media-relay", "live", "open")


def test_an_event_subject() -> None:
    subject = subjects.event_subject("gate-1", "device", "auth-failed")
    assert subject == "cambus.v1.evt.gate-1.device.auth-failed"
    assert subjects.parse_event(subject) == EventSubject("gate-1", "device", "auth-failed")


def test_a_live_media_subject() -> None:
    subject = subjects.media_subject("gate-1", 0, "main")
    assert subject == "cambus.v1.media.gate-1.0.main"
    parsed = subjects.parse_media(subject)
    assert parsed == MediaSubject("gate-1", 0, "main")
    assert parsed.session is None


def test_playback_and_talk_are_media_subjects_with_a_session() -> None:
    playback, talk = (
        subjects.playback_subject("gate-1", 3, "pb-01"),
        subjects.talk_subject("gate-1", 3, "tk-01"),
    )
    assert playback == "cambus.v1.media.gate-1.3.s-pb-01"
    assert talk == "cambus.v1.media.gate-1.3.t-tk-01"
    assert subjects.parse_media(playback).session == "pb-01"
    assert subjects.parse_media(talk).session == "tk-01"


def test_transfer_and_dead_letter_subjects() -> None:
    assert subjects.parse_transfer(subjects.transfer_subject("dl-01")) == "dl-01"
    assert subjects.parse_dead_letter(subjects.dead_letter_subject("alarm-router")) == "alarm-router"


def test_wildcards() -> None:
    assert subjects.device_commands("gate-1") == "cambus.v1.cmd.gate-1.>"
    assert subjects.events() == "cambus.v1.evt.*.*.>"
    assert subjects.events(noun="alarm") == "cambus.v1.evt.*.alarm.>"
    assert subjects.events("gate-1", "alarm", "raised") == "cambus.v1.evt.gate-1.alarm.raised"
    assert subjects.media() == "cambus.v1.media.*.*.*"
    assert subjects.media("gate-1", 0) == "cambus.v1.media.gate-1.0.*"


@pytest.mark.parametrize("token", BAD_TOKENS)
def test_nothing_but_a_token_gets_into_a_subject(token: str) -> None:
    for write in (
        lambda: subjects.command_subject(token, "ptz", "move"),
        lambda: subjects.event_subject(token, "alarm", "raised"),
        lambda: subjects.media_subject(token, 0, "main"),
        lambda: subjects.media_subject("gate-1", 0, token),
        lambda: subjects.transfer_subject(token),
        lambda: subjects.dead_letter_subject(token),
        lambda: subjects.device_commands(token),
        lambda: subjects.service_subject(token, "live", "open"),
        lambda: subjects.command_subject("gate-1", token, "move"),
    ):
        with pytest.raises(ValueError, match="wanted"):
            write()


@pytest.mark.parametrize("verb", ["", "a.b.c", ".a", "a.", "*", ">", "Move", "a b", "a..b"])
def test_a_verb_has_at_most_one_dot(verb: str) -> None:
    with pytest.raises(ValueError, match="verb"):
        subjects.command_subject("gate-1", "ptz", verb)


@pytest.mark.parametrize("channel", [-1, 65536])
def test_a_channel_is_in_range(channel: int) -> None:
    with pytest.raises(ValueError, match="channel"):
        subjects.media_subject("gate-1", channel, "main")


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "cambus.v1.cmd",
        "cambus.v1.cmd.gate-1.ptz",
        "cambus.v2.cmd.gate-1.ptz.move",
        "cambus.v1.evt.gate-1.ptz.move",
        "cambus.v1.cmd.gate-1.ptz.move.a.b",
        "cambus.v1.cmd.*.ptz.move",
        "cambus.v1.cmd.gate-1.ptz.>",
        "cambus.v1.cmd." + "a" * 600 + ".ptz.move",
    ],
)
def test_what_is_no_command_subject_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="wanted"):
        subjects.parse_command(subject)


@pytest.mark.parametrize("channel", ["", "-1", "01", "1e3", "65536", "999999", "٣", "a", "+1"])
def test_a_media_subject_has_a_plain_channel_number(channel: str) -> None:
    with pytest.raises(ValueError, match="channel"):
        subjects.parse_media(f"cambus.v1.media.gate-1.{channel}.main")
