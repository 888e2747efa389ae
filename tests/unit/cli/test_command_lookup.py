"""Commands found by what was typed, and explained."""

import json

import pytest

from cambus.cli.command_lookup import example_of, explain_fields, find_command, read_request
from cambus.cli.failures import UsageError
from cambus.schemas.catalog import DEVICE_COMMANDS, SERVICE_COMMANDS
from cambus.schemas.commands import device, ptz


def test_every_command_is_found_by_its_name():
    for name, spec in DEVICE_COMMANDS.items():
        assert find_command(name, None) is spec
    for spec in SERVICE_COMMANDS.values():
        assert find_command(spec.name, spec.service) is spec


@pytest.mark.parametrize(
    ("typed", "near"), [("ptz.mvoe", "ptz.move"), ("preset.goto", "ptz.preset.goto"), ("ptz.go", "ptz.")]
)
def test_near_names_are_suggested(typed, near):
    with pytest.raises(UsageError, match=near):
        find_command(typed, None)


@pytest.mark.parametrize(
    "spec", [*DEVICE_COMMANDS.values(), *SERVICE_COMMANDS.values()], ids=lambda spec: spec.key
)
def test_every_command_can_be_explained_and_its_example_is_a_request(spec):
    fields = list(explain_fields(spec.request))
    assert [name for name, *_ in fields] == list(spec.request.model_fields)
    assert all(kind and default and meaning for _, kind, default, meaning in fields)
    assert read_request(spec, example_of(spec.request), confirmed=True)


def test_confirming_fills_in_the_field_only_where_there_is_one():
    assert read_request(device.REBOOT, "{}", confirmed=True).confirm is True
    with pytest.raises(UsageError, match="confirm"):
        read_request(device.REBOOT, "{}", confirmed=False)
    assert "confirm" not in json.loads(
        read_request(ptz.STOP, '{"channel": 0}', confirmed=True).model_dump_json()
    )


def test_a_wrong_value_is_named_and_not_repeated():
    with pytest.raises(UsageError) as caught:
        read_request(ptz.MOVE, '{"channel": "canary"}', confirmed=True)
    assert "channel" in caught.value.text
    assert "canary" not in caught.value.text
