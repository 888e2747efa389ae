"""The page about DVRIP devices names every reason, event and option as they are."""

import re
from pathlib import Path

import cambus.connector_dvrip
from cambus.connector.errors import EndReason
from cambus.connector_dvrip.mapping.errors import AUTH_DETAILS
from cambus.connector_dvrip.options import DvripOptions
from cambus.connector_dvrip.settings import DvripSettings

CODE = Path(cambus.connector_dvrip.__file__).parent
ROOT = CODE.parents[4]
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
    reported |= set(re.findall(r"^CODE: Final = \"([a-z-]+)\"", source, re.MULTILINE))
    assert first_column("code") == reported


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
