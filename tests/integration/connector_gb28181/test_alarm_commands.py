"""Arming, disarming and acknowledging: what the device hears, and what becomes of its answer (GB-089)."""

import pytest
from gb28181_bodies import controls, elements, text_of

from cambus.gb28181.manscdp.control import DeviceControl
from cambus.schemas.commands import alarm
from cambus.schemas.errors import DeadlineExceeded, DeviceRefused, Unsupported


async def test_the_device_and_its_channels_are_armed_and_disarmed(bench, call):
    simulator = await bench.online(profile="hik_nvr", channels=2)
    await bench.listed(2)
    await call(alarm.ARM)
    assert simulator.device.guarded
    await call(alarm.DISARM, channel=1)
    assert not simulator.device.guarded
    sent = [(each.code, each.element.get("GuardCmd")) for each in controls(simulator)]
    assert sent == [(simulator.code, "SetGuard"), (simulator.channels[1], "ResetGuard")]
    with pytest.raises(Unsupported):
        await call(alarm.ARM, types=["motion"])


async def test_alarms_are_acknowledged_all_or_of_one_kind(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    simulator.device.alarmed = True
    await call(alarm.RESET)
    assert not simulator.device.alarmed
    await call(alarm.RESET, type="motion", channel=0)
    await call(alarm.RESET, type="io")
    first, second, third = (DeviceControl.parse(each) for each in controls(simulator))
    assert first.info is None
    assert (second.info.alarm_method, second.info.alarm_type) == ("5", "2")
    assert (third.info.alarm_method, third.info.alarm_type) == ("2", None)
    assert elements(text_of(simulator.heard("DeviceControl")[1]))[4:] == [
        "AlarmCmd",
        "Info",
        "AlarmMethod",
        "AlarmType",
    ]
    with pytest.raises(Unsupported):
        await call(alarm.RESET, type="analytics.face")
    sent = len(controls(simulator))
    await call(alarm.RESET, type="temperature")  # over and under are of their own
    found = [DeviceControl.parse(each).info.alarm_type for each in controls(simulator)[sent:]]
    assert found == ["4", "5"]


async def test_an_alarm_that_was_acknowledged_is_over(bench, gate):
    simulator = await bench.online(gate, profile="hik_nvr")
    await bench.listed(device=gate)
    heard = await bench.heard(gate)
    simulator.raise_alarm(method=5, type_=2)
    raised = await heard.until("alarm.raised")
    await bench.client.call(alarm.RESET, alarm.AlarmResetRequest(channel=0), device=gate)
    cleared = await heard.until("alarm.cleared")
    assert cleared.key == raised.key


async def test_a_device_that_says_no_and_one_that_says_nothing_are_told_apart(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    simulator.quirks.result = "error"
    with pytest.raises(DeviceRefused) as refused:
        await call(alarm.ARM)
    assert refused.value.reason == "refused"
    simulator.quirks.drop = {"DeviceControl"}
    with pytest.raises(DeadlineExceeded) as silent:
        await call(alarm.ARM)
    assert (silent.value.reason, silent.value.retryable) == ("unconfirmed", False)


async def test_outputs_and_network_inputs_are_not_of_this_protocol(bench, call):
    await bench.online(profile="hik_nvr")
    with pytest.raises(Unsupported):
        await call(alarm.OUTPUT_SET, output=0, active=True)
    with pytest.raises(Unsupported):
        await call(alarm.INPUTS_SET, active=[])
