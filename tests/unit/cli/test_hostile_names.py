"""Names devices give themselves, in everything people read: shown as text, moving no cursor, making no markup."""

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cambus.cli.device_status import DeviceStatus
from cambus.cli.device_table import device_table
from cambus.cli.event_text import event_line
from cambus.cli.failures import CliError
from cambus.cli.output import Output
from cambus.client.received import ReceivedEvent
from cambus.schemas.catalog import EVENTS
from cambus.schemas.events.base import Event
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import DeviceState, Presence, PresenceError

NOW = datetime(2026, 2, 1, tzinfo=UTC)
NAME = "[red]x[/red][link=https://evil]\x1b[2J\x1b]0;evil\x07\x9b2J\r\u202eevil\u2028:smile:"
MOVERS = set("\x1b\x07\x9b\r\u202e\u2028\x00")


def texts_of(model):
    """The fields that hold any text; those every event has are tokens, and checked."""
    for name, field in model.model_fields.items():
        if field.annotation in {str, str | None} and name not in Event.model_fields:
            yield name


@pytest.fixture
def output():
    return Output(as_json=False, stdout=io.StringIO(), stderr=io.StringIO())


def written(output):
    return output.console.file.getvalue() + output.errors.file.getvalue()


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_with_hostile_texts_is_one_line_of_text(name, output):
    model = EVENTS[name].model
    event = model.model_validate_json(json.dumps(model.model_json_schema()["examples"][0]))
    texts = dict.fromkeys(texts_of(model), NAME)
    event = event.model_copy(update=texts)
    output.text(event_line(ReceivedEvent(name, event, "s", {}, b"", 1, 1, NOW)))
    assert written(output).count("\n") == 1
    assert not MOVERS & set(written(output))


def test_markup_of_an_alarm_is_shown_as_it_is(output):
    model = EVENTS["alarm.raised"].model
    event = model.model_validate_json(json.dumps(model.model_json_schema()["examples"][0]))
    output.text(
        event_line(
            ReceivedEvent("alarm.raised", event.model_copy(update={"text": NAME}), "s", {}, b"", 1, 1, NOW)
        )
    )
    assert "[red]x[/red][link=https://evil]" in written(output)
    assert ":smile:" in written(output)


@pytest.mark.parametrize("width", [40, 200])
def test_a_table_of_devices_with_hostile_names(width):
    error = PresenceError(code=502, reason="protocol", text=NAME, at=NOW)
    presence = Presence(
        device="gate",
        online=False,
        state=DeviceState.OFFLINE,
        since=NOW,
        replica="r",
        vendor=NAME,
        model=NAME,
        software_version=NAME,
        last_error=error,
    )
    record = DeviceRecord(id="gate", protocol="dvrip", name=NAME)
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    console.print(device_table([DeviceStatus("gate", record, presence)], NOW, console))
    shown = console.file.getvalue()
    assert "evil" in shown
    assert not MOVERS & set(shown)


def test_lines_notes_and_failures_move_no_cursor(output):
    output.line(f"  {NAME}\nsecond")
    output.note(NAME)
    output.failure(CliError(NAME, hint=NAME))
    assert written(output).count("evil") == 4 * NAME.count("evil")
    assert not MOVERS & set(written(output))


def test_json_of_hostile_texts_reads_the_same_again():
    output = Output(as_json=True, stdout=io.StringIO(), stderr=io.StringIO())
    output.document({"name": NAME})
    assert json.loads(written(output)) == {"name": NAME}
    assert not MOVERS - set("\u202e") & set(written(output))
