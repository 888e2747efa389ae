"""Messages out of YAML and JSON files, and sizes."""

import pytest

from cambus.cli.documents import read_messages
from cambus.cli.failures import UsageError
from cambus.cli.sizes import parse_size
from cambus.schemas.state.alarm_actions import CallAction
from cambus.schemas.state.alarm_rule import AlarmRule
from cambus.schemas.state.recording_policy import RecordingPolicy


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("id: a", ["a"]),
        ("[{id: a}, {id: b}]", ["a", "b"]),
        ("policies: [{id: a}]", ["a"]),
        ('{"id": "a", "segment_s": 60}', ["a"]),
        ("[]", []),
    ],
)
def test_one_message_several_or_a_named_list(tmp_path, text, ids):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    assert [each.id for each in read_messages(path, RecordingPolicy, "policies")] == ids


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[{id: a}, {id: b, mode: sometimes}]", "number 2: mode"),
        ("{id: a, modee: x}", "no field modee"),
        ("{id: a, match: {device: [x]}}", "match: no field device; there are devices"),
        (
            "[{id: a}, {id: b, schedule: {spans: [{}, {begin: x}]}}]",
            r"number 2: schedule.spans\[1\]: no field begin",
        ),
        ("just text", "wanted a mapping"),
        ("{id: [", "no YAML"),
        ("id: 'no token!'", "id: "),
    ],
)
def test_a_mistake_is_named(tmp_path, text, expected):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=expected):
        read_messages(path, RecordingPolicy, "policies")


def test_what_a_message_leaves_free_may_hold_anything(tmp_path):
    path = tmp_path / "file.yaml"
    path.write_text("{id: a, actions: [{kind: call, command: ptz.aux, args: {channel: 0, more: {of: it}}}]}")
    (rule,) = read_messages(path, AlarmRule, "rules")
    assert isinstance(rule.actions[0], CallAction)
    assert rule.actions[0].args["more"] == {"of": "it"}


def test_a_file_that_is_not_there_or_no_text_is_said_so(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_messages(tmp_path / "nowhere", RecordingPolicy, "policies")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_messages(tmp_path / "binary", RecordingPolicy, "policies")


@pytest.mark.parametrize(
    ("text", "size"),
    [("500", 500), ("50G", 50 << 30), ("1.5T", int(1.5 * 2**40)), ("2 MiB", 2 << 20), ("1kb", 1024)],
)
def test_sizes_are_understood(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1X", "1e9"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError, match="no size"):
        parse_size(text)
