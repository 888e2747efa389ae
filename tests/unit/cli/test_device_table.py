"""The table of devices on terminals of any width."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console

from cambus.cli.device_status import DeviceStatus
from cambus.cli.device_table import device_table
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import DeviceState, Presence, PresenceError

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def statuses():
    error = PresenceError(
        code=401, reason="wrong-password", text="the device refused user admin", at=NOW - timedelta(minutes=2)
    )
    refused = Presence(
        device="north-recorder",
        online=False,
        state=DeviceState.CREDENTIALS_REJECTED,
        since=NOW - timedelta(hours=3),
        replica="connector-dvrip-0",
        retry_at=NOW + timedelta(seconds=40),
        last_error=error,
    )
    online = Presence(
        device="yard", online=True, state=DeviceState.ONLINE, since=NOW, model="NBD8016", channels_total=16
    )
    record = DeviceRecord(id="north-recorder", protocol="dvrip", name="Recorder at the north gate")
    yard = DeviceRecord(id="yard", protocol="dvrip", name="院子")
    return [DeviceStatus("north-recorder", record, refused), DeviceStatus("yard", yard, online)]


def lines(width):
    console = Console(file=io.StringIO(), width=width)
    console.print(device_table(statuses(), NOW, console))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 150, 400])
def test_ids_states_and_errors_are_whole_at_any_width(width):
    shown = lines(width)
    assert all(cell_len(line.rstrip()) <= width for line in shown)
    assert shown[1].startswith("north-recorder  ")
    assert "credentials-rejected (again in 40 s)" in shown[1]
    assert any("the device refused user admin (2 min ago)" in line for line in shown)
    assert shown[-1].split()[0] == "yard"


def test_columns_stand_below_each_other_whatever_the_script():
    head, first, _, second = lines(100)
    assert (
        head.index("state")
        == first.index("credentials-rejected")
        == cell_len(second[: second.index("online")])
    )


def test_a_wide_terminal_has_everything_in_one_row():
    assert len(lines(200)) == 3
