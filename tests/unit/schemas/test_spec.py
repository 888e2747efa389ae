"""What a command and an event of the catalog know about themselves."""

import pytest

from cambus.schemas.commands import live, media_relay, ptz
from cambus.schemas.events import device


def test_a_device_command_goes_to_its_device() -> None:
    assert ptz.PRESET_GOTO.name == ptz.PRESET_GOTO.key == "ptz.preset.goto"
    assert ptz.PRESET_GOTO.subject("gate-1") == "cambus.v1.cmd.gate-1.ptz.preset.goto"


def test_a_device_command_needs_a_device() -> None:
    with pytest.raises(ValueError, match="needs a device"):
        live.START.subject()


def test_a_service_command_goes_to_its_service() -> None:
    assert media_relay.LIVE_OPEN.name == "live.open"
    assert media_relay.LIVE_OPEN.key == "media-relay.live.open"
    assert media_relay.LIVE_OPEN.subject() == "cambus.v1.svc.media-relay.live.open"


def test_a_service_command_takes_no_device() -> None:
    with pytest.raises(ValueError, match="goes to a service"):
        media_relay.LIVE_OPEN.subject("gate-1")


def test_a_device_that_is_no_token_is_refused() -> None:
    with pytest.raises(ValueError, match="device"):
        live.START.subject("a.b")


def test_an_event_is_published_under_its_device() -> None:
    assert device.AUTH_FAILED.name == "device.auth-failed"
    assert device.AUTH_FAILED.subject("gate-1") == "cambus.v1.evt.gate-1.device.auth-failed"
