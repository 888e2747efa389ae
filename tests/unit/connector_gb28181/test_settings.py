"""Settings that can not work are refused before anything listens, and those left out follow from others."""

import pytest
from pydantic import ValidationError

from cambus.connector_gb28181.settings import Gb28181Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gb28181_server_code", "3402"),
        ("gb28181_domain", "34020000"),
        ("gb28181_advertised", "0.0.0.0"),
        ("gb28181_advertised", "[::]:5060"),
        ("gb28181_advertised", "host:0"),
        ("gb28181_media_host", "0.0.0.0"),
        ("gb28181_media_ports", "9-1"),
        ("gb28181_media_ports", "1-70000"),
        ("gb28181_media_ports", "many"),
    ],
)
def test_what_can_not_work_is_refused_and_named(name, value):
    with pytest.raises(ValidationError, match="gb28181_"):
        Gb28181Settings(**{name: value})


def test_nothing_on_this_host_is_connected_to_unless_that_is_set():
    assert not Gb28181Settings().gb28181_media_allow_loopback
    assert not Gb28181Settings().allowed_hosts


def test_domain_realm_and_media_follow_from_what_is_set():
    settings = Gb28181Settings(
        gb28181_server_code="34010000002000000001",
        gb28181_advertised="192.0.2.5:5070",
        gb28181_media_host="0.0.0.0",
        gb28181_media_ports="30000-30002",
    )
    assert (settings.domain, settings.realm) == ("3401000000", "3401000000")
    assert settings.media_advertised == "192.0.2.5"
    assert settings.media_ports == (30000, 30001, 30002)
