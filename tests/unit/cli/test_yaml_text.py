"""YAML that stands for more than it says."""

import pytest
import yaml

from cambus.cli import yaml_text
from cambus.cli.devices_file import DevicesFileError, load_devices
from cambus.cli.documents import read_messages
from cambus.cli.failures import UsageError
from cambus.cli.yaml_text import RepeatsError, parse
from cambus.schemas.state.alarm_rule import AlarmRule

LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10 if n else ['ha'] * 10)}]\n" for n in range(12))
"""A billion laughs, and a thousand times as many."""


def test_a_billion_laughs_are_refused_at_once():
    with pytest.raises(RepeatsError):
        parse(LAUGHS)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {x: 1}\n" + "".join(f"b{n}: {{<<: [{', '.join(['*a'] * 100)}]}}\n" for n in range(20)),
        "a: &a [*a]\n",
    ],
    ids=["merged", "contains-itself"],
)
def test_other_ways_to_be_large_or_endless_are_refused(monkeypatch, text):
    monkeypatch.setattr(yaml_text, "MOST_REPEATED", 1000)
    with pytest.raises(yaml.YAMLError):
        parse(text)


def test_aliases_that_spare_writing_are_read():
    text = "options: &o {transport: udp}\ndevices:\n" + "".join(
        f"- {{id: d{n}, options: *o}}\n" for n in range(99)
    )
    root, document = parse(text)
    assert root.value[0][0].start_mark.line == 0
    assert [each["options"] for each in document["devices"]] == [{"transport": "udp"}] * 99


def test_a_long_file_without_aliases_is_read(monkeypatch):
    monkeypatch.setattr(yaml_text, "MOST_REPEATED", 5)
    assert parse("[1, 2, 3, 4, 5, 6, 7, 8, 9]")[1] == list(range(1, 10))
    assert parse("") == (None, None)


def test_neither_devices_nor_rules_are_read_from_it(tmp_path):
    file = tmp_path / "laughs.yaml"
    file.write_text(LAUGHS + "devices: *a11\nrules: *a11\n")
    with pytest.raises(DevicesFileError):
        load_devices(file)
    with pytest.raises(UsageError):
        read_messages(file, AlarmRule, "rules")
