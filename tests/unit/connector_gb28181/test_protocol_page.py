"""The page about GB/T 28181 devices names every reason, event, command and option as they are."""

import json
import re
from pathlib import Path

import cambus.connector_gb28181
from cambus.connector import registered
from cambus.connector.errors import EndReason
from cambus.connector_gb28181 import link, signalling
from cambus.connector_gb28181.handlers import all_handlers
from cambus.connector_gb28181.handlers.device import CONNECTOR_COMMANDS
from cambus.connector_gb28181.mapping.errors import command_error
from cambus.connector_gb28181.mapping.native import message_of
from cambus.connector_gb28181.options import Gb28181Options
from cambus.connector_gb28181.settings import Gb28181Settings
from cambus.gb28181 import errors as gb
from cambus.gb28181.manscdp.config import BLOCKS
from cambus.schemas.catalog import DEVICE_COMMANDS, EVENTS
from cambus.schemas.commands.native import NativeCallRequest

CODE = Path(cambus.connector_gb28181.__file__).parent
ROOT = CODE.parents[4]
PAGE = ROOT / "docs" / "protocols" / "gb28181.md"
TEXT = PAGE.read_text()
ANSWERED = {*all_handlers().names, *CONNECTOR_COMMANDS} & set(DEVICE_COMMANDS)


def table(header):
    return TEXT.partition(f"| {header} |")[2].partition("\n\n")[0]


def first_column(header):
    rows = re.findall(r"^\| ([^|]+) \|", table(header), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_reason_a_device_of_ours_is_not_online_has_a_row():
    shown = first_column("reason")
    ours = {reason.value for reason, _ in link._ENDS.values()} | set(signalling._REFUSALS)
    assert ours <= shown
    assert shown <= {reason.value for reason in EndReason} | set(signalling._REFUSALS)


def test_every_exception_that_is_reported_has_a_row():
    source = "\n".join(path.read_text() for path in CODE.rglob("*.py"))
    reported = set(re.findall(r"events\.exception\(\s*\"([a-z-]+)\"", source))
    inbound = Path(registered.__file__).read_text()
    reported |= set(re.findall(r"^FLAPPING: Final = \"([a-z-]+)\"", inbound, re.MULTILINE))
    assert first_column("code") == reported


def test_every_command_that_is_answered_is_reached_by_the_page():
    text = table("of the standard | command")
    shown = {name for name in re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", text) if name not in EVENTS}
    assert shown <= ANSWERED | {"upgrade.info", "upgrade.start", "upgrade.cancel"}
    assert ANSWERED - shown == set()


def test_every_option_is_the_answer_to_some_firmware():
    named = set(re.findall(r"`([a-z_]+): [^`]+`", table("it looks like this | option")))
    assert named == set(Gb28181Options.model_fields) - {"code", "alarm_methods", "alarm_priorities"}


def test_options_of_the_page_are_options_a_record_takes():
    for name, value in re.findall(r"`([a-z_]+): ([^`]+)`", table("it looks like this | option")):
        plain = value.split(" (")[0]
        if plain.startswith("["):
            given = plain.strip("[]").split(", ")
        elif plain in {"true", "false"}:
            given = plain == "true"
        elif re.fullmatch(r"\d+", plain):
            given = float(plain) if name.endswith("_s") and name != "position_interval_s" else int(plain)
        else:
            given = plain.strip('"')
        Gb28181Options.of({name: given})


def test_settings_on_the_page_exist():
    named = set(re.findall(r"CAMBUS_([A-Z0-9_]+)", TEXT))
    assert {name.lower() for name in named} <= set(Gb28181Settings.model_fields)


def test_every_block_of_the_standard_is_named():
    assert {block for block in BLOCKS if f"`{block}`" not in TEXT} == set()


def test_messages_by_hand_are_messages():
    requests = re.findall(r"`(\{\"protocol\": \"gb28181\".+?\})` \|$", TEXT, re.MULTILINE)
    assert len(requests) >= 3
    for text in requests:
        message_of(NativeCallRequest(**json.loads(text)).message)


def test_reasons_commands_fail_for_are_named():
    for error in (
        gb.Unconfirmed(""),
        gb.Unreachable(""),
        gb.Unsupported(""),
        gb.Refused(""),
        gb.Busy("", status=486),
    ):
        assert f"`{command_error(error).reason}`" in TEXT


def test_links_lead_somewhere_and_the_page_is_linked():
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (PAGE.parent / target).exists(), target
    assert "protocols/gb28181.md" in (ROOT / "docs" / "README.md").read_text()
