"""The switches of simulated GB/T 28181 devices, what is told of them, and that each is used."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from cambus.simulators.cli import app
from cambus.simulators.gb28181.control import ACTIONS
from cambus.simulators.gb28181.profiles import PROFILES
from cambus.simulators.gb28181.quirks import Quirks

ROOT = Path(__file__).parents[3]
README = (ROOT / "libs/simulators/README.md").read_text(encoding="utf-8")
TESTS = "\n".join(
    each.read_text(encoding="utf-8")
    for folder in ("simulators_gb28181", "gb28181_media")
    for each in (ROOT / "tests/integration" / folder).glob("test_*.py")
)
NAMES = [name for name, *_ in Quirks.describe()]


def test_the_readme_lists_every_quirk_as_it_is():
    for name, values, default, doc in Quirks.describe():
        assert f"| `{name}` | {values} | {default} | {doc} |" in README


def test_the_readme_lists_every_option_call_and_make():
    options = {option for param in get_command(app).commands["gb28181"].params for option in param.opts}
    assert options <= set(re.findall(r"`(--[a-z0-9-]+)", README))
    assert all(f"`POST /{name}`" in README for name in ACTIONS)
    assert all(f"`{name}`" in README for name in PROFILES)


@pytest.mark.parametrize("name", NAMES)
def test_every_switch_is_used_by_a_test(name):
    assert re.search(rf"\b{name}\b", TESTS), name


def test_switches_are_set_by_text():
    quirks = Quirks()
    quirks.update({"drop": "Catalog,200 INVITE", "delay_s": "Keepalive:0.5", "pace": "2", "tags": "double"})
    assert quirks.drop == {"Catalog", "200 INVITE"}
    assert (quirks.delay_s, quirks.pace, quirks.tags) == ({"Keepalive": 0.5}, 2.0, "double")
    with pytest.raises(ValueError, match="no quirk"):
        quirks.update({"pace": 1, "nothing": 2})
    with pytest.raises(ValueError, match="double"):
        quirks.update({"tags": "three"})
    assert quirks.pace == 2.0
    quirks.reset()
    assert quirks == Quirks()
