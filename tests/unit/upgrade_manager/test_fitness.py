"""Whether an image is for a device."""

import pytest

from cambus.schemas.state.firmware import FirmwareImage
from cambus.upgrade_manager.fitness import DeviceFacts, misfit

DEVICE = DeviceFacts(
    protocol="dvrip", vendor="XM", model="NBD8016RA-UL", version="V4.03.R11", hardware="HI3531DV100"
)
FITTING = FirmwareImage(
    protocols=["dvrip"],
    vendors=["xm"],
    models=["NBD70*", "NBD80*"],
    hardware=["hi3531*"],
    from_versions=["V4.03.R1?"],
)


def test_an_image_of_which_nothing_is_said_is_for_every_device() -> None:
    assert misfit(DEVICE, FirmwareImage()) is None
    assert misfit(DeviceFacts(), FirmwareImage()) is None


def test_an_image_is_for_what_all_of_its_patterns_fit_upper_or_lower_case() -> None:
    assert misfit(DEVICE, FITTING) is None


@pytest.mark.parametrize(
    ("field", "pattern", "reason"),
    [
        ("protocols", "gb28181", "wrong-protocol"),
        ("vendors", "Dahua", "wrong-vendor"),
        ("models", "NBD7*", "wrong-model"),
        ("hardware", "HI3520*", "wrong-hardware"),
        ("from_versions", "V4.02.*", "wrong-version"),
    ],
)
def test_one_that_does_not_fit_is_enough(field: str, pattern: str, reason: str) -> None:
    found = misfit(DEVICE, FITTING.model_copy(update={field: [pattern]}))
    assert found is not None
    assert found.reason == reason
    assert pattern in found.text


@pytest.mark.parametrize("field", ["protocol", "vendor", "model", "version"])
def test_what_a_device_does_not_say_fits_no_pattern(field: str) -> None:
    facts = {name: getattr(DEVICE, name) for name in DeviceFacts.__slots__} | {field: ""}
    found = misfit(DeviceFacts(**facts), FITTING)
    assert found is not None
    assert "unknown" in found.text


def test_hardware_that_no_connector_tells_is_not_compared() -> None:
    facts = {name: getattr(DEVICE, name) for name in DeviceFacts.__slots__} | {"hardware": ""}
    assert misfit(DeviceFacts(**facts), FITTING) is None


def test_a_model_with_brackets_is_no_pattern() -> None:
    """What a device says is never the pattern, only what is matched."""
    assert misfit(DeviceFacts(model="[N]*"), FirmwareImage(models=["NBD*"])) is not None
