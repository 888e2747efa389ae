"""Who had a device do what, and what became of it (GB-276)."""

import logging

import pytest

from cambus.client.calling import BusClient
from cambus.connector_gb28181.handlers import all_handlers
from cambus.schemas import headers
from cambus.schemas.commands import alarm, config, device, native, ptz
from cambus.schemas.errors import CambusError, DeviceRefused
from cambus.schemas.model import Empty


@pytest.fixture
def lines(caplog):
    """The lines of the audit log, as (caller, device, command, outcome)."""
    caplog.set_level(logging.INFO, "cambus.audit")

    def read():
        return [
            (record.caller, record.device, record.command, record.outcome)
            for record in caplog.records
            if record.name == "cambus.audit"
        ]

    return read


async def test_controls_are_audited_with_who_what_and_how_it_ended(bench, lines):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    guard = BusClient(bench.bus, caller="guard at the\r\n gate")
    move = ptz.PtzMoveRequest(channel=0, pan=1.0)
    await guard.call(ptz.MOVE, move, device="gate")
    await guard.call(device.REBOOT, device.DeviceRebootRequest(confirm=True), device="gate")
    await bench.shown("gate", lambda presence: presence.online)
    simulator.quirks.result = "error"
    with pytest.raises(DeviceRefused):
        await bench.client.call(alarm.ARM, alarm.AlarmArmRequest(), device="gate")
    with pytest.raises(CambusError):
        await bench.client.call(ptz.PRESET_GOTO, ptz.PtzPresetRequest(channel=0, preset=999), device="gate")
    mine = f"{bench.bus.name}:{bench.bus.settings.instance}"
    assert lines() == [
        ("guard at the gate", "gate", "ptz.move", "ok"),
        ("guard at the gate", "gate", "device.reboot", "ok"),
        (mine, "gate", "alarm.arm", "422 refused"),
        (mine, "gate", "ptz.preset.goto", "400 out-of-range"),
    ]


async def test_questions_are_not_and_messages_by_hand_are_without_what_they_say(bench, lines, caplog):
    await bench.online(profile="hik_nvr")
    await bench.client.call(device.INFO, Empty(), device="gate")
    await bench.client.call(config.GET, config.ConfigGetRequest(name="BasicParam"), device="gate")
    assert lines() == []
    message = "<Control><CmdType>DeviceConfig</CmdType><BasicParam><Password>s3cret</Password></BasicParam></Control>"
    request = native.NativeCallRequest(protocol="gb28181", message=message, confirm=True)
    await bench.client.call(native.CALL, request, device="gate")
    assert [line[2:] for line in lines()] == [("native.call", "ok")]
    assert "s3cret" not in caplog.text


async def test_nobody_can_break_the_log_by_what_they_call_themselves(bench, lines):
    await bench.online(profile="hik_nvr")
    await bench.listed()
    subject = ptz.STOP.subject("gate")
    name = "x" * 500
    await bench.bus.request(subject, b'{"channel": 0}', headers={headers.CALLER: name}, timeout_s=10)
    await bench.bus.request(subject, b'{"channel": 0}', headers={}, timeout_s=10)
    assert [line[0] for line in lines()] == ["x" * 128, ""]


def test_every_command_that_changes_something_is_audited():
    unaudited = {entry.spec.name for entry in all_handlers() if not entry.audited and not entry.spec.confirm}
    assert unaudited == {
        name
        for name in all_handlers().names
        if name.rpartition(".")[2]
        in {"info", "status", "capabilities", "get", "list", "find", "calendar", "touch"}
        or name in {"recording.download", "snapshot.take"}
    }
