"""JSON for programs, text for people."""

import io
import json
from datetime import UTC, datetime

from rich.text import Text

from cambus.cli.failures import CliError
from cambus.cli.output import Output
from cambus.schemas.state.credentials import Credentials


def output(*, as_json=False):
    return Output(as_json=as_json, stdout=io.StringIO(), stderr=io.StringIO())


def written(out):
    return out.console.file.getvalue()


def test_models_become_json_and_secrets_stay_starred():
    out = output(as_json=True)
    out.document(
        {
            "login": Credentials(username="admin", password="canary"),
            "many": (1, 2),
            "at": datetime(2026, 2, 1, tzinfo=UTC),
        }
    )
    assert json.loads(written(out)) == {
        "login": {"username": "admin", "password": "**********", "previous_password": None, "token": None},
        "many": [1, 2],
        "at": "2026-02-01T00:00:00Z",
    }


def test_json_is_readable_and_moves_no_cursor():
    out = output(as_json=True)
    out.record({"name": "大门\x9b2J\u2028"})
    assert "大门" in written(out)
    assert "\x9b" not in written(out)
    assert written(out).count("\n") == 1
    assert json.loads(written(out))["name"] == "大门\x9b2J\u2028"


def test_a_table_shows_foreign_text_as_text():
    out = output()
    out.table(("name", "state"), [("[bold]x\x1b[2J", Text("online", "green")), (None, 3)])
    lines = written(out).splitlines()
    assert "[bold]x [2J" in lines[1]
    assert "\x1b" not in written(out)
    assert lines[2].split() == ["3"]


def test_an_empty_table_says_so():
    out = output()
    out.table(("name",), [], empty="no devices yet")
    assert written(out) == "no devices yet\n"


def test_what_is_no_terminal_is_not_wrapped():
    out = output()
    out.table(("name",), [("x" * 300,)])
    assert "x" * 300 in written(out)


def test_a_failure_goes_to_stderr_or_into_the_document():
    error = CliError("no such preset", hint="look", code=422, reason="no-such-preset", device_code="118")
    out = output()
    out.failure(error)
    assert written(out) == ""
    assert out.errors.file.getvalue() == (
        "Error: 422 no-such-preset: no such preset (device code 118)\n  try: look\n"
    )
    out = output(as_json=True)
    out.failure(error)
    assert json.loads(written(out)) == {
        "error": {
            "exit_code": 1,
            "code": 422,
            "reason": "no-such-preset",
            "text": "no such preset",
            "device_code": "118",
            "hint": "look",
        }
    }
