"""What the README promises is what there is."""

import re
from pathlib import Path

import pytest
from readme_tables import row, rows

import cambus.connector_dvrip
from cambus.bus.metrics import Metrics
from cambus.bus.settings import BusSettings
from cambus.connector_dvrip.handlers import all_handlers
from cambus.connector_dvrip.handlers.device import CONNECTOR_COMMANDS
from cambus.connector_dvrip.metrics import DvripMetrics
from cambus.connector_dvrip.options import DvripOptions
from cambus.connector_dvrip.settings import DvripSettings
from cambus.schemas.catalog import DEVICE_COMMANDS

README = (Path(cambus.connector_dvrip.__file__).parents[3] / "README.md").read_text()


def test_every_option_is_described_and_no_other():
    assert rows(README, "Options of a device") == list(DvripOptions.model_fields)


@pytest.mark.parametrize(("name", "field"), list(DvripOptions.model_fields.items()))
def test_each_option_stands_there_with_its_default_and_its_meaning(name, field):
    assert row(name, field) in README


def test_every_setting_is_described_and_no_other():
    own = [name for name in DvripSettings.model_fields if name not in BusSettings.model_fields]
    assert rows(README, "Settings") == [f"CAMBUS_{name.upper()}" for name in own]


def test_every_command_is_listed_and_no_other():
    section = README.partition("## Commands\n")[2].partition("\nEverything else")[0]
    listed = {
        f"{noun}.{verb}"
        for noun, verbs in re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
        for verb in re.findall(r"`([^`]+)`", verbs)
    }
    answered = {*all_handlers().names, *CONNECTOR_COMMANDS} - {"dvrip.alarm"}
    assert listed == answered
    assert listed <= set(DEVICE_COMMANDS)


@pytest.mark.parametrize("option", list(DvripOptions.model_fields))
def test_every_option_says_what_it_is_for(option):
    assert DvripOptions.model_fields[option].description


def test_every_metric_of_our_own_is_described():
    metrics = Metrics()
    DvripMetrics(metrics)
    names = {
        name.removesuffix("_created")
        for name in re.findall(r"# HELP (cambus_dvrip_\w+)", metrics.render().decode())
    }
    assert names
    assert {name for name in names if f"`{name}`" not in README} == set()
