"""Records of devices, good and broken."""

import pytest

from cambus.connector.registry import BadRecord, connection_facts, read_record
from cambus.schemas.state.devices import DeviceRecord

GOOD = {"id": "gate-1", "protocol": "dvrip", "address": "192.0.2.1", "options": {"channel_base": 1}}


def read(key="gate-1", **changes):
    fields = {**GOOD, **changes}
    return read_record(key, {name: value for name, value in fields.items() if value is not ...}, "dvrip")


def test_a_good_record_is_read():
    assert read() == DeviceRecord(**GOOD)


@pytest.mark.parametrize("change", [{"protocol": "onvif"}, {"protocol": ...}, {"protocol": 5}])
def test_other_protocols_are_none_of_ours(change):
    assert read(**change) is None


def test_a_disabled_device_is_still_a_device():
    assert read(enabled=False).enabled is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"address": 5}, "address"),
        ({"options": []}, "options"),
        ({"id": "no spaces"}, "id"),
        ({"id": ...}, "id"),
        ({"tags": [1]}, "tags"),
    ],
)
def test_a_broken_record_says_which_field_is_wrong(change, field):
    record = read(**change)
    assert isinstance(record, BadRecord)
    assert record.id == "gate-1"
    assert record.problem.startswith(field)


def test_what_is_wrong_is_never_quoted():
    assert "hunter2" not in read(options="hunter2").problem


def test_a_record_under_another_key_is_broken():
    assert read(key="gate-2") == BadRecord("gate-2", "id: wanted the key it is stored under")


def test_a_key_that_is_no_device_id_is_ignored(caplog):
    assert read(key="a/b") is None
    assert "no device id" in caplog.text


@pytest.mark.parametrize("change", [{"name": "North"}, {"tags": ["a"]}])
def test_a_new_name_or_tag_needs_no_new_connection(change):
    assert connection_facts(read()) == connection_facts(read(**change))


@pytest.mark.parametrize(
    "change", [{"address": "192.0.2.2"}, {"options": {}}, {"credentials": {"name": "other"}}]
)
def test_a_new_address_credential_or_option_needs_one(change):
    assert connection_facts(read()) != connection_facts(read(**change))
