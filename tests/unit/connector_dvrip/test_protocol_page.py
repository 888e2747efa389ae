"""The page about DVRIP devices names every reason, event and option as they are."""

import inspect
import re
from pathlib import Path

import cambus.connector_dvrip
import cambus.dvrip.profile
from cambus.connector import registered
from cambus.connector.errors import EndReason
from cambus.connector_dvrip.handlers import all_handlers
from cambus.connector_dvrip.handlers.device import CONNECTOR_COMMANDS
from cambus.connector_dvrip.mapping.errors import AUTH_DETAILS
from cambus.connector_dvrip.options import DvripOptions
from cambus.connector_dvrip.settings import DvripSettings
from cambus.schemas.commands.discovery import ADDRESS_SET_DVRIP, RUN_DVRIP

CODE = Path(cambus.connector_dvrip.__file__).parent
ROOT = CODE.parents[4]
LIBRARY = Path(cambus.dvrip.profile.__file__).parent
PAGE = ROOT / "docs" / "protocols" / "dvrip.md"
TEXT = PAGE.read_text()


def first_column(header):
    table = TEXT.partition(f"| {header} |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_reason_a_device_is_not_online_has_a_row():
    assert first_column("reason") == {reason.value for reason in EndReason} | set(AUTH_DETAILS.values())


def test_every_exception_that_is_reported_has_a_row():
    source = "\n".join(path.read_text() for path in CODE.rglob("*.py"))
    reported = set(re.findall(r"exception\(\s*\"([a-z-]+)\"", source))
    reported |= set(re.findall(r"code=\"([a-z]+-[a-z-]+)\"", source))
    inbound = Path(registered.__file__).read_text()  # what concerns every protocol whose devices dial in
    reported |= set(re.findall(r"^FLAPPING: Final = \"([a-z-]+)\"", inbound, re.MULTILINE))
    reported |= set(re.findall(r"^CODE: Final = \"([a-z-]+)\"", source, re.MULTILINE))
    assert first_column("code") == reported


def rows(header):
    """The rows of a table, cell by cell."""
    table = TEXT.partition(f"{header}\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[1:]]


def test_every_choice_names_its_place_and_its_option():
    choices = rows("| what is open | what Cambus does | made otherwise with | kept in |")
    named = set()
    for what, _, options, place in choices:
        named |= set(re.findall(r"`([a-z_]+)`", options))
        (path,) = re.findall(r"`([a-z_/]+\.py)`", place)
        assert ((CODE if "connector" in place else LIBRARY) / path).is_file(), what
    assert named <= set(DvripOptions.model_fields)
    switches = {name for name in DvripOptions.model_fields if changes_the_protocol(name)}
    assert switches - named == {
        "connections",
        "ptz_flip_h",
        "ptz_flip_v",
    }  # choices of whoever owns the device


def changes_the_protocol(option):
    """Whether an option is one of those the protocol library hears of."""
    return f"self.{option}" in inspect.getsource(DvripOptions.profile)


def test_every_group_of_operations_is_reached_by_commands_that_are_answered():
    groups = rows("| group | operations | command |")
    numbers = {
        number
        for group, *_ in groups
        for first, last in [re.fullmatch(r"C(\d+)(?:-C(\d+))?", group).groups()]
        for number in range(int(first), int(last or first) + 1)
    }
    assert numbers == set(range(1, 28))
    shown = set(re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", " ".join(cell for row in groups for cell in row)))
    answered = {*all_handlers().names, *CONNECTOR_COMMANDS}
    searches = {spec.name for spec in (RUN_DVRIP, ADDRESS_SET_DVRIP)}
    assert shown - {"device.offline"} <= answered | searches
    by_group = {name for name in answered if name.partition(".")[0] in {"device", "upgrade", "talk", "live"}}
    assert by_group - shown <= {"device.channels"}


def test_options_and_settings_on_the_page_exist():
    table = TEXT.partition("| it looks like this | option |")[2].partition("\n\n")[0]
    options = re.findall(r"`([a-z_]+): [^`]+`", table)
    assert options
    assert set(options) <= set(DvripOptions.model_fields)
    settings = set(re.findall(r"CAMBUS_([A-Z_]+)", TEXT))
    assert {name.lower() for name in settings} <= set(DvripSettings.model_fields)


def test_links_lead_somewhere_and_the_page_is_linked():
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (PAGE.parent / target).exists(), target
    assert "protocols/dvrip.md" in (ROOT / "docs" / "README.md").read_text()
