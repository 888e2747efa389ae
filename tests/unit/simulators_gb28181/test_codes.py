"""The codes of what is behind a simulated device."""

import time

import pytest

from cambus.gb28181.codes import is_code
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.simulators.gb28181.device import SimulatedDevice
from cambus.simulators.gb28181.profiles import PROFILES


@pytest.mark.parametrize("count", [1, 99, 100, 250, 10_000])
def test_a_device_has_as_many_cameras_as_it_was_given(count):
    device = SimulatedDevice(
        "34020000001180000001", PROFILES["hik_nvr"], count, ArchivePlan(), time.monotonic
    )
    assert len(device.cameras) == count
    assert all(map(is_code, device.cameras))
    assert len(set(device.codes)) == len(device.codes)
