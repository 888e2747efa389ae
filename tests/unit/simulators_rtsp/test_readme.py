"""The switches of a simulated camera are those the README lists."""

from pathlib import Path

from typer.testing import CliRunner

from cambus.simulators.cli import app
from cambus.simulators.rtsp.quirks import Quirks

README = (Path(__file__).parents[3] / "libs/simulators/README.md").read_text(encoding="utf-8")


def test_every_quirk_stands_there():
    for name, values, default, doc in Quirks.describe():
        assert f"| `{name}` | {values} | {default} | {doc} |" in README


def test_a_quirk_nobody_knows_is_refused():
    ran = CliRunner().invoke(app, ["rtsp", "--user", "u", "--password", "p", "--quirk", "colour=blue"])
    assert ran.exit_code == 2


def test_a_password_has_to_be_given():
    assert CliRunner().invoke(app, ["rtsp", "--user", "u"]).exit_code == 2
