"""What the README promises is what there is."""

import re
from pathlib import Path

import pytest
from readme_tables import row, rows

import cambus.connector_gb28181
from cambus.bus.metrics import Metrics
from cambus.bus.settings import BusSettings
from cambus.connector_gb28181.cascade.metrics import CascadeMetrics
from cambus.connector_gb28181.handlers import all_handlers
from cambus.connector_gb28181.handlers.device import CONNECTOR_COMMANDS, ONLY_2022
from cambus.connector_gb28181.metrics import Gb28181Metrics
from cambus.connector_gb28181.options import Gb28181Options
from cambus.connector_gb28181.settings import Gb28181Settings
from cambus.schemas.catalog import DEVICE_COMMANDS

README = (Path(cambus.connector_gb28181.__file__).parents[3] / "README.md").read_text()
SETTINGS = {
    name: field
    for name, field in Gb28181Settings.model_fields.items()
    if name not in BusSettings.model_fields
}


def test_every_option_and_setting_is_described_and_no_other():
    assert rows(README, "Options of a device") == list(Gb28181Options.model_fields)
    assert rows(README, "Settings") == [f"CAMBUS_{name.upper()}" for name in SETTINGS]


@pytest.mark.parametrize(("name", "field"), list(Gb28181Options.model_fields.items()))
def test_each_option_stands_there_with_its_default_and_its_meaning(name, field):
    assert field.description
    assert row(name, field) in README


@pytest.mark.parametrize(("name", "field"), list(SETTINGS.items()))
def test_each_setting_stands_there_with_its_default_and_its_meaning(name, field):
    assert row(f"CAMBUS_{name.upper()}", field) in README


def test_every_command_is_listed_and_no_other():
    section = README.partition("## Commands\n")[2].partition("\nEverything else")[0]
    listed = {
        f"{noun}.{verb}"
        for noun, verbs in re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
        for verb in re.findall(r"`([^`]+)`", verbs)
    }
    assert listed == {*all_handlers().names, *CONNECTOR_COMMANDS} & set(DEVICE_COMMANDS)


def test_every_command_that_only_newer_devices_have_is_named_as_such():
    assert set(DEVICE_COMMANDS) >= ONLY_2022
    text = README.partition("`unsupported-version`, commands")[2].partition("names of presets")[0]
    assert set(re.findall(r"`([a-z._]+)`", text)) == ONLY_2022


def test_every_metric_of_our_own_is_described():
    metrics = Metrics()
    Gb28181Metrics(metrics)
    CascadeMetrics(metrics)
    names = set(re.findall(r"# HELP (cambus_(?:gb28181|cascade)_\w+)", metrics.render().decode()))
    assert len(names) > 5
    assert {name for name in names if f"`{name}`" not in README} == set()


def test_links_lead_somewhere():
    folder = Path(cambus.connector_gb28181.__file__).parents[3]
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert (folder / target).exists(), target
