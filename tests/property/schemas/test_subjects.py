"""Properties of subjects and keys: what is written parses back, and nothing else gets in."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from cambus.schemas import keys, subjects

token = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=1, max_size=64)
session = token.filter(lambda each: len(each) <= 62)
name = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)
verb = st.from_regex(r"[a-z][a-z0-9_-]{0,9}(\.[a-z][a-z0-9_-]{0,9})?", fullmatch=True)
channel = st.integers(0, 65535)


@given(device=token, noun=name, verb=verb)
def test_command_subjects_parse_back(device: str, noun: str, verb: str) -> None:
    parsed = subjects.parse_command(subjects.command_subject(device, noun, verb))
    assert (parsed.device, parsed.noun, parsed.verb) == (device, noun, verb)


@given(service=name, noun=name, verb=verb)
def test_service_subjects_parse_back(service: str, noun: str, verb: str) -> None:
    parsed = subjects.parse_service(subjects.service_subject(service, noun, verb))
    assert (parsed.service, parsed.noun, parsed.verb) == (service, noun, verb)


@given(device=token, noun=name, past=verb)
def test_event_subjects_parse_back(device: str, noun: str, past: str) -> None:
    parsed = subjects.parse_event(subjects.event_subject(device, noun, past))
    assert (parsed.device, parsed.noun, parsed.past) == (device, noun, past)


@given(device=token, channel=channel, session=session)
def test_media_subjects_parse_back(device: str, channel: int, session: str) -> None:
    live = subjects.parse_media(subjects.media_subject(device, channel, "sub"))
    assert (live.device, live.channel, live.stream, live.session) == (device, channel, "sub", None)
    for write in (subjects.playback_subject, subjects.talk_subject):
        parsed = subjects.parse_media(write(device, channel, session))
        assert (parsed.device, parsed.channel, parsed.session) == (device, channel, session)


@given(text=st.text(max_size=200))
def test_any_text_is_a_subject_or_a_value_error(text: str) -> None:
    for start in ("", "cambus.v1.cmd.", "cambus.v1.media.", "cambus.v1.evt.gate-1."):
        for parse in (
            subjects.parse_command,
            subjects.parse_service,
            subjects.parse_event,
            subjects.parse_media,
            subjects.parse_transfer,
            subjects.parse_dead_letter,
        ):
            with contextlib.suppress(ValueError):
                parse(start + text)


@given(text=st.text(max_size=70))
def test_what_gets_into_a_subject_adds_no_token_and_no_wildcard(text: str) -> None:
    for write in (subjects.transfer_subject, subjects.device_commands, keys.recording_policy):
        expected = write("x").count(".")
        with contextlib.suppress(ValueError):
            written = write(text)
            assert written.count(".") == expected
            assert not set(written.removesuffix(".>")) & set("*> \t\r\n")


@given(one=token, other=token)
def test_keys_of_different_devices_differ(one: str, other: str) -> None:
    assert (keys.attempt("c", one) == keys.attempt("c", other)) is (one == other)
    assert 0 <= keys.shard_of(one) < keys.SHARDS
