"""Which addresses devices are told: one they can reach, never a wildcard (GB-023)."""

import pytest
from pydantic import ValidationError

from cambus.connector_gb28181.settings import Gb28181Settings


def settings(**fields):
    return Gb28181Settings(nats_url="nats://127.0.0.1:4222", **fields)


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_media_is_not_asked_for_at_a_wildcard(wildcard):
    with pytest.raises(ValidationError, match="media"):
        settings(gb28181_media_host=wildcard)
    with pytest.raises(ValidationError):
        settings(gb28181_media_host=wildcard, gb28181_media_advertised=wildcard)
    told = settings(gb28181_media_host=wildcard, gb28181_media_advertised="198.51.100.7")
    assert told.media_advertised == "198.51.100.7"


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "0.0.0.0:5060", "[::]:5060"])
def test_a_wildcard_is_not_advertised(wildcard):
    with pytest.raises(ValidationError, match="wildcard"):
        settings(gb28181_advertised=wildcard)


def test_media_is_asked_for_at_the_address_of_signalling_where_none_was_set():
    told = settings(gb28181_media_host="0.0.0.0", gb28181_advertised="198.51.100.7:5060")
    assert told.media_advertised == "198.51.100.7"
