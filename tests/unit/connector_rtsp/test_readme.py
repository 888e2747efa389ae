"""What the README and the page for integrators promise is what there is."""

import re
import textwrap
from pathlib import Path

import pytest
import yaml
from readme_tables import row, rows

import cambus.connector_rtsp
from cambus.bus.metrics import Metrics
from cambus.bus.settings import BusSettings
from cambus.connector_rtsp.handlers import all_handlers
from cambus.connector_rtsp.handlers.device import CONNECTOR_COMMANDS
from cambus.connector_rtsp.metrics import RtspMetrics
from cambus.connector_rtsp.options import RtspOptions
from cambus.connector_rtsp.places import check_places
from cambus.connector_rtsp.settings import RtspSettings

FOLDER = Path(cambus.connector_rtsp.__file__).parents[3]
README = (FOLDER / "README.md").read_text()
PAGE = (FOLDER.parents[1] / "docs/protocols/rtsp.md").read_text()
SETTINGS = {
    name: field for name, field in RtspSettings.model_fields.items() if name not in BusSettings.model_fields
}


def test_every_option_and_setting_is_described_and_no_other():
    assert rows(README, "Options of a device") == list(RtspOptions.model_fields)
    assert rows(README, "Settings") == [f"CAMBUS_{name.upper()}" for name in SETTINGS]


@pytest.mark.parametrize(("name", "field"), list(RtspOptions.model_fields.items()))
def test_each_option_stands_there_with_its_default_and_its_meaning(name, field):
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
    assert listed == {*all_handlers().names, *CONNECTOR_COMMANDS}


def test_every_metric_of_our_own_is_described():
    metrics = Metrics()
    RtspMetrics(metrics)
    names = set(re.findall(r"# HELP (cambus_rtsp_\w+)", metrics.render().decode()))
    assert len(names) == 4
    assert {name for name in names if f"`{name}`" not in README} == set()


@pytest.mark.parametrize("text", [README, PAGE], ids=["readme", "page"])
def test_its_examples_are_records_that_work(text):
    blocks = map(textwrap.dedent, re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))
    records = [record for block in map(yaml.safe_load, blocks) for record in block.get("devices", [block])]
    assert records
    for record in records:
        check_places(record.get("address", "192.0.2.1"), RtspOptions.of(record["options"]).cameras)


def test_the_urls_of_makes_are_places():
    table = PAGE.partition("| make |")[2].partition("\n\n")[0]
    paths = [path for path in re.findall(r"`(/[^`]+)`", table) if "<" not in path]
    assert len(paths) > 8
    for path in paths:
        check_places("192.0.2.1", RtspOptions.of({"url": path}).cameras)


@pytest.mark.parametrize(("text", "folder"), [(README, FOLDER), (PAGE, FOLDER.parents[1] / "docs/protocols")])
def test_links_lead_somewhere(text, folder):
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (folder / target).exists(), target
