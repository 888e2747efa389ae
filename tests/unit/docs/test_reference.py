"""The reference has all of it: every command, event, error, setting, metric and option, in a page made of the code."""

import re

import pytest
from documented import ROOT
from reference import PAGES, command_line, commands, devices_file, events, metrics, services, settings
from reference.markdown import prose

from cambus.bus.describe import variable
from cambus.bus.metrics import Metrics
from cambus.bus.routes import CallCounts
from cambus.schemas.asyncapi import KEY_VALUES
from cambus.schemas.catalog import DEVICE_COMMANDS, EVENTS, SERVICE_COMMANDS
from cambus.schemas.errors import ErrorCode

DECLARED = re.compile(r'\.(counter|gauge|histogram)\(\s*"([a-z0-9_]+)"')


@pytest.fixture(scope="module")
def pages():
    """Every page, by its name."""
    return {name: make() for name, make in PAGES.items()}


def section(page, heading):
    """What stands under a heading, up to the next one of its level or above."""
    return re.split(r"^## ", page.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]


def test_every_page_has_a_title_and_says_that_it_is_made(pages):
    for name, page in pages.items():
        assert re.match(r"# \S.*\n\n\*This page is made of the code", page), name


def test_every_command_has_a_section_with_its_fields(pages):
    for specs, name in ((DEVICE_COMMANDS, "commands.md"), (SERVICE_COMMANDS, "service-commands.md")):
        for spec in specs.values():
            heading = f"### {spec.name} {{ #{commands.anchor(spec)} }}"
            _, found, rest = pages[name].partition(heading)
            assert found, spec.key
            body = re.split(r"^##", rest, flags=re.MULTILINE)[0]
            assert prose(spec.summary) in body
            for field in {**spec.request.model_fields, **spec.reply.model_fields}:
                assert f"| `{field}` |" in body, (spec.key, field)


def test_every_event_has_a_section_with_its_fields(pages):
    for spec in EVENTS.values():
        body = pages["events.md"].partition(f"## {spec.name} {{")[2].partition("\n## ")[0]
        assert {field for field in spec.model.model_fields if f"| `{field}` |" not in body} == set(), (
            spec.name
        )


def test_every_stored_value_has_a_section_with_its_fields(pages):
    for bucket, key, model in KEY_VALUES:
        body = section(pages["state.md"], bucket).partition(f"### `{key}`")[2].partition("\n### ")[0]
        assert {field for field in model.model_fields if f"| `{field}` |" not in body} == set(), key


def test_every_error_is_listed_and_every_exit_code(pages):
    for error in ErrorCode:
        assert f"| `{int(error)}` |" in pages["errors.md"]
    readme = (ROOT / "libs" / "cli" / "README.md").read_text()
    listed = re.findall(
        r"^\| (\d+) \| ", readme.partition("| exit code |")[2].partition("\n\n")[0], re.MULTILINE
    )
    for code in listed:
        assert f"| `{code}` |" in pages["errors.md"], code


@pytest.mark.parametrize("service", services.names())
def test_every_setting_of_a_service_is_listed_with_its_meaning(pages, service):
    page = pages["settings.md"]
    kind = settings.settings_of(service)
    shown = section(page, service) + section(page, "All connectors") * service.startswith("connector-")
    shown += section(page, "All services")
    for name, field in kind.model_fields.items():
        row = re.search(rf"^\| `{variable(kind, name)}` \|.*$", shown, re.MULTILINE)
        assert row, name
        assert field.description, f"{service}: {name} says nothing"
        assert prose(field.description) in row[0]


def test_a_setting_whose_default_is_another_in_a_service_is_told_there(pages):
    for service in services.names():
        kind = settings.settings_of(service)
        for name in settings.own_fields(kind):
            assert f"| `{variable(kind, name)}` |" in section(pages["settings.md"], service)


def test_every_metric_of_the_source_is_listed(pages):
    for tower in ("libs", "services"):
        for package in (ROOT / tower).iterdir():
            declared = {
                f"cambus_{name}"
                for path in package.glob("src/**/*.py")
                for _, name in DECLARED.findall(path.read_text())
            }
            found = {metric.name for metric in metrics.declared(f"{tower}/{package.name}")}
            assert found == declared, package.name
            for name in declared:
                assert f"| `{name}` |" in pages["metrics.md"]


def test_labels_are_those_a_service_counts_with():
    counted = Metrics()
    CallCounts(counted)
    told = {metric.name: metric for metric in metrics.declared("libs/bus")}
    for family in counted.registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        if name in told:
            assert told[name].help == family.documentation
            assert told[name].kind == family.type
    assert set(told["cambus_commands_total"].labels["command"]) >= {*DEVICE_COMMANDS}
    protocol = next(
        each for each in metrics.declared("libs/connector") if each.name == "cambus_connector_devices"
    )
    assert protocol.labels["protocol"] is None  # only the running connector knows
    assert "online" in protocol.labels["state"]


def test_every_command_of_the_command_line_is_listed_with_its_options(pages):
    page = pages["cambusctl.md"]
    assert {"demo", "ptz move", "ptz preset goto", "secret keys add", "alarms", "alarms rules apply"} <= {
        *command_line.tree()
    }
    for words, command in command_line.tree().items():
        assert f"\ncambusctl {words}" in page
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.hidden:
                assert all(f"`{option}`" in page for option in parameter.opts), (words, parameter.name)


def test_every_key_and_option_of_a_devices_file_is_listed(pages):
    keys = {*devices_file.DeviceEntry.model_fields, *devices_file.CredentialsEntry.model_fields}
    assert set(devices_file.MEANINGS) == keys
    for protocol, options in devices_file.protocols().items():
        body = section(pages["devices-yaml.md"], f"Options of {protocol}")
        assert {name for name in options.model_fields if f"| `{name}` |" not in body} == set()


def test_what_is_linked_to_is_there(pages):
    anchors = {
        name: {
            *re.findall(r"\{ #([a-z0-9_-]+) \}", page),
            *(
                re.sub(r"[^a-z0-9_ -]", "", head.lower()).replace(" ", "-")
                for head in re.findall(r"^#+ (.*)$", page, re.MULTILINE)
            ),
        }
        for name, page in pages.items()
    }
    for name, page in pages.items():
        for target, anchor in re.findall(r"\]\(([a-z-]+\.md)?#([^)]+)\)", page):
            assert anchor in anchors[target or name], (name, target, anchor)


def test_events_are_those_of_the_catalog(pages):
    assert len(re.findall(r"^## ", pages["events.md"], re.MULTILINE)) == len(EVENTS)
    assert events.page() == pages["events.md"]
