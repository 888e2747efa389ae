"""The switches themselves: set by text, checked, listed."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from typer.main import get_command

from cambus.dvrip.device_quirks import FAULTS
from cambus.simulators.cli import app
from cambus.simulators.dvrip.control import ControlServer
from cambus.simulators.dvrip.quirks import Quirks

README = (Path(__file__).parents[3] / "libs/simulators/README.md").read_text()
HINTS = get_type_hints(Quirks)


def other_value(name):
    """Text for a value that is not the default."""
    hint, default = HINTS[name], getattr(Quirks(), name)
    if get_origin(hint) is Literal:
        return next(str(each) for each in get_args(hint) if each != default)
    if get_origin(hint) is dict:
        return "1020:wrong_flag" if name == "reply_fault" else "1020:2"
    if get_origin(hint) is set:
        return "1,2"
    if hint is bool:
        return "off" if default else "on"
    return str(hint(default + 1))


@pytest.mark.parametrize("name", [each.name for each in fields(Quirks)])
def test_every_quirk_is_set_by_text_and_back(name):
    quirks = Quirks()
    quirks.update({name: other_value(name)})
    assert getattr(quirks, name) != getattr(Quirks(), name)
    changed = quirks.as_json()
    assert {key for key, value in changed.items() if value != Quirks().as_json()[key]} == {name}
    again = Quirks()
    again.update(changed)
    assert again == quirks
    quirks.reset()
    assert quirks == Quirks()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nonsense", "1"),
        ("tail", "crlfcrlf"),
        ("version", "one"),
        ("audio", "perhaps"),
        ("delay_s", "1020"),
        ("delay_s", "x:1"),
        ("silent_ids", "a,b"),
        ("silent_ids", 5),
    ],
)
def test_wrong_names_and_values_are_refused_and_change_nothing(name, value):
    quirks = Quirks()
    with pytest.raises(ValueError, match="quirk"):
        quirks.update({"version": 7, name: value})
    assert quirks == Quirks()


def test_the_readme_lists_every_quirk_as_it_is():
    for name, values, default, doc in Quirks.describe():
        assert f"| `{name}` | {values} | {default} | {doc} |".replace("|  |", "| |") in README.replace(
            "|  |", "| |"
        )


def test_the_readme_lists_every_option_and_every_call():
    options = {option for param in get_command(app).commands["dvrip"].params for option in param.opts}
    assert options <= set(re.findall(r"`(--[a-z-]+)", README))
    for path in ("GET /state", "GET /quirks", "GET /config", "GET /snapshot"):
        assert f"`{path}`" in README
    for name in ControlServer([])._actions():
        assert f"`POST /{name}`" in README
    for fault in get_args(FAULTS):
        assert f"`{fault}`" in README
