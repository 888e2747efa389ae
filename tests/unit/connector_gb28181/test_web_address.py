"""Which address devices are given for what they upload and fetch."""

import pytest
from pydantic import ValidationError

from cambus.connector_gb28181.settings import Gb28181Settings


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "http://127.0.0.1:8123"),
        ({"gb28181_host": "192.0.2.1"}, "http://192.0.2.1:8123"),
        ({"gb28181_web_host": "192.0.2.2"}, "http://192.0.2.2:8123"),
        ({"gb28181_host": "0.0.0.0"}, "http://198.51.100.1:8123"),
        ({"gb28181_host": "::", "gb28181_advertised": "[2001:db8::1]:5060"}, "http://[2001:db8::1]:8123"),
        (
            {"gb28181_web_host": "0.0.0.0", "gb28181_advertised": "example.org:5060"},
            "http://example.org:8123",
        ),
        ({"gb28181_web_advertised": "example.org"}, "http://example.org:8123"),
        (
            {"gb28181_web_advertised": "203.0.113.9:80", "gb28181_advertised": "example.org"},
            "http://203.0.113.9:80",
        ),
    ],
)
def test_devices_are_told_what_was_set_else_what_is_listened_on(settings, address):
    assert Gb28181Settings(**settings).web_address(8123, "198.51.100.1") == address


@pytest.mark.parametrize("address", ["0.0.0.0:80", "[::]:80", "host:99999", ":80"])
def test_what_no_device_can_reach_is_refused(address):
    with pytest.raises(ValidationError):
        Gb28181Settings(gb28181_web_advertised=address)
